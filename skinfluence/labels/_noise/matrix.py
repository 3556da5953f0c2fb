"""Which classes are mistaken for which: a noise matrix fitted to honest probabilities.

The given label of a row is read as a noisy copy of its true class,

    P(given = j | x) = sum_k P(true = k | x) T[k, j],
    P(true = . | x) = softmax(t * log p(x) + b),

where p(x) are the probabilities of models that have not seen the row, T is the noise matrix, t a
temperature and b one offset a class. That is the forward correction of Patrini et al. (2017,
theorem 2) on top of fixed leave-one-out probabilities: these estimate the *given* label, so that
the true class is a sharpened (t > 1) and shifted version of them.

T, t and b maximise the weighted log-likelihood of the given labels plus weak log-priors (below) by
generalised expectation-maximisation: no round lowers the objective. Two noise models are fitted:
one rate for all (each wrong class alike) and a whole matrix. Their posteriors are averaged as
log-probabilities, with weights by what the matrix gains in log-likelihood over what its further
parameters are charged: one nat each, as by Akaike (Burnham & Anderson 2002, section 2.9), which is
asymptotically the choice by leave-one-out likelihood (Stone 1977); but log(n) for the first, the
question whether mistakes are lopsided at all. Where classes overlap and one is rare, probabilities
that are a little off look lopsided too, and Akaike's one nat takes that for noise.

References
----------
G. Patrini, A. Rozza, A. K. Menon, R. Nock and L. Qu (2017), Making deep neural networks robust to
label noise: a loss correction approach, CVPR.

N. Natarajan, I. S. Dhillon, P. Ravikumar and A. Tewari (2013), Learning with noisy labels, NIPS.

M. Stone (1977), An asymptotic equivalence of choice of model by cross-validation and Akaike's
criterion, Journal of the Royal Statistical Society B 39(1).

K. P. Burnham and D. R. Anderson (2002), Model selection and multimodel inference, Springer.
"""

from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

from skinfluence.labels._sources.pooling import log_probabilities

#: Pseudo-rows of each true class, and the share of them that is wrong: the prior of the matrix.
PRIOR_ROWS, PRIOR_RATE = 10.0, 0.05
#: Precision of the normal priors of the log-temperature and of the offsets.
PRECISION = 10.0
#: Where one starts, and the share of labels that judging takes to be wrong for reasons that no
#: matrix of these data shows; without it a rate of zero would rank one class behind all others.
START_RATE, UNEXPLAINED = 0.1, 0.01


@dataclass(frozen=True)
class NoiseFit:
    """A noise matrix with the calibration that belongs to it.

    Attributes
    ----------
    matrix : ndarray of shape (K, K)
        P(given = column | true = row); rows sum to one.
    log_temperature : float
    offset : ndarray of shape (K,)
    likelihood : float
        Weighted log-likelihood of the given labels, in nats, without the priors.
    objective : tuple of float
        The penalised log-likelihood after each round; never falls.
    """

    matrix: np.ndarray
    log_temperature: float
    offset: np.ndarray
    likelihood: float
    objective: tuple[float, ...] = field(repr=False)

    def proba(self, log_proba):
        """P(true class | x), shape (n, K)."""
        logits = np.exp(self.log_temperature) * centred(log_proba) + self.offset
        return np.exp(log_probabilities(logits))

    def posterior(self, log_proba, codes):
        """P(true class | x, given label), shape (n, K)."""
        matrix = (1 - UNEXPLAINED) * self.matrix + UNEXPLAINED * one_rate_matrix(
            1.0, len(self.matrix)
        )
        joint = self.proba(log_proba) * matrix[:, codes].T
        return joint / np.maximum(joint.sum(axis=1, keepdims=True), np.finfo(float).tiny)


def centred(log_proba):
    return log_proba - log_proba.mean(axis=1, keepdims=True)


def one_rate_matrix(rate, n_classes):
    """Each wrong class as likely as the next."""
    matrix = np.full((n_classes, n_classes), rate / (n_classes - 1))
    np.fill_diagonal(matrix, 1 - rate)
    return matrix


def fit_noise_matrix(log_proba, codes, weight, n_classes, *, one_rate, rounds=8, start=None):
    """Maximise the penalised likelihood of one of the two noise models.

    Parameters
    ----------
    log_proba : ndarray of shape (n, K)
        By models that have not seen the row.
    codes : ndarray of shape (n,)
        Given labels.
    weight : ndarray of shape (n,)
        Row weights of mean one.
    one_rate : bool
        Whether all wrong classes are alike.
    start : NoiseFit or None
        Where to start.
    """
    problem = _Problem(centred(log_proba), codes, weight, n_classes, one_rate)
    matrix = one_rate_matrix(START_RATE, n_classes) if start is None else start.matrix
    position = np.zeros(n_classes + 1)
    if start is not None:
        position = np.concatenate([[start.log_temperature], start.offset])
    objective = [problem.objective(position, matrix)]
    for _ in range(rounds):
        position = problem.calibrate(position, matrix)
        matrix = problem.best_matrix(position, matrix)
        objective.append(problem.objective(position, matrix))
        if objective[-1] - objective[-2] < 1e-3:
            break
    likelihood = problem.likelihood(position, matrix)
    return NoiseFit(matrix, position[0], position[1:], likelihood, tuple(objective))


