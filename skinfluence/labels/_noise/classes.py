"""The noise model of labels, and its refits with the rows' weights.

A wrong label misleads the model, which then hides it and its neighbours. So each round takes
out-of-sample probabilities, fits the noise model to them (`matrix.py`), and gives each row in the
next fit the weight of the probability that its label is right: expectation-maximisation around a
model that is left-one-out or cross-validated. (Koh & Liang 2017, section 5.4, rank by
self-influence, which is large for every hard row; here a row is suspicious only where models
without it are sure of another class, and mistakes between these classes are known to happen.)

The noise matrix gives the number of wrong labels. Their order is that of the mean posterior of the
matrix and of one rate for all mistakes; the log-odds are shifted so that the expected number of
wrong labels is that of the matrix. As many labels are flagged, but none that is the likeliest by
the models that have not seen the row.

References
----------
P. W. Koh and P. Liang (2017), Understanding black-box predictions via influence functions, ICML.

A. P. Dempster, N. M. Laird and D. B. Rubin (1977), Maximum likelihood from incomplete data via the
EM algorithm, Journal of the Royal Statistical Society B 39(1).
"""

from dataclasses import dataclass, field
from numbers import Real

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import expit

from skinfluence.labels._noise.matrix import NoiseFit, fit_noise_matrices
from skinfluence.labels._sources.pooling import flat_noise_likelihood, log_probabilities
from skinfluence.labels._sources.prediction import OutOfSamplePrediction

#: Rounds end when the rows' weights move by less than this on the mean.
TOLERANCE = 0.02
#: Every row that counts keeps at least this share of its weight.
LEAST_SHARE = 1e-3
#: Share of the rows whose likeliest class is not the given one that must be wrong for a refit.
LEAST_PRECISION = 0.5
#: Between which the temperature of the leave-one-out probabilities lies.
TEMPERATURES = (0.2, 5.0)
#: "strict" flags labels that are right with at most this probability.
SURELY_WRONG = 0.05
#: Steps of the bisection for the shift, in log-odds of at most LARGEST_SHIFT.
BISECTIONS, LARGEST_SHIFT = 40, 8.0


@dataclass(frozen=True)
class NoiseVerdict:
    """Two noise models, and the mean of their posteriors on the scale of log-probabilities."""

    one_rate: NoiseFit
    matrix: NoiseFit
    share: float  # of the matrix in the mean
    shift: float  # added to the log-odds that a label is right

    def posterior(self, log_proba, codes):
        """P(true class | x, given label), shape (n, K)."""
        tiny = np.finfo(float).tiny
        logs = np.zeros(log_proba.shape)
        for share, fit in ((1 - self.share, self.one_rate), (self.share, self.matrix)):
            if share > 0:
                logs = logs + share * np.log(np.maximum(fit.posterior(log_proba, codes), tiny))
        logs[np.arange(len(codes)), codes] += self.shift
        return np.exp(log_probabilities(logs))


def fit_verdict(log_proba, codes, weight, before=None):
    """The NoiseVerdict of rows of positive weight, from out-of-sample log-probabilities (n, K).

    Fits start from those of `before`, another NoiseVerdict, where there is one.
    """
    kept = weight > 0
    log_proba, codes, weight = log_proba[kept], codes[kept], weight[kept] / weight[kept].mean()
    start = (None, None) if before is None else (before.one_rate, before.matrix)
    one_rate, matrix, share = fit_noise_matrices(log_proba, codes, weight, start)
    at = np.arange(len(codes)), codes
    wrong = weight @ matrix.wrong(log_proba, codes)
    own = NoiseVerdict(one_rate, matrix, share, 0.0).posterior(log_proba, codes)[at]
    own = np.clip(own, 1e-12, 1 - 1e-12)
    odds = np.log(own) - np.log1p(-own)
    low, high = -LARGEST_SHIFT, LARGEST_SHIFT
    for _ in range(BISECTIONS):
        shift = (low + high) / 2
        if weight @ expit(-(odds + shift)) > wrong:
            low = shift
        else:
            high = shift
    return NoiseVerdict(one_rate, matrix, share, shift)


@dataclass(frozen=True)
class NoiseModel:
    """The fitted noise model of the training rows."""

    #: Out-of-sample probabilities of each class as the given label, (n, K), at the temperature.
    proba: np.ndarray = field(repr=False)
    #: P(true class = k | the row, its given label), (n, K): its own entry is a label's quality.
    posterior: np.ndarray = field(repr=False)
    temperature: float  # multiplies the log-probabilities of the prediction
    row_weight: np.ndarray = field(repr=False)  # share of each row's weight in the last fit
    prediction: OutOfSamplePrediction = field(repr=False)  # of the last fit
    n_iter: int  # number of fits
    verdict: NoiseVerdict | None = field(repr=False)  # None for one class
    with_noise: bool  # whether the posterior is that of the verdict, or `proba`

    def wrong_share(self, codes, weight):
        """Share of wrong labels among the training rows, by the noise matrix."""
        if self.verdict is None:
            return 0.0
        wrong = self.verdict.matrix.wrong(self.prediction.value, codes)
        return float(weight @ wrong / weight.sum())

    def posterior_of_new(self, log_proba, codes):
        """P(true class | x, given label) of rows that the model has not seen, shape (m, K)."""
        if not self.with_noise:
            return np.exp(log_probabilities(self.temperature * log_proba))
        return self.verdict.posterior(log_proba, codes)


