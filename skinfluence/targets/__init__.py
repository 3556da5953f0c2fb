"""Targets: the numbers whose change is computed, as functions of the raw predictions of test rows.

A target is given by name (``target="loss"``) or as an object of this module. To start: `_base.py`.
"""

from skinfluence.targets._aggregates import Mean, WeightedSum
from skinfluence.targets._base import JointTarget, Target
from skinfluence.targets._function import FunctionTarget
from skinfluence.targets._labels import encode_labels
from skinfluence.targets._named import TARGETS, bind_target
from skinfluence.targets._rankings import AUROC, AveragePrecision
from skinfluence.targets._rates import Accuracy, DemographicParityGap, EqualOpportunityGap
from skinfluence.targets._rows import DecisionValue, LossValue, Prediction, Probability
from skinfluence.targets._scores import CalibrationError, Score
from skinfluence.targets._test_groups import WorstGroupLoss

__all__ = [
    "AUROC",
    "TARGETS",
    "Accuracy",
    "AveragePrecision",
    "CalibrationError",
    "DecisionValue",
    "DemographicParityGap",
    "EqualOpportunityGap",
    "FunctionTarget",
    "JointTarget",
    "LossValue",
    "Mean",
    "Prediction",
    "Probability",
    "Score",
    "Target",
    "WeightedSum",
    "WorstGroupLoss",
    "bind_target",
    "encode_labels",
]


def __dir__():
    return __all__
