"""Targets: the numbers whose change is computed, as functions of the raw predictions of test rows.

A target is given by name (``target="loss"``) or as an object of this module. To start: `_base.py`.
"""

from skinfluence.targets._aggregates import AUROC, Mean, WeightedSum
from skinfluence.targets._base import JointTarget, Target
from skinfluence.targets._labels import encode_labels
from skinfluence.targets._named import TARGETS, bind_target
from skinfluence.targets._rows import DecisionValue, LossValue, Prediction, Probability

__all__ = [
    "AUROC",
    "TARGETS",
    "DecisionValue",
    "JointTarget",
    "LossValue",
    "Mean",
    "Prediction",
    "Probability",
    "Target",
    "WeightedSum",
    "bind_target",
    "encode_labels",
]


def __dir__():
    return __all__
