"""Which share of the labels is wrong, and how well the data say so.

Confident learning's count (`_counts.py`) takes labels that nothing predicts for wrong ones. The
noise model does not: wrong labels bound how sure honest probabilities can be of any row, ambiguous
rows do not. Its likelihood, as a function of one rate of wrong labels with temperature and offsets
at their best for each rate (a profile likelihood), is flat where the data cannot tell the two
apart. So the estimate is the mean of the rate under that likelihood and a uniform prior, and its
standard deviation says how much is known. A matrix that explains the labels better than one rate
takes part by its weight in the noise model.

References
----------
S. A. Murphy and A. W. van der Vaart (2000), On profile likelihood, Journal of the American
Statistical Association 95(450).
"""

from typing import Any

import numpy as np
from scipy.interpolate import PchipInterpolator
from sklearn.utils.validation import check_is_fitted

from skinfluence.labels._noise.matrix import profile_likelihood, standard_errors

__all__ = ["NoiseRate", "noise_rate"]

#: Rates from zero to this share of the rate at which labels would say nothing.
LARGEST, SMALLEST = 0.9, 0.002
#: Rates tried in an interval, and how often it closes in on the likely ones.
TRIED, ROUNDS = 9, 4
#: Rates that are less likely than the best by more nats than this do not count.
UNLIKELY = 10.0


class NoiseRate:
    """A fitted flagger's estimate of the share of wrong labels; made at first use."""

    # set by fit
    _judgement: Any

    @property
    def noise_rate_(self):
        """Estimated share of wrong labels, by the noise model."""
        return self._noise_rate()[0]

    @property
    def noise_rate_std_(self):
        """Standard deviation of `noise_rate_`, given the data."""
        return self._noise_rate()[1]

    def _noise_rate(self):
        check_is_fitted(self)
        return self._judgement.noise_rate


def noise_rate(model, codes, weight):
    """The share of wrong labels and its standard deviation.

    Parameters
    ----------
    model : NoiseModel
    codes : ndarray of shape (n,)
        Given labels.
    weight : ndarray of shape (n,)
        Rows of weight zero do not count.

    Returns
    -------
    rate, std : float
        NaN where no row counts.
    """
    there = weight > 0
    if not there.any():
        return np.nan, np.nan
    log_proba, codes = model.opinion.value[there], codes[there]
    weight = weight[there] / weight[there].mean()
    rate, std = _of_one_rate(log_proba, codes, weight)
    if not model.fits:
        return rate, std
    share, fit = model.fits[1]
    other, other_std = _of_matrix(fit, log_proba, codes, weight)
    mean = (1 - share) * rate + share * other
    within = (1 - share) * (std**2 + (rate - mean) ** 2)
    return mean, float(np.sqrt(within + share * (other_std**2 + (other - mean) ** 2)))


def _of_one_rate(log_proba, codes, weight):
    """Mean and standard deviation under the profile likelihood and a uniform prior."""
    n_classes = log_proba.shape[1]
    low, high = SMALLEST, LARGEST * (n_classes - 1) / n_classes
    for _ in range(ROUNDS):
        rates = np.linspace(low, high, TRIED)
        values = profile_likelihood(log_proba, codes, weight, rates)
        likely = np.flatnonzero(values > values.max() - UNLIKELY)
        if len(likely) > TRIED // 2:
            break
        low, high = rates[max(likely[0] - 1, 0)], rates[min(likely[-1] + 1, TRIED - 1)]
    between = np.linspace(rates[0], rates[-1], 400)
    density = np.exp(PchipInterpolator(rates, values - values.max())(between))
    density /= density.sum()
    mean = float(density @ between)
    return mean, float(np.sqrt(density @ (between - mean) ** 2))


def _of_matrix(fit, log_proba, codes, weight):
    """Rate of a noise matrix and its standard error, from those of its rows."""
    true = weight @ fit.proba(log_proba) / weight.sum()  # shares of the true classes
    errors = np.diag(standard_errors(fit, log_proba, codes, weight))
    return float(true @ (1 - np.diag(fit.matrix))), float(np.sqrt(true**2 @ errors**2))
