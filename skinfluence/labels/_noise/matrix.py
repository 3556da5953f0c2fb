"""Noise matrix and calibration, fitted together.

The given label of a row is read as a noisy copy of its true class,

    P(given = j | x) = sum_k P(true = k | x) T[k, j],
    P(true = . | x) = softmax(t s(x) + A' s(x) + b),       s(x) = centred log p(x),

where p(x) are the probabilities of models that have not seen the row, T is the noise matrix (the
forward correction of Patrini et al. 2017, theorem 2), and t, A and b calibrate p: a temperature, a
matrix and an offset a class (Kull et al. 2019). Both can explain that the given labels are less
sure than p: the calibration where it goes gradually with s, the noise matrix where even rows on
which the model is sure have other labels. A model that confuses classes is thereby not taken for
labels that confuse them, as far as the data tell the two apart; as far as they do not, the priors
(below) prefer the calibration, and a matrix of one rate for all mistakes.

All parameters maximise the weighted log-likelihood of the given labels plus weak log-priors. Two
noise models are fitted: one rate for all mistakes, and a whole matrix. The posterior of a row is
the mean of both on the scale of log-probabilities. The share of the matrix grows with its gain in
log-likelihood for each nat that its further parameters are charged: one each, as by Akaike
(Burnham & Anderson 2002, section 2.9), and log(n) for the first.

References
----------
G. Patrini, A. Rozza, A. K. Menon, R. Nock and L. Qu (2017), Making deep neural networks robust to
label noise: a loss correction approach, CVPR.

M. Kull, M. Perello-Nieto, M. Kaengsepp, T. Silva Filho, H. Song and P. Flach (2019), Beyond
temperature scaling: obtaining well-calibrated multiclass probabilities with Dirichlet calibration,
NeurIPS.

N. Natarajan, I. Dhillon, P. Ravikumar and A. Tewari (2013), Learning with noisy labels, NeurIPS.

K. P. Burnham and D. R. Anderson (2002), Model selection and multimodel inference, Springer.
"""

from dataclasses import dataclass, field

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.utils import gen_batches

from skinfluence.labels._sources.pooling import log_probabilities

#: Pseudo-rows of each class, of the common rate, in the prior of the matrix.
PRIOR_ROWS = 10.0
#: Pseudo-rows, and their share of wrong labels, in the prior of the common rate.
RATE_ROWS, PRIOR_RATE = 10.0, 0.05
#: Precisions of the normal priors of log-temperature, offsets and calibration matrix. The last is
#: in units of the root mean square of s.
OF_TEMPERATURE, OF_OFFSET, OF_CALIBRATION = 1.0, 1.0, 2.0
#: Share of labels that is taken to be wrong for reasons that no matrix of these data shows: without
#: it a rate of zero would rank one class behind all others.
UNEXPLAINED = 0.01
#: The fit goes to so many rows at the most, drawn by a fixed seed, ...
MOST_ROWS, SEED = 10_000, 60_493
#: ... and with more classes than this to a temperature, offsets and one rate alone.
MOST_CLASSES = 30
#: Steps of the quasi-Newton method, and those after which the better of two starts is chosen. A
#: step that gains less than so many nats is the last.
STEPS, FIRST_STEPS, LEAST_GAIN = 150, 15, 0.003
#: Of each class, at least so many of the surest rows stand for what its labels are.
ANCHORS = 10
#: At which gain of the matrix, relative to the charge of its parameters, both models count alike,
#: and how fast the share of the matrix grows there. On ten tables with made noise the gains are
#: 0.03 to 0.5 for noise of one rate and for none, and 0.5 to 10 for lopsided noise.
EVEN, STEEP = 0.55, 8.0


