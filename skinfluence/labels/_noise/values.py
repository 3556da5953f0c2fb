"""Which values of a regression target are wrong, by leave-one-out residuals.

The residual of a row is its given value minus what the model predicts without the row. A wrong
value pulls the model towards itself and hides its neighbours, so that the model and the noise model
are fitted in turns: in the next fit each row has the weight of the probability that its value is
right, as in expectation-maximisation.
"""

import warnings
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from skinfluence._utils.warnings import user_stacklevel
from skinfluence.labels._noise.error_mixture import ErrorMixture, fit_error_mixture
from skinfluence.labels._sources.prediction import OutOfSamplePrediction

__all__ = ["RegressionNoise", "fit_regression_noise", "flag_values", "value_error_rate"]

#: Below this no row weight falls, so that the leverage still tells the variance of its prediction.
LEAST_WEIGHT = 1e-6
#: Row weights that move less than this between two fits have settled.
SETTLED = 0.02
#: Absolute errors of this share of those of the median, or larger ones, are no better.
NO_BETTER = 0.99
#: Posterior probability from which a value is flagged.
THRESHOLDS = {"auto": 0.5, "strict": 0.99}


@dataclass(frozen=True)
class RegressionNoise:
    """The fitted noise model of the values of a regression target."""

    prediction: OutOfSamplePrediction  # of the last fit
    mixture: ErrorMixture
    wrong_probability: np.ndarray  # shape: (n,)
    standardized: np.ndarray  # error in units of its scale, with the variance of the prediction
    row_weight: np.ndarray  # share of each row's weight in the last fit
    n_iter: int  # number of fits

    @property
    def scale(self):
        """Typical scale of the error of a right value (median over rows), in the target's unit."""
        return float(np.median(self.mixture.scale(self.prediction.value)))

    @property
    def score(self):
        """Wrong probability; ties are broken by the standardised error, shape (n,), in [0, 1].

        Probabilities round to one from some eight scales on; the error still grows. It has a
        millionth of the score.
        """
        size = np.abs(self.standardized)
        return (1.0 - 1e-6) * self.wrong_probability + 1e-6 * size / (1.0 + size)

    def wrong_probability_of_new(self, prediction_new, y_new):
        """Probability that values of rows which the model has not seen are wrong, shape (m,)."""
        error = np.asarray(y_new, dtype=np.float64) - prediction_new
        return expit(self.mixture.log_odds(error, prediction_new))


def fit_regression_noise(
    source, y, weight, *, max_iter=5, noise_model=True, start=None, certain=None
):
    """The RegressionNoise of the values of a regression target.

    At most `max_iter` fits with rows weighted by the probability that they are right; one without a
    noise model. Row weights `start` from those of another RegressionNoise. Rows of a value that is
    `certain` keep their whole weight; those of weight zero influence nothing and are judged too.
    """
    y = np.asarray(y, dtype=np.float64)
    certain = np.zeros(len(y), dtype=bool) if certain is None else certain
    row_weight = np.ones(len(y)) if start is None else np.where(certain, 1.0, start.row_weight)
    for n_iter in range(1, max(max_iter, 1) + 1):
        prediction = source.fit(weight * row_weight)
        variance = _prediction_variance(prediction.leverage, weight * row_weight)
        error = y - prediction.value
        mixture = fit_error_mixture(error, prediction.value, variance, weight)
        proposed = np.maximum(mixture.weights(error, prediction.value, variance), LEAST_WEIGHT)
        proposed[certain] = 1.0
        moved = np.abs(proposed - row_weight)[weight > 0].max(initial=0.0)
        if not noise_model or moved < SETTLED or n_iter >= max_iter:
            break
        row_weight = proposed
    wrong = np.where(certain, 0.0, expit(mixture.log_odds(error, prediction.value, variance)))
    _warn_where_nothing_is_predicted(y, error, weight, wrong > THRESHOLDS["auto"])
    return RegressionNoise(
        prediction=prediction,
        mixture=mixture,
        wrong_probability=wrong,
        standardized=error / (mixture.scale(prediction.value) * np.sqrt(1.0 + variance)),
        row_weight=row_weight,
        n_iter=n_iter,
    )


def flag_values(noise, weight, contamination):
    """(mask of flagged values, share of wrong ones).

    "auto" flags those that are wrong more likely than not, "strict" by 99 to 1, a float that share
    of the rows with weight, the most suspicious.
    """
    if contamination in list(THRESHOLDS):
        flagged = noise.wrong_probability > THRESHOLDS[contamination]
        return flagged, value_error_rate(noise, weight)[0]
    there = np.flatnonzero(weight > 0)
    flagged = np.zeros(len(weight), dtype=bool)
    order = np.argsort(-noise.score[there], kind="stable")
    flagged[there[order[: round(contamination * len(there))]]] = True
    return flagged, float(contamination)


def value_error_rate(noise, weight):
    """Estimated share of wrong values and its standard deviation, given the densities.

    That of the values that are wrong more likely than not. (The mean of the probabilities is larger
    by up to a third where wrong values lie far off: a normal density of their errors expects many
    of them near zero.) NaN where no row has weight.
    """
    if not weight.any():
        return np.nan, np.nan
    wrong, weight = noise.wrong_probability, weight / weight.sum()
    variance = weight**2 @ (wrong * (1.0 - wrong))
    return float(weight @ (wrong > THRESHOLDS["auto"])), float(np.sqrt(variance))


def _warn_where_nothing_is_predicted(y, error, weight, wrong):
    right = ~wrong & (weight > 0)
    if not right.any() or not wrong[weight > 0].any():
        return
    left, spread = (
        np.average(np.abs(values - np.median(values)), weights=weight[right])
        for values in (error[right], y[right])
    )
    if left >= NO_BETTER * spread:
        warnings.warn(
            f"The model predicts most values no better than their median does: without the row, "
            f"the mean absolute error is {left:.3g}, against {spread:.3g}. The "
            f"{wrong[weight > 0].sum():,} values that are probably wrong are far "
            "from all others, whatever X holds; where such values are usual, they may be right.",
            UserWarning,
            stacklevel=user_stacklevel(),
        )


def _prediction_variance(leverage, weight):
    """Variance of each leave-one-out prediction in units of the noise variance, shape (n,).

    With q = z' H_without^-1 z the leverage of a row of weight w is h = w q / (1 + w q), which is
    solved for q; q is the variance of an unpenalised least-squares prediction and bounds that of a
    penalised one. Rows of weight zero have no leverage: they get the median of the others.
    """
    if leverage is None:
        return np.zeros(len(weight))
    there = weight > 0
    h = np.clip(leverage, 0.0, 1.0 - 1e-9)
    variance = h / ((1.0 - h) * np.where(there, weight, 1.0))
    return np.where(there, variance, np.median(variance[there]) if there.any() else 0.0)
