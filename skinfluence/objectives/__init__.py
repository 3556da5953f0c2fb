"""Objectives of estimators: loss + predictor + penalty + weights.

Where to start: `_objective.py`; `_coupling.py` holds what other rows' weights do when one leaves.
"""

from skinfluence.linalg import MatrixPenalty, Penalty
from skinfluence.objectives._coding import TargetCoding, log_loss_of
from skinfluence.objectives._coupling import Coupling
from skinfluence.objectives._curvature import CURVATURES, check_curvature, is_second_derivative
from skinfluence.objectives._distance import distance_to_optimum
from skinfluence.objectives._newton import NewtonResult, factorize_upward, is_optimum, minimize
from skinfluence.objectives._objective import Objective
from skinfluence.objectives._weights import RowWeights

__all__ = [
    "CURVATURES",
    "Coupling",
    "MatrixPenalty",
    "NewtonResult",
    "Objective",
    "Penalty",
    "RowWeights",
    "TargetCoding",
    "check_curvature",
    "distance_to_optimum",
    "factorize_upward",
    "is_optimum",
    "is_second_derivative",
    "log_loss_of",
    "minimize",
]


def __dir__():
    return __all__