def fit_label_noise(
    source, codes, weight, n_classes, *, max_iter=2, noise_model=True, start=None, certain=None
):
    """The NoiseModel after at most `max_iter` fits with the rows' weights.

    Rows of weight zero influence nothing, and have a posterior as well. Without `noise_model` there
    is one fit, and the posterior is the out-of-sample probability, at a temperature only where the
    model gives margins. Fits `start` from the row weights and noise matrices of a NoiseModel. Rows
    that are `certain` have a right label: they keep their weight and their posterior.
    """
    weight = np.asarray(weight, dtype=np.float64)
    certain = np.zeros(len(codes), dtype=bool) if certain is None else certain
    row_weight = np.ones(len(codes)) if start is None else start.row_weight.copy()
    row_weight[certain] = 1.0
    prediction = source.fit(weight * row_weight)
    verdict, n_iter = None, 1
    if n_classes > 1:
        verdict = fit_verdict(prediction.value, codes, weight, start and start.verdict)
        while (
            noise_model
            and n_iter < max_iter
            and _worth_refitting(verdict, prediction, codes, weight)
        ):
            own = verdict.posterior(prediction.value, codes)[np.arange(len(codes)), codes]
            new_weight = np.maximum(own, LEAST_SHARE)
            new_weight[certain] = 1.0
            if np.average(np.abs(new_weight - row_weight), weights=weight) < TOLERANCE:
                break
            row_weight = new_weight
            prediction = source.fit(weight * row_weight)
            verdict = fit_verdict(prediction.value, codes, weight, verdict)
            n_iter += 1
    with_noise = bool(noise_model) and verdict is not None
    temperature = 1.0
    if with_noise or not prediction.are_probabilities:
        temperature = _temperature(prediction, codes, weight * row_weight)
    proba = np.exp(log_probabilities(temperature * prediction.value))
    posterior = verdict.posterior(prediction.value, codes) if with_noise else proba.copy()
    posterior[certain] = np.eye(posterior.shape[1])[codes[certain]]
    return NoiseModel(
        proba=proba,
        posterior=posterior,
        temperature=temperature,
        row_weight=row_weight,
        prediction=prediction,
        n_iter=n_iter,
        verdict=verdict,
        with_noise=with_noise,
    )


def _worth_refitting(verdict, prediction, codes, weight):
    """Whether most rows that contradict their label have a wrong one.

    Where a model errs itself, rows that count less because it doubts them teach it its own errors.
    """
    contradicted = weight @ (prediction.value.argmax(axis=1) != codes)
    wrong = weight @ verdict.matrix.wrong(prediction.value, codes)
    return wrong >= LEAST_PRECISION * contradicted


def _temperature(prediction, codes, weight):
    """The temperature under which the given labels are most likely."""

    def loss(logarithm):
        scaled = log_probabilities(np.exp(logarithm) * prediction.value)
        return -float(flat_noise_likelihood(scaled, codes, weight)[0])

    bounds = np.log(TEMPERATURES)
    found = minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 0.02})
    return float(np.exp(found.x))


def flag_labels(model, codes, weight, contamination="auto"):
    """(flags of shape (n,), share of the weight that is flagged).

    "auto" flags as many labels as are wrong by the noise matrix, "strict" those that are right with
    a probability of at most 0.05; a float is the share of rows to flag, whatever the models
    predict. Rows of weight zero are never flagged.
    """
    counting = weight > 0
    if not counting.any():  # every label is known to be right
        return counting, 0.0
    own = np.arange(len(codes)), codes
    quality = model.posterior[own]
    contradicted = counting & (model.proba[own] < model.proba.max(axis=1))
    if contamination == "strict":
        flagged = contradicted & (quality <= SURELY_WRONG)
    elif isinstance(contamination, Real):
        flagged = top_of_ranking(quality, counting, round(float(contamination) * counting.sum()))
    else:
        wrong = model.wrong_share(codes, weight) * counting.sum()
        flagged = top_of_ranking(quality, contradicted, round(wrong))
    return flagged, float(weight[flagged].sum() / weight.sum())


def top_of_ranking(quality, among, n_flagged):
    """Mask of the n rows of lowest quality among some, or of all where there are fewer."""
    order = np.argsort(np.where(among, quality, np.inf), kind="stable")
    flagged = np.zeros(len(quality), dtype=bool)
    flagged[order[:n_flagged]] = True
    return flagged & among
