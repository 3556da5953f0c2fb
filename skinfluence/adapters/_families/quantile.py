"""QuantileRegressor through a smooth quantile loss."""

import numpy as np
from scipy.stats import norm

from skinfluence.adapters._linear import (
    SELECTION,
    linear_objective,
    sparse_objective,
    target_values,
)
from skinfluence.adapters._registry import register_path
from skinfluence.losses import SmoothQuantile
from skinfluence.objectives import RowWeights, TargetCoding

SMOOTH = (
    "The quantile loss has no second derivative: explained is the optimum of a smooth one, refits "
    "too. Its width is temperature times the bandwidth of Hall and Sheather; the lower it is, the "
    "closer refits come to those of the estimator."
)


def bandwidth(residual, quantile):
    """Width of residuals around their quantile from which a density is estimated.

    References
    ----------
    P. Hall and S. J. Sheather, "On the distribution of a studentized quantile", Journal of the
    Royal Statistical Society B 50, 1988.
    """
    z = norm.ppf(quantile)
    share = len(residual) ** (-1 / 3) * norm.ppf(0.975) ** (2 / 3)
    share *= (1.5 * norm.pdf(z) ** 2 / (2.0 * z**2 + 1.0)) ** (1 / 3)
    low, high = np.quantile(residual, np.clip([quantile - share, quantile + share], 0.0, 1.0))
    return 0.5 * (high - low)


def _caveat(estimator):
    return f"{SMOOTH} {SELECTION}" if estimator.alpha else SMOOTH


@register_path(
    "sklearn.linear_model.QuantileRegressor", {"alpha": 0.0}, {"alpha": 0.01}, caveat=_caveat
)
def quantile_regressor(estimator, X, y, sample_weight, settings):
    """The mean quantile loss plus alpha times the sum of absolute coefficients."""
    coding = TargetCoding("real", 1)
    y = coding.encode(target_values(y))
    weights = RowWeights(sample_weight)
    there = weights.base > 0.0
    residual = y[there, 0] - estimator.predict(X[there])
    width = settings.temperature * bandwidth(residual, estimator.quantile)
    least = 1e-9 * np.abs(y).max() or 1.0  # rows that are all met
    loss = SmoothQuantile(estimator.quantile, float(max(width, least)))
    shared = {"weights": weights, "settings": settings, "mean_form": True}
    if not estimator.alpha:
        return linear_objective(estimator, X, y, coding, loss, penalty=0.0, **shared)
    l1 = estimator.alpha * weights.base.sum()
    return sparse_objective(estimator, X, y, coding, loss, l1=l1, l2=0.0, **shared)
