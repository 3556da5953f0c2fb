"""Which values of a regression target are wrong: leave-one-out residuals, judged and refitted.

The residual of a row is its given value minus what the model says without the row. A wrong value
pulls the model towards itself and hides its neighbours, so that fitting and judging take turns:
each row counts in the next fit by the probability that its value is right, the way of
expectation-maximisation.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from skinfluence.labels._noise.error_mixture import ErrorMixture, fit_error_mixture
from skinfluence.labels._sources.opinions import Opinion

__all__ = ["RegressionNoise", "fit_regression_noise", "flag_values"]

#: Below this no row weight falls, so that the leverage still tells the variance of its prediction.
LEAST_WEIGHT = 1e-6
#: Row weights that move less than this between two fits have settled.
SETTLED = 0.02
#: Posterior probability from which a value is flagged.
THRESHOLDS = {"auto": 0.5, "strict": 0.99}


@dataclass(frozen=True)
class RegressionNoise:
    """What is known of the values of a regression target.

    Attributes
    ----------
    prediction : ndarray of shape (n,)
        Suggested values: predicted without the row, by the last fit.
    scale : float
        Typical scale of the error of a right value (median over rows), in the target's unit.
    row_scale : ndarray of shape (n,)
        The same for each row.
    wide_scale : float
        Scale of what is added to it where a value is wrong; NaN where the target has no noise.
    wrong_probability : ndarray of shape (n,)
        Probability that the given value is wrong.
    standardized : ndarray of shape (n,)
        Given value minus prediction, in units of the row's scale with the variance of the
        prediction.
    row_weight : ndarray of shape (n,)
        The share of each row's weight in the last fit, in [0, 1].
    contamination : float
        Estimated share of wrong values: of those that are wrong more likely than not. (The mean of
        the probabilities is larger by up to a third where wrong values lie far off, since a normal
        density of their errors expects many of them near zero.)
    opinion : Opinion
        Of the last fit.
    mixture : ErrorMixture or None
        The densities of the errors; None where the target has no noise.
    n_iter : int
        Number of fits.
    """

    prediction: np.ndarray
    scale: float
    row_scale: np.ndarray
    wide_scale: float
    wrong_probability: np.ndarray
    standardized: np.ndarray
    row_weight: np.ndarray
    contamination: float
    opinion: Opinion
    mixture: ErrorMixture | None
    n_iter: int

    @property
    def score(self):
        """Wrong probability; ties are broken by the standardised error, shape (n,), in [0, 1].

        Probabilities round to one from some eight scales on; the error still grows. It has a
        millionth of the score.
        """
        size = np.abs(self.standardized)
        tie = np.where(np.isinf(size), 1.0, size / (1.0 + np.where(np.isinf(size), 0.0, size)))
        return (1.0 - 1e-6) * self.wrong_probability + 1e-6 * tie

    def judge(self, prediction_new, y_new):
        """Probability that values of rows which the model has not seen are wrong, shape (m,)."""
        error = np.asarray(y_new, dtype=np.float64) - prediction_new
        return _judged(self.mixture, error, prediction_new, 0.0)


def fit_regression_noise(
    source, y, weight, *, max_iter=5, noise_model=True, start=None, certain=None
):
    """Judge the values of a regression target.

    Parameters
    ----------
    source : Source
        What says, for any row weights, which value it expects of a row that it has not seen.
    y : ndarray of shape (n,)
        The given values.
    weight : ndarray of shape (n,)
        Row weights, none negative. A row of weight zero influences nothing and is judged as well.
    max_iter : int
        Largest number of fits.
    noise_model : bool
        Whether to fit again with rows weighted by the probability that they are right. Without,
        the residuals of one fit are judged.
    start : RegressionNoise, default=None
        Whose row weights to start from.
    certain : ndarray of bool of shape (n,), default=None
        Rows whose value is known to be right: they keep their whole weight.

    Returns
    -------
    noise : RegressionNoise
    """
    y = np.asarray(y, dtype=np.float64)
    certain = np.zeros(len(y), dtype=bool) if certain is None else certain
    row_weight = np.ones(len(y)) if start is None else start.row_weight.copy()
    row_weight[certain] = 1.0
    for n_iter in range(1, max(max_iter, 1) + 1):
        opinion = source.fit(weight * row_weight)
        variance = _prediction_variance(opinion.leverage, weight * row_weight)
        error = y - opinion.value
        mixture = fit_error_mixture(error, opinion.value, variance, weight)
        wrong = _judged(mixture, error, opinion.value, variance)
        wrong[certain] = 0.0
        proposed = np.ones(len(y))
        if mixture is not None:
            proposed = np.maximum(mixture.weights(error, opinion.value, variance), LEAST_WEIGHT)
            proposed[certain] = 1.0
        moved = np.abs(proposed - row_weight)[weight > 0].max(initial=0.0)
        if not noise_model or moved < SETTLED or n_iter >= max_iter:
            break
        row_weight = proposed
    row_scale = np.zeros(len(y)) if mixture is None else mixture.scale(opinion.value)
    return RegressionNoise(
        prediction=opinion.value,
        scale=float(np.median(row_scale)),
        row_scale=row_scale,
        wide_scale=np.nan if mixture is None else mixture.wide,
        wrong_probability=wrong,
        standardized=_standardized(error, row_scale * np.sqrt(1.0 + variance)),
        row_weight=row_weight,
        contamination=float(np.average(wrong > THRESHOLDS["auto"], weights=weight)),
        opinion=opinion,
        mixture=mixture,
        n_iter=n_iter,
    )


def flag_values(noise, weight, contamination):
    """Mark the values that are held for wrong.

    Parameters
    ----------
    noise : RegressionNoise
        The judged values.
    weight : ndarray of shape (n,)
        Row weights: a float `contamination` is a share of the rows that have any.
    contamination : {"auto", "strict"} or float
        "auto": wrong more likely than not; "strict": by 99 to 1; a float: that share of the rows,
        the most suspicious.

    Returns
    -------
    flagged : ndarray of bool of shape (n,)
        True where flagged.
    contamination : float
        The estimated share of wrong values, or the float that was given.
    """
    if contamination in list(THRESHOLDS):
        return noise.wrong_probability > THRESHOLDS[contamination], noise.contamination
    there = np.flatnonzero(weight > 0)
    count = round(contamination * len(there))
    flagged = np.zeros(len(weight), dtype=bool)
    flagged[there[np.argsort(-noise.score[there], kind="stable")[:count]]] = True
    return flagged, float(contamination)


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
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = np.where(there, h / ((1.0 - h) * weight), np.nan)
    return np.where(there, variance, np.median(variance[there]) if there.any() else 0.0)


def _judged(mixture, error, prediction, variance):
    if mixture is None:  # without noise any error is one
        return (error != 0).astype(np.float64)
    return expit(mixture.log_odds(error, prediction, variance))


def _standardized(error, scale):
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(error == 0, 0.0, error / scale)
