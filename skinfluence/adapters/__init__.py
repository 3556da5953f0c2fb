"""From a fitted scikit-learn estimator to its objective: one estimator family a file.

Where to start: `_registry.py` (how a class is found), then `_families/least_squares.py` (the
shortest family). `_fitted_model.py` opens pipelines, searches and frozen estimators.
"""

from skinfluence.adapters import _families  # noqa: F401
from skinfluence.adapters._fit_record import fit_recorded, is_frozen, weight_parameter
from skinfluence.adapters._fitted_model import FittedModel, explain_estimator, unwrap
from skinfluence.adapters._linear import class_weights, linear_objective, write_coefficients
from skinfluence.adapters._registry import (
    REGISTRY,
    Adapter,
    Settings,
    UnsupportedEstimatorError,
    find_adapter,
    register,
)
from skinfluence.adapters._steps import (
    FittedSteps,
    inner_estimator,
    is_search,
    looks_at_labels,
    may_write,
    step_that_sees_labels,
)
from skinfluence.adapters._support import Support, check_supported, supports

__all__ = [
    "REGISTRY",
    "Adapter",
    "FittedModel",
    "FittedSteps",
    "Settings",
    "Support",
    "UnsupportedEstimatorError",
    "check_supported",
    "class_weights",
    "explain_estimator",
    "find_adapter",
    "fit_recorded",
    "inner_estimator",
    "is_frozen",
    "is_search",
    "linear_objective",
    "looks_at_labels",
    "may_write",
    "register",
    "step_that_sees_labels",
    "supports",
    "unwrap",
    "weight_parameter",
    "write_coefficients",
]


def __dir__():
    return __all__
