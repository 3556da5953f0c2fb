"""Checks for your own losses, solvers, estimators and steps, and the truth behind influences.

Where to start: `_truth.py` (what the numbers are compared with); one check a file.
"""

from skinfluence.testing._adapters import check_adapter
from skinfluence.testing._losses import check_loss
from skinfluence.testing._predictors import check_predictor
from skinfluence.testing._solvers import check_solver
from skinfluence.testing._steps import check_vjp
from skinfluence.testing._truth import (
    finite_difference_influence,
    leave_one_out_influence,
    tightened,
)

__all__ = [
    "check_adapter",
    "check_loss",
    "check_predictor",
    "check_solver",
    "check_vjp",
    "finite_difference_influence",
    "leave_one_out_influence",
    "tightened",
]


def __dir__():
    return __all__
