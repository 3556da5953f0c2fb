"""Weighted combination of several members, by the likelihood of left-out rows.

Members are combined as a log-linear pool, with weights that maximise the likelihood of the given
labels (stacking, Wolpert 1992; Breiman 1996): what a member adds to the others decides, not its own
likelihood. The noise model calibrates the pool (`_noise/matrix.py`).
"""

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