@dataclass(frozen=True)
class NoiseFit:
    """A noise matrix with the calibration that belongs to it."""

    matrix: np.ndarray  # P(given = column | true = row), rows sum to one, shape: (K, K)
    slope: np.ndarray = field(repr=False)  # from centred log-probabilities to logits, (K, K)
    offset: np.ndarray = field(repr=False)  # of the logits, shape: (K,)
    likelihood: float  # mean log-likelihood of the given labels, in nats a row
    objective: float  # the same with the priors
    position: np.ndarray = field(repr=False)  # all parameters, to start another fit

    def proba(self, log_proba):
        """P(true class | x), shape (n, K)."""
        return np.exp(log_probabilities(centred(log_proba) @ self.slope + self.offset))

    def wrong(self, log_proba, codes):
        """Probability that each given label is wrong by the matrix alone, shape (n,)."""
        return 1.0 - self.posterior(log_proba, codes, 0.0)[np.arange(len(codes)), codes]

    def posterior(self, log_proba, codes, unexplained=UNEXPLAINED):
        """P(true class | x, given label), shape (n, K)."""
        other = one_rate_matrix(1.0, len(self.matrix))
        matrix = (1 - unexplained) * self.matrix + unexplained * other
        joint = self.proba(log_proba) * matrix[:, codes].T
        return joint / np.maximum(joint.sum(axis=1, keepdims=True), np.finfo(float).tiny)


def centred(log_proba):
    return log_proba - log_proba.mean(axis=1, keepdims=True)


def one_rate_matrix(rate, n_classes):
    """The noise matrix whose wrong classes are equally likely."""
    matrix = np.full((n_classes, n_classes), rate / (n_classes - 1))
    np.fill_diagonal(matrix, 1 - rate)
    return matrix


def agreement(matrix, codes, predicted):
    """Unbiased estimates of whether predictions are the true classes, from given labels, (n,).

    Their expectation is 1 for the true class and 0 for any other where the noise matrix (true
    classes in rows) is right (Natarajan et al. 2013, lemma 1).
    """
    return np.linalg.pinv(matrix)[codes, predicted]


def fit_noise_matrices(log_proba, codes, weight, before=None):
    """(NoiseFit of one rate, NoiseFit of a matrix, share of the second in the mean of both).

    From out-of-sample log-probabilities (n, K), given labels and row weights of mean one. They
    start from the two fits `before` to other log-probabilities of the same rows.
    """
    n_classes = log_proba.shape[1]
    problem = _Problem(*_some_rows(log_proba, codes, weight))
    if before is None:
        anchored = problem.anchored_matrix()
        at_its_rate = problem.start(matrix=anchored, parted=False, log_t=1.0)
        one_rate = problem.best_fit([problem.start(PRIOR_RATE), at_its_rate])
        starts = [one_rate.position, problem.start(matrix=anchored, log_t=1.0)]
    else:
        one_rate = problem.fit(before[0].position)
        starts = [before[1].position]
    if n_classes > MOST_CLASSES:
        return one_rate, one_rate, 0.0
    whole = problem.best_fit(starts, matrix=True)
    further = n_classes * (n_classes - 1) - 1
    charge = further - 1 + np.log(weight.sum())
    gain = weight.sum() * (whole.likelihood - one_rate.likelihood)
    share = float(expit(STEEP * (gain / charge - EVEN)))
    return one_rate, whole, share


def _some_rows(log_proba, codes, weight):
    if len(codes) <= MOST_ROWS:
        return log_proba, codes, weight
    # the permutation of a common seed may be the one that was used to flip labels
    drawn = np.random.default_rng(SEED).permutation(len(codes))[:MOST_ROWS]
    return log_proba[drawn], codes[drawn], weight[drawn]


def standard_errors(fit, log_proba, codes, weight):
    """Standard errors of the entries of a noise matrix (K, K), and of the share of wrong labels.

    From the information of the scores of single rows and of the priors, with all parameters free
    that the fit has free.
    """
    n = len(codes)
    data = _some_rows(log_proba, codes, weight)
    covariance, jacobian, shares = _Problem(*data).information(fit.position)
    spread = ((jacobian @ covariance) * jacobian).sum(axis=1)
    K = len(fit.matrix)
    of_rate = shares @ jacobian[np.arange(K) * (K + 1)]
    few = len(data[1]) / n
    std = np.sqrt(np.maximum(spread * few, 0.0)).reshape(K, K)
    return std, float(np.sqrt(max(of_rate @ covariance @ of_rate * few, 0.0)))