def profile_likelihood(log_proba, codes, weight, rates, *, rounds=3):
    """Log-likelihood of given rates of wrong labels, calibrated as is best for each.

    Where nothing is sure, probabilities that are right for labels of which a share r is wrong are
    those of the true classes with log-odds times 1 - r K / (K - 1). A model that has learnt these
    labels needs that temperature undone, one that has resisted them needs none. The prior of the
    temperature is centred half way, so that it does not speak against the larger rates.

    Parameters
    ----------
    log_proba : ndarray of shape (n, K)
        By models that have not seen the row.
    codes : ndarray of shape (n,)
    weight : ndarray of shape (n,)
        Row weights of mean one.
    rates : sequence of float
        In their order: each calibration starts at the one before it.

    Returns
    -------
    ndarray of shape (n_rates,)
        In nats, with the priors of temperature and offsets.
    """
    n_classes = log_proba.shape[1]
    scores = centred(log_proba)
    position = np.zeros(n_classes + 1)
    values = []
    for rate in rates:
        flattened = 1 - rate * n_classes / (n_classes - 1)
        problem = _Problem(scores / np.sqrt(flattened), codes, weight, n_classes, True)
        matrix = one_rate_matrix(rate, n_classes)
        for _ in range(rounds):
            before = position
            position = problem.calibrate(position, matrix)
            if position is before:
                break
        prior = -0.5 * PRECISION * float(position @ position)
        values.append(problem.likelihood(position, matrix) + prior)
    return np.array(values)


class _Problem:
    """The data of one fit, and its two alternating maximisations."""

    def __init__(self, scores, codes, weight, n_classes, one_rate):
        self.scores, self.codes, self.weight = scores, codes, weight  # shape: (n, K), (n,), (n,)
        self.one_rate = one_rate
        self.prior = PRIOR_ROWS * one_rate_matrix(PRIOR_RATE, n_classes)
        # Row i adds its posterior to column codes[i]: a product with the weighted one-hot labels.
        self.one_hot = np.zeros((len(codes), n_classes))
        self.one_hot[np.arange(len(codes)), codes] = weight

    def proba(self, position):
        return np.exp(log_probabilities(np.exp(position[0]) * self.scores + position[1:]))

    def likelihood(self, position, matrix):
        total = self._explained(self.proba(position), matrix)[1]
        return float(self.weight @ np.log(total))

    def objective(self, position, matrix):
        """Penalised log-likelihood, in nats."""
        prior = (self.prior * np.log(matrix)).sum() - 0.5 * PRECISION * (position @ position)
        return self.likelihood(position, matrix) + float(prior)

    def _explained(self, proba, matrix):
        joint = proba * matrix[:, self.codes].T
        return joint, np.maximum(joint.sum(axis=1), np.finfo(float).tiny)

    def calibrate(self, position, matrix):
        """Temperature and offsets for a given matrix, by a few quasi-Newton steps."""
        total_weight = self.weight.sum()

        def loss(position):
            proba = self.proba(position)
            joint, total = self._explained(proba, matrix)
            residual = (joint / total[:, None] - proba) * self.weight[:, None]
            slope = (residual * self.scores).sum() * np.exp(position[0])
            gradient = np.concatenate([[slope], residual.sum(axis=0)]) - PRECISION * position
            value = self.weight @ np.log(total) - 0.5 * PRECISION * (position @ position)
            return -value / total_weight, -gradient / total_weight

        found = minimize(loss, position, jac=True, method="L-BFGS-B", options={"maxiter": 10})
        return found.x if found.fun < loss(position)[0] else position

    def best_matrix(self, position, matrix, steps=5):
        """A few steps of expectation-maximisation of the matrix at a fixed calibration."""
        proba = self.proba(position)
        for _ in range(steps):
            joint, total = self._explained(proba, matrix)
            counts = (joint / total[:, None]).T @ self.one_hot + self.prior
            if self.one_rate:
                rate = 1 - np.trace(counts) / counts.sum()
                matrix = one_rate_matrix(rate, len(counts))
            else:
                matrix = counts / counts.sum(axis=1, keepdims=True)
        return matrix


def weight_of_matrix(one_rate, matrix, n_rows):
    """The weight of the matrix in the average of both models, in [0, 1].

    Parameters
    ----------
    one_rate, matrix : NoiseFit
    n_rows : float
        Total weight of the rows.
    """
    n_classes = len(matrix.matrix)
    further_parameters = n_classes * (n_classes - 1) - 1
    charge = further_parameters - 1 + np.log(n_rows)
    return float(expit(matrix.likelihood - one_rate.likelihood - charge))


def standard_errors(fit, log_proba, codes, weight):
    """Of the entries of the noise matrix, from the observed information, shape (K, K).

    Each entry off the diagonal is traded against the diagonal of its row, all else held fixed.
    """
    proba = fit.proba(log_proba)
    total = np.maximum((proba * fit.matrix[:, codes].T).sum(axis=1), np.finfo(float).tiny)
    one_hot = np.zeros_like(proba)
    one_hot[np.arange(len(codes)), codes] = weight
    information = ((proba / total[:, None]) ** 2).T @ one_hot
    information += PRIOR_ROWS * one_rate_matrix(PRIOR_RATE, len(fit.matrix)) / fit.matrix**2
    variance = 1 / (information + np.diag(information)[:, None])
    np.fill_diagonal(variance, 0.0)
    np.fill_diagonal(variance, variance.sum(axis=1))
    return np.sqrt(variance)
