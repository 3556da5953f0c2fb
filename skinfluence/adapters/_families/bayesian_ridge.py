"""BayesianRidge at its fitted precisions."""

from sklearn.linear_model import BayesianRidge

from skinfluence.adapters._families.least_squares import _regression
from skinfluence.adapters._registry import register


@register(
    "sklearn.linear_model",
    "BayesianRidge",
    examples=lambda: [BayesianRidge()],
    caveat="The estimated precisions alpha_ and lambda_ are held fixed.",
)
def bayesian_ridge(estimator, X, y, sample_weight, settings):
    """The posterior mean of the coefficients: ridge regression with the ratio of the precisions.

    The precisions of noise and coefficients stay as they were estimated, as the penalty of a search
    does.
    """
    penalty = float(estimator.lambda_ / estimator.alpha_)
    return _regression(estimator, X, y, sample_weight, settings, penalty)
