"""What a change of row weights does: first order, Newton step, refit; one method a file.

Where to start: `_changes.py` (what changes, and what an effect can be asked), then
`_newton_step.py`. `_group_*.py` change many weights together,
`_replace*.py` put other rows in the place of rows.
"""

from skinfluence.effects._changes import (
    LinearChanges,
    PartitionedChanges,
    RefittedChanges,
    WeightChanges,
)
from skinfluence.effects._first_order import first_order
from skinfluence.effects._group_first_order import group_first_order
from skinfluence.effects._group_newton_step import group_newton_step
from skinfluence.effects._group_second_order import group_second_order
from skinfluence.effects._newton_step import newton_step
from skinfluence.effects._refit import refit, refit_rows
from skinfluence.effects._replaced_optimum import replace_newton_step, replace_refit
from skinfluence.effects._replacement import (
    LinearReplacements,
    Replacement,
    replace_first_order,
)

METHODS = ("first_order", "newton_step", "refit")

__all__ = [
    "METHODS",
    "LinearChanges",
    "LinearReplacements",
    "PartitionedChanges",
    "RefittedChanges",
    "Replacement",
    "WeightChanges",
    "first_order",
    "group_first_order",
    "group_newton_step",
    "group_second_order",
    "newton_step",
    "refit",
    "refit_rows",
    "replace_first_order",
    "replace_newton_step",
    "replace_refit",
]


def __dir__():
    return __all__
