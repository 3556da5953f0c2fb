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
G. Patrini et al. (2017), Making deep neural networks robust to label noise, CVPR. M. Kull et al.
(2019), Beyond temperature scaling, NeurIPS. N. Natarajan et al. (2013), Learning with noisy labels,
NeurIPS. K. Burnham and D. Anderson (2002), Model selection and multimodel inference, Springer.
"""

from dataclasses import dataclass, field

import numpy as np
from scipy.linalg import block_diag, cho_factor, cho_solve
from scipy.optimize import bisect, minimize
from scipy.special import expit, logit
from sklearn.utils import gen_batches

from skinfluence.labels._sources.pooling import log_probabilities

#: Pseudo-rows of each class, of the common rate, in the prior of the matrix.
PRIOR_ROWS = 10.0
#: Pseudo-rows, and their share of wrong labels, in the prior of the common rate.
RATE_ROWS, PRIOR_RATE = 3.0, 0.05
#: Precision of the normal prior of the calibration matrix, in units of the root mean square of s;
#: the priors of log-temperature and offsets are standard normal.
OF_CALIBRATION = 2.0
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
#: Of the log-odds at the most.
LARGEST_SHIFT = 8.0


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


@dataclass(frozen=True)
class NoiseVerdict:
    """Two noise models, and the mean of their posteriors on the scale of log-probabilities."""

    one_rate: NoiseFit
    matrix: NoiseFit
    share: float  # of the matrix in the mean
    shift: float  # added to the log-odds that a label is right

    @property
    def parts(self):
        """Pairs of a share and a NoiseFit."""
        return (1 - self.share, self.one_rate), (self.share, self.matrix)

    def given_proba(self, log_proba):
        """P(given label | x), shape (n, K)."""
        return sum(share * fit.proba(log_proba) @ fit.matrix for share, fit in self.parts)

    def posterior(self, log_proba, codes):
        """P(true class | x, given label), shape (n, K)."""
        tiny = np.finfo(float).tiny
        logs = sum(
            share * np.log(np.maximum(fit.posterior(log_proba, codes), tiny))
            for share, fit in self.parts
        )
        logs[np.arange(len(codes)), codes] += self.shift
        return np.exp(log_probabilities(logs))


def fit_verdict(log_proba, codes, weight, true, before=None):
    """The NoiseVerdict of rows of positive weight, from out-of-sample log-probabilities (n, K).

    Fits start from those of `before`, another NoiseVerdict, where there is one. `true` are the true
    classes where a review has told them, -1 elsewhere. These rows were not drawn at random, but by
    what the models and the given labels say: with both labels of them the likelihood is that of all
    rows, and the rates are not those of the rows that are left.
    """
    kept, n_classes = weight > 0, log_proba.shape[1]
    log_proba, codes, true = log_proba[kept], codes[kept], true[kept]
    weight = weight[kept] / weight[kept].mean()
    problem = _Problem(log_proba, codes, weight, true)
    anchored = problem.anchored_matrix()
    rate = np.clip(1 - np.diag(anchored).mean(), 0.01, 0.9)
    starts = [problem.start(PRIOR_RATE), problem.start(rate, 1.0)]
    matrix = one_rate = problem.best_fit([before.one_rate.position] if before else starts)
    share = 0.0
    if problem.whole:
        starts = [one_rate.position, problem.start(rate, 1.0, anchored)]
        matrix = problem.best_fit([before.matrix.position] if before else starts, matrix=True)
        further = n_classes * (n_classes - 1) - 1
        charge = further - 1 + np.log(weight.sum())
        gain = weight.sum() * (matrix.likelihood - one_rate.likelihood)
        share = float(expit(STEEP * (gain / charge - EVEN)))
    left = true < 0
    log_proba, codes, weight = log_proba[left], codes[left], weight[left]
    wrong = weight @ matrix.wrong(log_proba, codes)
    own = NoiseVerdict(one_rate, matrix, share, 0.0).posterior(log_proba, codes)
    own = np.clip(own[np.arange(len(codes)), codes], 1e-12, 1 - 1e-12)
    odds = np.log(own) - np.log1p(-own)

    def too_many(shift):
        return weight @ expit(-(odds + shift)) - wrong

    low, high = too_many(-LARGEST_SHIFT), too_many(LARGEST_SHIFT)
    shift = np.copysign(LARGEST_SHIFT, high)
    if low > 0 > high:
        shift = bisect(too_many, -LARGEST_SHIFT, LARGEST_SHIFT)
    return NoiseVerdict(one_rate, matrix, share, shift)


def standard_errors(fit, log_proba, codes, weight, true):
    """Standard errors of the entries of a noise matrix (K, K), and of the share of wrong labels.

    From the information of the scores of single rows and of the priors, with all parameters free
    that the fit has free. The share is that of the rows whose `true` class is not known (-1).
    """
    problem = _Problem(log_proba, codes, weight, true)
    of_entries, of_rate = problem.standard_errors(fit.position)
    few = np.sqrt(problem.n / len(codes))
    return few * of_entries, float(few * of_rate)


class _Problem:
    """The data of one fit; parameters are log t, b, the logit of the common rate, A and R.

    Row k of the matrix is the softmax of the logarithms of one rate plus R[k]. Of many classes A
    and R are zero and no parameters.
    """

    def __init__(self, log_proba, codes, weight, true):
        if len(codes) > MOST_ROWS:
            # the permutation of a common seed may be the one that was used to flip labels
            drawn = np.random.default_rng(SEED).permutation(len(codes))[:MOST_ROWS]
            log_proba, codes, weight, true = (v[drawn] for v in (log_proba, codes, weight, true))
        n, K = self.n, self.n_classes = log_proba.shape
        self.open = true < 0
        # which true classes each row may have: of one that was reviewed only that one
        self.allowed = self.open[:, None] | (true[:, None] == np.arange(K))
        scores = centred(log_proba)
        size = np.sqrt(weight @ (scores**2).mean(axis=1) / weight.sum())
        self.scale = max(size, np.finfo(float).tiny)
        self.scores = scores / self.scale
        self.codes, self.weight, self.total = codes, weight, weight.sum()
        self.one_hot = np.zeros((n, K))
        self.one_hot[np.arange(n), codes] = 1.0
        self.off = ~np.eye(K, dtype=bool)
        self.whole = K <= MOST_CLASSES
        self.parts = np.cumsum([1, K, 1, K * K if self.whole else 0])

    def unpack(self, position):
        """(log t, b, logit of the common rate, A, R)."""
        log_t, b, rate, *square = np.split(position, self.parts)
        K = self.n_classes
        A, R = (part.reshape(K, K) if self.whole else np.zeros((K, K)) for part in square)
        # a line search may try a step at whose end exp() is infinite
        log_t, rate = np.clip([log_t[0], rate[0]], -30.0, 30.0)
        return log_t, b, rate, A, R

    def start(self, rate, log_t=0.0, matrix=None):
        """Parameters of one rate, or of a matrix."""
        position = np.zeros(self.parts[-1] + (self.n_classes**2 if self.whole else 0))
        position[0], position[self.parts[1]] = log_t, logit(rate)
        if matrix is not None:
            common = log_probabilities(self._common(logit(rate)))
            position[self.parts[-1] :] = (np.log(np.maximum(matrix, 1e-5)) - common).ravel()
        return position

    def _common(self, rate):
        return np.where(self.off, rate - np.log(self.n_classes - 1), 0.0)

    def matrix(self, position):
        """The noise matrix, and the one of the common rate."""
        _, _, rate, _, R = self.unpack(position)
        common = self._common(rate)
        return np.exp(log_probabilities(common + R)), np.exp(log_probabilities(common))

    def slope(self, position):
        """From `self.scores` to logits."""
        log_t, _, _, A, _ = self.unpack(position)
        return self.scale * np.exp(log_t) * np.eye(self.n_classes) + A

    def _explained(self, position):
        """(probabilities, matrix, matrix of the common rate, posteriors, log-likelihoods)."""
        logits = self.scores @ self.slope(position) + self.unpack(position)[1]
        proba, (matrix, common) = np.exp(log_probabilities(logits)), self.matrix(position)
        joint = proba * matrix[:, self.codes].T * self.allowed
        total = np.maximum(joint.sum(axis=1), np.finfo(float).tiny)
        return proba, matrix, common, joint / total[:, None], np.log(total)

    def _by_rate(self, posterior, T):
        """Derivative of each row's log-likelihood by the logit of the common rate, (n,)."""
        return 1.0 - posterior[np.arange(self.n), self.codes] - posterior @ (1.0 - np.diag(T))

    def best_fit(self, starts, matrix=False):
        """The NoiseFit from the start that is best after a few steps."""
        if len(starts) > 1:
            first = [self.fit(start, matrix=matrix, steps=FIRST_STEPS) for start in starts]
            starts = [max(first, key=lambda fit: fit.objective).position]
        return self.fit(starts[0], matrix=matrix)

    def fit(self, position, *, matrix=False, steps=STEPS):
        """The NoiseFit from a start; `matrix`: with R free, `steps`: at the most."""

        def loss(position):
            log_t, b, rate, A, R = self.unpack(position)
            proba, T, common, posterior, logs = self._explained(position)
            residual = (posterior - proba) * self.weight[:, None]
            of_slope, share = np.vdot(self.scores, residual), expit(rate)
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
                - 0.5 * (log_t**2 + b @ b)
                - 0.5 * OF_CALIBRATION * np.vdot(A, A)
                + prior
                + RATE_ROWS * (PRIOR_RATE * np.log(share) + (1 - PRIOR_RATE) * np.log1p(-share))
            )
            gradient = [
                [self.scale * np.exp(log_t) * of_slope - log_t],
                residual.sum(axis=0) - b,
                [of_rate + RATE_ROWS * (PRIOR_RATE - share)],
            ]
            if self.whole:
                of_A = self.scores.T @ residual - OF_CALIBRATION * A
                gradient += [of_A.ravel(), of_T.ravel()]
            return -value / self.total, -np.concatenate(gradient) / self.total

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

    def standard_errors(self, position):
        """Standard errors of the matrix (K, K), and of the share of wrong labels."""
        K, at_rate = self.n_classes, self.parts[1]
        proba, T, _, posterior, _ = self._explained(position)
        by_R = block_diag(*(np.diag(row) - np.outer(row, row) for row in T)) if self.whole else None
        share = expit(position[at_rate])
        precision = np.full(len(position), OF_CALIBRATION)
        precision[:at_rate], precision[at_rate] = 1.0, RATE_ROWS * share * (1 - share)
        information = np.diag(precision)
        if self.whole:
            information[self.parts[-1] :, self.parts[-1] :] = PRIOR_ROWS * by_R
        by_rate = self._by_rate(posterior, T)[:, None]
        for rows in gen_batches(self.n, 1000):
            scores, post = self.scores[rows], posterior[rows]
            residual = post - proba[rows]
            by_t = self.scale * np.exp(position[0]) * (residual * scores).sum(axis=1, keepdims=True)
            of_rows = [by_t, residual, by_rate[rows]]
            if self.whole:
                by_A = scores[:, :, None] * residual[:, None, :]
                by_T = post[:, :, None] * (self.one_hot[rows][:, None, :] - T)
                of_rows += [by_A.reshape(len(post), -1), by_T.reshape(len(post), -1)]
            of_rows = np.hstack(of_rows)
            information += (of_rows * self.weight[rows][:, None]).T @ of_rows
        # the softmax has directions that change nothing; the smallest ridge keeps them out
        information[np.diag_indices_from(information)] += 1e-8 * np.trace(information)
        covariance = cho_solve(cho_factor(information), np.eye(len(information)))
        jacobian = np.zeros((K * K, len(position)))
        jacobian[:, at_rate] = (T * (self.off - (T * self.off).sum(axis=1, keepdims=True))).ravel()
        if self.whole:
            jacobian[:, self.parts[-1] :] = by_R
        left = self.weight * self.open
        of_rate = left @ posterior / left.sum() @ jacobian[:: K + 1]
        variances = ((jacobian @ covariance) * jacobian).sum(axis=1)
        return np.sqrt(variances).reshape(K, K), np.sqrt(of_rate @ covariance @ of_rate)

    def anchored_matrix(self):
        """The given labels of the rows that are surest of each class.

        Where many labels are wrong, the likelihood has a second maximum at none: probabilities
        that the model has learnt from wrong labels explain these. From here the other is reached.
        """
        count = max(ANCHORS, self.n // (5 * self.n_classes))
        surest = np.argsort(-self.scores, axis=0, kind="stable")[:count].T  # shape: (K, count)
        matrix = np.einsum("kr,krj->kj", self.weight[surest], self.one_hot[surest])
        matrix += 0.5 / self.n_classes
        return matrix / matrix.sum(axis=1, keepdims=True)
