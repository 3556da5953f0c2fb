"""Uncertainty without refits: standard errors, prediction intervals and sets.

Where to start: `_standard_errors.py` (sums of squared influences), then `_jackknife_plus.py`.
"""

from skinfluence.uncertainty._jackknife_plus import JackknifePlusClassifier, JackknifePlusRegressor
from skinfluence.uncertainty._standard_errors import coef_covariance, standard_error

__all__ = [
    "JackknifePlusClassifier",
    "JackknifePlusRegressor",
    "coef_covariance",
    "standard_error",
]


def __dir__():
    return __all__
