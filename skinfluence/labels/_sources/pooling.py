"""From several opinions to one calibrated one: by the likelihood of rows that were left out.

Everything here sees only what models without a row say about that row, so that the likelihood of
the given labels is an honest criterion.

- Members are weighed as a log-linear pool, by weights that make the given labels likely (stacking,
  Wolpert 1992; Breiman 1996): what a member adds to the others decides, not how good it is alone.
- The pool is calibrated by a regression of the labels on its log-probabilities, which is shrunk
  towards leaving them as they are (Kull et al. 2019). Least squares on one-hot labels knows little
  of which classes are near each other; this repairs it.

References
----------
M. Kull et al. (2019), Beyond temperature scaling: obtaining well-calibrated multiclass
probabilities with Dirichlet calibration, NeurIPS.
"""

from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_expit

MAX_RATE = 0.6
#: No row can cost the pool more than the logarithm of this share.
FLAT_RATE = 0.02
#: Of two members of a regression, one that is worse by so many nats a row weighs exp(-1) of it.
NEAR = 0.02
#: Shares below this, relative to the largest, are none.
LEAST_SHARE = 0.1
#: The calibration is pulled to leaving everything as it is, as by so many rows: its coefficients,
#: and its intercepts.
PRIOR_ROWS, PRIOR_INTERCEPT = 100.0, 10.0
N_FOLDS = 5
#: More rows calibrate no better.
MOST_ROWS = 20_000


def log_probabilities(values):
    """The logarithm of the softmax over the last axis of (..., K), fast for two classes."""
    if values.shape[-1] != 2:
        shifted = values - values.max(axis=-1, keepdims=True)
        return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    margin = values[..., 1] - values[..., 0]
    return np.stack([log_expit(-margin), log_expit(margin)], axis=-1)


def flat_noise_likelihood(log_proba, codes, weight, n_iter=8):
    """Mean log-likelihood of the given labels where a share of them may be anything.

    Of log-probabilities (..., n, K), in nats a row, shape (...); and that share, of the same shape,
    by expectation-maximisation.
    """
    n_classes = log_proba.shape[-1]
    own = np.exp(log_proba[..., np.arange(len(codes)), codes])
    share = weight / weight.sum()
    rate = np.full(own.shape[:-1], 0.05)
    for _ in range(n_iter):
        wrong = rate[..., None] / n_classes
        wrong = wrong / (wrong + (1 - rate[..., None]) * own)
        rate = np.clip(wrong @ share, 1e-4, MAX_RATE)
    mixture = (1 - rate[..., None]) * own + rate[..., None] / n_classes
    return np.log(mixture) @ share, rate


def best_temperature(values, codes, weight, temperatures):
    """(log-likelihood, temperature) of each of L alternatives, values of shape (L, n, K).

    The temperature, by which values are multiplied before the softmax, is that one of a list under
    which the given labels are most likely.
    """
    scores = np.stack(
        [
            flat_noise_likelihood(log_probabilities(t * values), codes, weight)[0]
            for t in temperatures
        ]
    )
    return scores.max(axis=0), np.asarray(temperatures)[scores.argmax(axis=0)]


def shares_of_near_best(criteria):
    """Shares of the members of a regression, by how near each is to the best, shape (r,)."""
    criteria = np.asarray(criteria)
    shares = np.exp((criteria - criteria.max()) / NEAR)
    shares[shares < LEAST_SHARE] = 0.0
    return shares / shares.sum()


def stacking_weights(values, codes, weight, start):
    """What the members' scores are multiplied by before they are added, none negative, (r,).

    The softmax of a multiple of the scores (r, n, K) would be probabilities; `start` is the best
    multiple of each member alone.
    """
    rows, share = np.arange(len(codes)), weight / weight.sum()
    n_classes = values.shape[2]

    def loss(weights):
        log_proba = log_probabilities(np.tensordot(weights, values, 1))
        own = (1.0 - FLAT_RATE) * np.exp(log_proba[rows, codes])
        mixture = own + FLAT_RATE / n_classes
        gradient = np.exp(log_proba)
        gradient[rows, codes] -= 1.0
        gradient *= (share * own / mixture)[:, None]
        slope = np.tensordot(values, gradient, 2)
        return -(share @ np.log(mixture)), slope

    bounds = [(0.0, None)] * len(start)
    return minimize(loss, start / len(start), jac=True, method="L-BFGS-B", bounds=bounds).x


@dataclass
class Calibration:
    """Multinomial logistic regression of the labels on log-probabilities."""

    matrix: np.ndarray = field(repr=False)  # coefficients less the unit matrix, shape: (K, K)
    intercept: np.ndarray = field(repr=False)  # shape: (K,)

    def __call__(self, log_proba):
        """Calibrated log-probabilities, of the shape (n, K) of the given ones."""
        centred = log_proba - log_proba.mean(axis=1, keepdims=True)
        return log_probabilities(centred + centred @ self.matrix + self.intercept)


def cross_calibrate(log_proba, codes, weight):
    """Each row (n, K) calibrated by the others that have weight; and the mean Calibration."""
    counting = np.flatnonzero(weight > 0)
    folds = np.full(len(codes), -1)
    folds[counting[np.argsort(codes[counting], kind="stable")]] = np.arange(len(counting)) % N_FOLDS
    fitted = []
    for fold in range(min(N_FOLDS, len(counting))):
        others = np.flatnonzero((folds >= 0) & (folds != fold))
        others = others[:: -(-len(others) // MOST_ROWS) or 1]
        fitted.append(_calibration(log_proba[others], codes[others], weight[others]))
    mean = Calibration(
        np.mean([one.matrix for one in fitted], axis=0),
        np.mean([one.intercept for one in fitted], axis=0),
    )
    out = mean(log_proba)
    for fold, one in enumerate(fitted):
        out[folds == fold] = one(log_proba[folds == fold])
    return out, mean


def _calibration(log_proba, codes, weight):
    rows, size = np.arange(len(codes)), log_proba.shape[1]
    weight = weight * (len(weight) / weight.sum()) if len(weight) else weight
    centred = log_proba - log_proba.mean(axis=1, keepdims=True)

    def loss(coef):
        change = Calibration(coef[:-size].reshape(size, size), coef[-size:])
        said = change(log_proba)
        gradient = np.exp(said)
        gradient[rows, codes] -= 1.0
        gradient *= weight[:, None]
        slope = centred.T @ gradient + PRIOR_ROWS * change.matrix
        value = 0.5 * PRIOR_ROWS * (change.matrix**2).sum()
        value += 0.5 * PRIOR_INTERCEPT * (change.intercept**2).sum()
        return (
            value - weight @ said[rows, codes],
            np.r_[slope.ravel(), gradient.sum(axis=0) + PRIOR_INTERCEPT * change.intercept],
        )

    found = minimize(loss, np.zeros(size * (size + 1)), jac=True, method="L-BFGS-B").x
    return Calibration(found[:-size].reshape(size, size), found[-size:])
