"""Fitting and judging take turns: an expectation-maximisation around a source of honest opinions.

A wrong label misleads the model, which then hides it and its neighbours. So each round asks the
source for leave-one-out probabilities, fits the noise model to them (`matrix.py`), and lets each
row count in the next fit by the probability that its label is right. (Koh & Liang 2017, section
5.4, look for wrong labels by self-influence, which is large for every hard row; here a row is
suspicious only where models without it are sure of another class, and mistakes between these
classes are known to happen.)

How many labels are wrong is what the noise matrix says; which ones, the mean of what it and one
rate for all mistakes say, moved on the scale of log-odds so that as many labels are expected to be
wrong as there are.

References
----------
P. W. Koh and P. Liang (2017), Understanding black-box predictions via influence functions, ICML.

A. P. Dempster, N. M. Laird and D. B. Rubin (1977), Maximum likelihood from incomplete data via the
EM algorithm, Journal of the Royal Statistical Society B 39(1).
"""

from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import expit

from skinfluence.labels._noise.matrix import NoiseFit, fit_noise_matrices
from skinfluence.labels._sources.opinions import Opinion
from skinfluence.labels._sources.pooling import flat_noise_likelihood, log_probabilities

#: Rounds end when the rows' weights move by less than this on the mean.
TOLERANCE = 0.02
#: Every row that counts keeps at least this share of its weight.
LEAST_SHARE = 1e-3
#: Share of the rows whose likeliest class is not the given one that must be wrong for a refit.
LEAST_PRECISION = 0.5
#: Between which the temperature of the leave-one-out probabilities lies.
TEMPERATURES = (0.2, 5.0)
#: Steps of the bisection for the shift, in log-odds of at most LARGEST_SHIFT.
BISECTIONS, LARGEST_SHIFT = 40, 8.0


@dataclass(frozen=True)
class NoiseVerdict:
    """What two noise models together say of rows.

    Attributes
    ----------
    one_rate, matrix : NoiseFit
    share : float
        Of the second.
    shift : float
        What is added to the log-odds that a label is right.
    """

    one_rate: NoiseFit
    matrix: NoiseFit
    share: float
    shift: float

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
    """The NoiseVerdict of rows with these given labels.

    Parameters
    ----------
    log_proba : ndarray of shape (n, K)
        By models that have not seen the row.
    codes : ndarray of shape (n,)
        Given labels.
    weight : ndarray of shape (n,)
        Rows of weight zero do not count.
    before : NoiseVerdict, default=None
        Where to start.
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
    """What is known of the labels of the training rows.

    Attributes
    ----------
    proba : ndarray of shape (n, K)
        Leave-one-out probabilities of each class as the given label, with fitted temperature;
        without a noise model as the model gives them.
    posterior : ndarray of shape (n, K)
        P(true class = k | the row, its given label). The quality of a label is its own entry.
    temperature : float
        What the opinion's log-probabilities are multiplied by in `proba`.
    row_weight : ndarray of shape (n,)
        The share of each row's weight in the last fit, in [0, 1].
    opinion : Opinion
        Of the last fit.
    n_iter : int
        Number of fits.
    verdict : NoiseVerdict or None
        None for one class.
    judges : bool
        Whether the noise model judges the rows; else the leave-one-out probabilities do.
    """

    proba: np.ndarray = field(repr=False)
    posterior: np.ndarray = field(repr=False)
    temperature: float
    row_weight: np.ndarray = field(repr=False)
    opinion: Opinion = field(repr=False)
    n_iter: int
    verdict: NoiseVerdict | None = field(repr=False)
    judges: bool

    def wrong_share(self, codes, weight):
        """Share of the labels of some training rows that is wrong by the noise model.

        Rows that are not asked about have weight zero.
        """
        if self.verdict is None:
            return 0.0
        wrong = self.verdict.matrix.wrong(self.opinion.value, codes)
        return float(weight @ wrong / weight.sum())

    def judge(self, log_proba, codes):
        """P(true class | x, given label) of rows that the model has not seen, shape (m, K)."""
        if not self.judges:
            return np.exp(log_probabilities(self.temperature * log_proba))
        return self.verdict.posterior(log_proba, codes)


def fit_noise_model(
    source, codes, weight, n_classes, *, max_iter=2, noise_model=True, start=None, certain=None
):
    """Fit, judge, fit again with the rows' weights, until these settle.

    Parameters
    ----------
    source : Source
    codes : ndarray of shape (n,)
        Given labels, 0 ... K - 1.
    weight : ndarray of shape (n,)
        Not negative; rows of weight zero influence nothing and are judged as well.
    n_classes : int
    max_iter : int, default=2
        Fits at the most.
    noise_model : bool, default=True
        False: one fit, and the posterior is the leave-one-out probability, at a temperature only
        where the model gives margins.
    start : NoiseModel, default=None
        Whose row weights and noise matrices to start from.
    certain : ndarray of bool of shape (n,), default=None
        Rows whose label is known to be right: they keep their whole weight, and their posterior.

    Returns
    -------
    NoiseModel
    """
    weight = np.asarray(weight, dtype=np.float64)
    certain = np.zeros(len(codes), dtype=bool) if certain is None else certain
    row_weight = np.ones(len(codes)) if start is None else start.row_weight.copy()
    row_weight[certain] = 1.0
    opinion = source.fit(weight * row_weight)
    verdict, n_iter = None, 1
    if n_classes > 1:
        verdict = fit_verdict(opinion.value, codes, weight, start and start.verdict)
        while (
            noise_model and n_iter < max_iter and _worth_refitting(verdict, opinion, codes, weight)
        ):
            own = verdict.posterior(opinion.value, codes)[np.arange(len(codes)), codes]
            new_weight = np.maximum(own, LEAST_SHARE)
            new_weight[certain] = 1.0
            if np.average(np.abs(new_weight - row_weight), weights=weight) < TOLERANCE:
                break
            row_weight = new_weight
            opinion = source.fit(weight * row_weight)
            verdict = fit_verdict(opinion.value, codes, weight, verdict)
            n_iter += 1
    judges = bool(noise_model) and verdict is not None
    temperature = 1.0
    if judges or not opinion.are_probabilities:
        temperature = _temperature(opinion, codes, weight * row_weight)
    proba = np.exp(log_probabilities(temperature * opinion.value))
    posterior = verdict.posterior(opinion.value, codes) if judges else proba.copy()
    posterior[certain] = np.eye(posterior.shape[1])[codes[certain]]
    return NoiseModel(
        proba=proba,
        posterior=posterior,
        temperature=temperature,
        row_weight=row_weight,
        opinion=opinion,
        n_iter=n_iter,
        verdict=verdict,
        judges=judges,
    )


def _worth_refitting(verdict, opinion, codes, weight):
    """Whether most rows that contradict their label have a wrong one.

    Where a model errs itself, rows that count less because it doubts them teach it its own errors.
    """
    contradicted = weight @ (opinion.value.argmax(axis=1) != codes)
    wrong = weight @ verdict.matrix.wrong(opinion.value, codes)
    return wrong >= LEAST_PRECISION * contradicted


def _temperature(opinion, codes, weight):
    """The temperature under which the given labels are most likely."""

    def loss(logarithm):
        scaled = log_probabilities(np.exp(logarithm) * opinion.value)
        return -float(flat_noise_likelihood(scaled, codes, weight)[0])

    bounds = np.log(TEMPERATURES)
    found = minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 0.02})
    return float(np.exp(found.x))
