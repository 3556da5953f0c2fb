"""Wrong values of a regression target, by leave-one-out residuals.

The residual of a row is its given value minus what the model predicts without the row.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from skinfluence.labels._noise.error_mixture import fit_error_mixture
from skinfluence.labels._noise.fitted import FittedNoise

#: Below this no row weight falls, so that the leverage still tells the variance of its prediction.
LEAST_WEIGHT = 1e-6
#: Row weights that move less than this between two fits have settled.
SETTLED = 0.02
#: Absolute errors of this share of those of the median, or larger ones, are no better.
NO_BETTER = 0.99
#: Posterior probability from which a value is flagged.
THRESHOLDS = {"auto": 0.5, "strict": 0.99}


@dataclass(kw_only=True)
class ValueNoise(FittedNoise):
    """The fitted noise model of the values of a regression target."""

    def __post_init__(self, before):
        value, of_fit = self.prediction.value, self.weight * self.row_weight
        self.variance = _prediction_variance(self.prediction.leverage, of_fit)
        self.error = self.codes - value
        self.mixture = fit_error_mixture(self.error, value, self.variance, self.weight)
        self.wrong_probability = expit(self.mixture.log_odds(self.error, value, self.variance))

    @property
    def quality(self):
        return 1.0 - self.wrong_probability

    @property
    def tie_break(self):  # size of the error in units of its scale
        scale = self.mixture.scale(self.prediction.value) * np.sqrt(1.0 + self.variance)
        return np.abs(self.error / scale)

    @property
    def out_of_sample(self):
        return self.prediction.value

    predicted = suggested = out_of_sample

    def rightness(self, predicted):
        return -np.abs(predicted - self.codes)

    def next_row_weight(self):
        proposed = self.mixture.weights(self.error, self.prediction.value, self.variance)
        proposed = np.where(self.certain, 1.0, np.maximum(proposed, LEAST_WEIGHT))
        settled = np.abs(proposed - self.row_weight).max() < SETTLED
        return None if settled else proposed

    def flag(self, contamination):
        there = self.left > 0
        if contamination in list(THRESHOLDS):
            return (self.wrong_probability > THRESHOLDS[contamination]) & there, self.rate[0]
        order = np.lexsort((-self.tie_break, -self.wrong_probability))
        first = order[there[order]][: round(contamination * there.sum())]
        return np.isin(np.arange(len(there)), first), float(contamination)

    @property
    def rate(self):
        """Estimated share of wrong values and its standard deviation, given the densities.

        That of the values that are wrong more likely than not. (The mean of the probabilities is
        larger by up to a third where wrong values lie far off: a normal density of their errors
        expects many of them near zero.) NaN where no row has weight.
        """
        wrong, left = self.wrong_probability, self.left
        if not left.any():
            return np.nan, np.nan
        share = left / left.sum()
        variance = share**2 @ (wrong * (1.0 - wrong))
        return float(share @ (wrong > THRESHOLDS["auto"])), float(np.sqrt(variance))

    def of_new_rows(self, X, values):
        predicted = self.prediction.predict(X)
        wrong = expit(self.mixture.log_odds(values - predicted, predicted))
        return 1.0 - wrong, predicted, predicted

    def log_likelihood(self, X, values):
        predicted = self.prediction.predict(X)
        return np.logaddexp(*self.mixture.log_densities(values - predicted, predicted))

    def reason_to_doubt(self):
        wrong = self.wrong_probability > THRESHOLDS["auto"]
        wrong, right = wrong & (self.left > 0), ~wrong & (self.left > 0)
        if not right.any() or not wrong.any():
            return None
        left, spread = (
            np.average(np.abs(values - np.median(values)), weights=self.left[right])
            for values in ((self.codes - self.prediction.value)[right], self.codes[right])
        )
        if left < NO_BETTER * spread:
            return None
        return (
            "The model predicts most values no better than their median does: without the row, "
            f"the mean absolute error is {left:.3g}, against {spread:.3g}. The "
            f"{wrong.sum():,} values that are probably wrong are far from all others, "
            "whatever X holds; where such values are usual, they may be right."
        )

    def attributes(self):
        rate, std = self.rate
        return {
            "noise_scale_": float(np.median(self.mixture.scale(self.prediction.value))),
            "wrong_scale_": self.mixture.wide,
            "noise_rate_": rate,
            "noise_rate_std_": std,
        }


def _prediction_variance(leverage, weight):
    """Variance of each leave-one-out prediction in units of the noise variance, shape (n,).

    With q = z' H_without^-1 z the leverage of a row of weight w is h = w q / (1 + w q), which is
    solved for q; q is the variance of an unpenalised least-squares prediction and bounds that of a
    penalised one.
    """
    if leverage is None:
        return np.zeros(len(weight))
    h = np.clip(leverage, 0.0, 1.0 - 1e-9)
    return h / ((1.0 - h) * weight)
