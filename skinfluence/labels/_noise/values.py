"""Wrong values of a regression target, by leave-one-out residuals.

The residual of a row is its given value minus what the model predicts without the row. A wrong
value pulls the model towards itself and hides its neighbours, so that the model and the noise model
are fitted in turns: in the next fit each row has the weight of the probability that its value is
right, as in expectation-maximisation.
"""

from dataclasses import dataclass, field

import numpy as np
from scipy.special import expit

from skinfluence.labels._noise.error_mixture import ErrorMixture, fit_error_mixture
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

    mixture: ErrorMixture
    wrong_probability: np.ndarray = field(repr=False)  # shape: (n,)
    standardized: np.ndarray = field(repr=False)  # error in units of its scale, shape: (n,)

    @property
    def quality(self):
        """Probability that each value is right, (n,)."""
        return 1.0 - self.wrong_probability

    @property
    def tie_break(self):
        """Standardised error, (n,)."""
        return np.abs(self.standardized)

    @property
    def out_of_sample(self):
        """Value predicted without the row, (n,)."""
        return self.prediction.value

    predicted = out_of_sample

    def rightness(self, predicted):
        """Minus the distance from the given values, (n,)."""
        return -np.abs(predicted - self.codes)

    def suggested(self, flagged):
        """The same, (n,)."""
        return self.prediction.value

    def flag(self, weight, contamination):
        """(mask of flagged values, share of wrong ones).

        "auto" flags those that are wrong more likely than not, "strict" by 99 to 1, a float that
        share of the rows with weight, the most suspicious.
        """
        if contamination in list(THRESHOLDS):
            flagged = (self.wrong_probability > THRESHOLDS[contamination]) & (weight > 0)
            return flagged, self.wrong_rate(weight)[0]
        there = np.flatnonzero(weight > 0)
        order = there[np.lexsort((-self.tie_break[there], -self.wrong_probability[there]))]
        first = order[: round(contamination * len(there))]
        return np.isin(np.arange(len(weight)), first), float(contamination)

    def wrong_rate(self, weight):
        """Estimated share of wrong values and its standard deviation, given the densities.

        That of the values that are wrong more likely than not. (The mean of the probabilities is
        larger by up to a third where wrong values lie far off: a normal density of their errors
        expects many of them near zero.) NaN where no row has weight.
        """
        if not weight.any():
            return np.nan, np.nan
        wrong, weight = self.wrong_probability, weight / weight.sum()
        variance = weight**2 @ (wrong * (1.0 - wrong))
        return float(weight @ (wrong > THRESHOLDS["auto"])), float(np.sqrt(variance))

    def of_new_rows(self, X, values):
        """(quality, suggested value, the same) of rows that no model has seen."""
        predicted = self.prediction.predict(X)
        wrong = expit(self.mixture.log_odds(values - predicted, predicted))
        return 1.0 - wrong, predicted, predicted

    def log_likelihood(self, X, values):
        """Log-density of given values of new rows, wrong ones included, (m,)."""
        predicted = self.prediction.predict(X)
        return self.mixture.log_density(values - predicted, predicted)

    def reason_to_doubt(self):
        there = self.weight > 0
        wrong = there & (self.wrong_probability > THRESHOLDS["auto"])
        right = there & ~wrong
        if not right.any() or not wrong.any():
            return None
        left, spread = (
            np.average(np.abs(values - np.median(values)), weights=self.weight[right])
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
        """Attributes of a flagger that do not belong to rows."""
        rate, std = self.wrong_rate(self.weight)
        return {
            "noise_scale_": float(np.median(self.mixture.scale(self.prediction.value))),
            "wrong_scale_": self.mixture.wide,
            "noise_rate_": rate,
            "noise_rate_std_": std,
        }


def fit_value_noise(source, y, weight, *, max_iter=5, noise_model=True, certain=False):
    """The ValueNoise of the values of a regression target.

    At most `max_iter` fits with rows weighted by the probability that they are right; one without a
    noise model. Rows of a value that is `certain` keep their whole weight. Weights are positive.
    """
    row_weight, plain = np.ones(len(y)), None
    for n_iter in range(1, max_iter + 1):
        prediction = source.fit(weight * row_weight)
        variance = _prediction_variance(prediction.leverage, weight * row_weight)
        error = y - prediction.value
        mixture = fit_error_mixture(error, prediction.value, variance, weight)
        proposed = np.maximum(mixture.weights(error, prediction.value, variance), LEAST_WEIGHT)
        proposed = np.where(certain, 1.0, proposed)
        settled = np.abs(proposed - row_weight).max() < SETTLED
        if not noise_model or settled or n_iter == max_iter:
            break
        row_weight = proposed
        plain = prediction.value if plain is None else plain
        prediction = None  # whose model may be as large as the next one
    return ValueNoise(
        prediction=prediction,
        codes=y,
        row_weight=row_weight,
        n_iter=n_iter,
        plain=plain,
        mixture=mixture,
        wrong_probability=expit(mixture.log_odds(error, prediction.value, variance)),
        standardized=error / (mixture.scale(prediction.value) * np.sqrt(1.0 + variance)),
    )


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