class _Problem:
    """The data of one fit; parameters are log t, b, A, the logit of the common rate, and R.

    Row k of the matrix is the softmax of the logarithms of one rate plus R[k].
    """

    def __init__(self, log_proba, codes, weight):
        n, K = self.n, self.n_classes = log_proba.shape
        scores = centred(log_proba)
        self.scale = max(np.sqrt((scores**2).mean()), np.finfo(float).tiny)
        self.scores = scores / self.scale
        self.codes, self.weight, self.total = codes, weight, weight.sum()
        self.one_hot = np.zeros((n, K))
        self.one_hot[np.arange(n), codes] = 1.0
        self.off = ~np.eye(K, dtype=bool)
        self.parts = np.cumsum([1, K, K * K, 1])

    def unpack(self, position):
        K = self.n_classes
        log_t, b, A, rate, R = np.split(position, self.parts)
        # a line search may try a step at whose end exp() is infinite
        log_t, rate = np.clip([log_t[0], rate[0]], -30.0, 30.0)
        return log_t, b, A.reshape(K, K), rate, R.reshape(K, K)

    def start(self, rate=None, matrix=None, parted=True, log_t=0.3):
        """Parameters of a rate, or of log t and a matrix (without `parted`, of its mean rate)."""
        K = self.n_classes
        position = np.zeros(self.parts[-1] + K * K)
        if matrix is not None:
            rate = np.clip(1 - np.diag(matrix).mean(), 0.01, 0.9)
            position[0] = log_t
        position[self.parts[2]] = np.log(rate / (1 - rate))
        if matrix is not None and parted:
            common = log_probabilities(self._common(position[self.parts[2]]))
            position[self.parts[3] :] = (np.log(np.maximum(matrix, 1e-5)) - common).ravel()
        return position

    def _common(self, rate):
        return np.where(self.off, rate - np.log(max(self.n_classes - 1, 1)), 0.0)

    def matrix(self, position):
        """The noise matrix, and the one of the common rate."""
        *_, rate, R = self.unpack(position)
        common = self._common(rate)
        return np.exp(log_probabilities(common + R)), np.exp(log_probabilities(common))

    def slope(self, position):
        """From `self.scores` to logits."""
        log_t, _, A, *_ = self.unpack(position)
        return self.scale * np.exp(log_t) * np.eye(self.n_classes) + A

    def proba(self, position):
        logits = self.scores @ self.slope(position) + self.unpack(position)[1]
        return np.exp(log_probabilities(logits))

    def _explained(self, position):
        """(probabilities, matrix, matrix of the common rate, posteriors, log-likelihoods)."""
        proba, (matrix, common) = self.proba(position), self.matrix(position)
        joint = proba * matrix[:, self.codes].T
        total = np.maximum(joint.sum(axis=1), np.finfo(float).tiny)
        return proba, matrix, common, joint / total[:, None], np.log(total)

    def _by_rate(self, posterior, T):
        """Derivative of each row's log-likelihood by the logit of the common rate, (n,)."""
        return 1.0 - posterior[np.arange(self.n), self.codes] - posterior @ (1.0 - np.diag(T))

    def best_fit(self, starts, matrix=False):
        """The NoiseFit from the start that is better after a few steps."""
        if len(starts) == 1:
            return self.fit(starts[0], matrix=matrix)
        first = [self.fit(start, matrix=matrix, steps=FIRST_STEPS) for start in starts]
        best = max(first, key=lambda fit: fit.objective)
        return self.fit(best.position, matrix=matrix)

    def fit(self, position, *, matrix=False, steps=STEPS):
        """The NoiseFit from a start; `matrix`: with R free, `steps`: at the most."""
        free_A = self.n_classes <= MOST_CLASSES

        def loss(position):
            log_t, b, A, rate, R = self.unpack(position)
            proba, T, common, posterior, logs = self._explained(position)
            residual = (posterior - proba) * self.weight[:, None]
            slope = self.scores.T @ residual if free_A else None
            along = np.trace(slope) if free_A else np.vdot(self.scores, residual)
            share = expit(rate)
            of_rate, of_T, prior = self.weight @ self._by_rate(posterior, T), 0.0 * R, 0.0
            if matrix:
                counts = (posterior * self.weight[:, None]).T @ self.one_hot + PRIOR_ROWS * common
                of_T = counts - counts.sum(axis=1, keepdims=True) * T
                ratio = np.log(np.maximum(T, np.finfo(float).tiny)) - np.log(common)
                bent = common * (self.off - (common * self.off).sum(axis=1, keepdims=True))
                of_rate = of_T[self.off].sum() + PRIOR_ROWS * np.vdot(bent, ratio)
                prior = PRIOR_ROWS * np.vdot(common, ratio)
            value = (
                self.weight @ logs
                - 0.5 * (OF_TEMPERATURE * log_t**2 + OF_OFFSET * b @ b)
                - 0.5 * OF_CALIBRATION * np.vdot(A, A)
                + prior
                + RATE_ROWS * (PRIOR_RATE * np.log(share) + (1 - PRIOR_RATE) * np.log1p(-share))
            )
            gradient = np.concatenate(
                [
                    [self.scale * np.exp(log_t) * along - OF_TEMPERATURE * log_t],
                    residual.sum(axis=0) - OF_OFFSET * b,
                    (slope - OF_CALIBRATION * A).ravel() if free_A else np.zeros(A.size),
                    [of_rate + RATE_ROWS * (PRIOR_RATE - share)],
                    of_T.ravel(),
                ]
            )
            return -value / self.total, -gradient / self.total

        options = {"maxiter": steps, "ftol": LEAST_GAIN / self.total}
        found = minimize(loss, position, jac=True, method="L-BFGS-B", options=options)
        position = found.x
        return NoiseFit(
            matrix=self.matrix(position)[0],
            slope=self.slope(position) / self.scale,
            offset=self.unpack(position)[1],
            likelihood=float(self.weight @ self._explained(position)[-1] / self.total),
            objective=-float(found.fun),
            position=position,
        )

    def information(self, position):
        """(covariance of the parameters, derivative of the matrix by them, shares of classes).

        For more than MOST_CLASSES classes of log t, b and the rate alone.
        """
        K = self.n_classes
        proba, T, _, posterior, _ = self._explained(position)
        share = expit(position[self.parts[2]])
        whole = K <= MOST_CLASSES
        free = np.ones(len(position), bool)
        if not whole:
            free[self.parts[1] : self.parts[2]] = free[self.parts[3] :] = False
        precision = np.zeros(len(position))
        precision[0], precision[1 : self.parts[1]] = OF_TEMPERATURE, OF_OFFSET
        precision[self.parts[1] : self.parts[2]] = OF_CALIBRATION
        precision[self.parts[2]] = RATE_ROWS * share * (1 - share)
        information = np.diag(precision[free])
        if whole:
            for k in range(K):
                at = slice(self.parts[3] + k * K, self.parts[3] + (k + 1) * K)
                information[at, at] += PRIOR_ROWS * (np.diag(T[k]) - np.outer(T[k], T[k]))
        by_rate = self._by_rate(posterior, T)[:, None]
        for rows in gen_batches(self.n, 1000):
            scores, post = self.scores[rows], posterior[rows]
            residual = post - proba[rows]
            by_t = self.scale * np.exp(position[0]) * (residual * scores).sum(axis=1, keepdims=True)
            by_A = by_T = np.empty((len(post), 0))
            if whole:
                by_A = (scores[:, :, None] * residual[:, None, :]).reshape(len(post), -1)
                by_T = (post[:, :, None] * (self.one_hot[rows][:, None, :] - T)).reshape(by_A.shape)
            kept = np.hstack([by_t, residual, by_A, by_rate[rows], by_T])
            information += (kept * self.weight[rows][:, None]).T @ kept
        # the softmax has directions that change nothing; the smallest ridge keeps them out
        information[np.diag_indices_from(information)] += 1e-8 * np.trace(information)
        jacobian = np.zeros((K, K, free.sum()))
        rate = self.parts[2] if whole else self.parts[1]
        jacobian[:, :, rate] = T * (self.off - (T * self.off).sum(axis=1, keepdims=True))
        for k in range(K if whole else 0):
            at = slice(rate + 1 + k * K, rate + 1 + (k + 1) * K)
            jacobian[k, :, at] = np.diag(T[k]) - np.outer(T[k], T[k])
        covariance = cho_solve(cho_factor(information), np.eye(len(information)))
        shares = self.weight @ posterior / self.total
        return covariance, jacobian.reshape(K * K, -1), -shares

    def anchored_matrix(self):
        """The given labels of the rows that are surest of each class.

        Where many labels are wrong, the likelihood has a second maximum at none: probabilities
        that the model has learnt from wrong labels explain these. From here the other is reached.
        """
        K = self.n_classes
        matrix = np.empty((K, K))
        for k in range(K):
            surest = np.argsort(-self.scores[:, k], kind="stable")[
                : max(ANCHORS, self.n // (5 * K))
            ]
            matrix[k] = self.weight[surest] @ self.one_hot[surest] + 0.5 / K
        return matrix / matrix.sum(axis=1, keepdims=True)
