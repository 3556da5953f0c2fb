"""Fitting and judging take turns: an expectation-maximisation around a source of honest opinions.

A wrong label misleads the model, which then hides it and its neighbours. So each round asks the
source for leave-one-out probabilities, fits the noise model to them (`_noise_matrix.py`), and lets
each row count in the next fit by the probability that its label is right. (Koh & Liang 2017,
section 5.4, look for wrong labels by self-influence, which is large for every hard row; here a row
is suspicious only where models without it are sure of another class, and mistakes between these
classes are known to happen.)

References
----------
P. W. Koh and P. Liang (2017), Understanding black-box predictions via influence functions, ICML.

A. P. Dempster, N. M. Laird and D. B. Rubin (1977), Maximum likelihood from incomplete data via the
EM algorithm, Journal of the Royal Statistical Society B 39(1).
"""

from dataclasses import dataclass, field, replace

import numpy as np
from scipy.optimize import minimize_scalar

from skinfluence.labels._noise.matrix import (
    NoiseFit,
    fit_noise_matrix,
    standard_errors,
    weight_of_matrix,
)
from skinfluence.labels._sources.opinions import Opinion
from skinfluence.labels._sources.pooling import flat_noise_likelihood, log_probabilities

#: Rounds end when the rows' weights move by less than this on the mean.
TOLERANCE = 0.02
#: Every row that counts keeps at least this share of its weight.
LEAST_SHARE = 1e-3
#: Between which the temperature of the leave-one-out probabilities lies.
TEMPERATURES = (0.2, 5.0)


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
    noise_matrix : ndarray of shape (K, K)
        P(given label = column | true class = row); rows sum to one.
    noise_matrix_std : ndarray of shape (K, K)
        Standard errors.
    temperature : float
        What the opinion's log-probabilities are multiplied by in `proba`.
    row_weight : ndarray of shape (n,)
        The share of each row's weight in the last fit, in [0, 1].
    opinion : Opinion
        Of the last fit.
    n_iter : int
        Number of fits.
    fits : tuple of (share, NoiseFit)
        The averaged noise models; empty without a noise model.
    """

    proba: np.ndarray = field(repr=False)
    posterior: np.ndarray = field(repr=False)
    noise_matrix: np.ndarray
    noise_matrix_std: np.ndarray = field(repr=False)
    temperature: float
    row_weight: np.ndarray = field(repr=False)
    opinion: Opinion = field(repr=False)
    n_iter: int
    fits: tuple[tuple[float, NoiseFit], ...] = field(repr=False)

    def judge(self, log_proba, codes):
        """P(true class | x, given label) of rows that the model has not seen, shape (m, K)."""
        if not self.fits:
            return np.exp(log_probabilities(self.temperature * log_proba))
        return _average_posterior(self.fits, log_proba, codes)


def fit_noise_model(
    source, codes, weight, n_classes, *, max_iter=5, noise_model=True, start=None, certain=None
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
    max_iter : int, default=5
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
    counting = weight > 0
    # In units of rows, so that the scale of the weights changes nothing.
    scaled = weight / weight[counting].mean()
    row_weight = np.ones(len(codes)) if start is None else start.row_weight.copy()
    row_weight[certain] = 1.0
    opinion = source.fit(weight * row_weight)
    if not noise_model or n_classes < 2:
        model = _without_noise(opinion, codes, scaled, n_classes, row_weight)
        return replace(model, posterior=_known(model.posterior, codes, certain))
    fits = _fit_both(opinion, codes, scaled, n_classes, () if start is None else start.fits)
    n_iter = 1
    while n_iter < max_iter:
        quality = _average_posterior(fits, opinion.value, codes)[np.arange(len(codes)), codes]
        new_weight = np.maximum(quality, LEAST_SHARE)
        new_weight[certain] = 1.0
        moved = np.average(np.abs(new_weight - row_weight), weights=scaled)
        if moved < TOLERANCE:
            break
        row_weight = new_weight
        opinion = source.fit(weight * row_weight)
        fits = _fit_both(opinion, codes, scaled, n_classes, fits)
        n_iter += 1
    temperature = _temperature(opinion, codes, scaled * row_weight)
    return NoiseModel(
        proba=np.exp(log_probabilities(temperature * opinion.value)),
        posterior=_known(_average_posterior(fits, opinion.value, codes), codes, certain),
        noise_matrix=sum(share * fit.matrix for share, fit in fits),
        noise_matrix_std=_average_errors(fits, opinion.value, codes, scaled),
        temperature=temperature,
        row_weight=row_weight,
        opinion=opinion,
        n_iter=n_iter,
        fits=fits,
    )


def _fit_both(opinion, codes, weight, n_classes, before):
    starts = [fit for _, fit in before] or [None, None]
    kept = weight > 0
    data = (opinion.value[kept], codes[kept], weight[kept], n_classes)
    one_rate = fit_noise_matrix(*data, one_rate=True, start=starts[0])
    matrix = fit_noise_matrix(*data, one_rate=False, start=starts[1])
    share = weight_of_matrix(one_rate, matrix, weight.sum())
    return ((1 - share, one_rate), (share, matrix))


def _average_posterior(fits, log_proba, codes):
    tiny = np.finfo(float).tiny
    logs = sum(
        share * np.log(np.maximum(fit.posterior(log_proba, codes), tiny)) for share, fit in fits
    )
    return np.exp(log_probabilities(logs))


def _known(posterior, codes, certain):
    """The posterior, with that of certain rows on their own label."""
    posterior = posterior.copy()
    posterior[certain] = np.eye(posterior.shape[1])[codes[certain]]
    return posterior


def _average_errors(fits, log_proba, codes, weight):
    """Errors within the models and between them (Burnham & Anderson 2002, equation 4.9)."""
    mean = sum(share * fit.matrix for share, fit in fits)
    return sum(
        share * np.hypot(standard_errors(fit, log_proba, codes, weight), np.abs(fit.matrix - mean))
        for share, fit in fits
    )


def _temperature(opinion, codes, weight):
    """The temperature under which the given labels are most likely."""

    def loss(logarithm):
        scaled = log_probabilities(np.exp(logarithm) * opinion.value)
        return -float(flat_noise_likelihood(scaled, codes, weight)[0])

    bounds = np.log(TEMPERATURES)
    found = minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 0.02})
    return float(np.exp(found.x))


def _without_noise(opinion, codes, weight, n_classes, row_weight):
    temperature = 1.0 if opinion.are_probabilities else _temperature(opinion, codes, weight)
    proba = np.exp(log_probabilities(temperature * opinion.value))
    return NoiseModel(
        proba=proba,
        posterior=proba,
        noise_matrix=np.eye(n_classes),
        noise_matrix_std=np.zeros((n_classes, n_classes)),
        temperature=temperature,
        row_weight=row_weight,
        opinion=opinion,
        n_iter=1,
        fits=(),
    )
