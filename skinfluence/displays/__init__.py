"""Figures of influence as scikit-learn displays; `plot` imports matplotlib."""

from skinfluence.displays._attack import AttackDisplay
from skinfluence.displays._comparison import ComparisonDisplay
from skinfluence.displays._components import InfluenceComponentsDisplay
from skinfluence.displays._damping_curve import DampingCurveDisplay
from skinfluence.displays._functional_curve import FunctionalCurveDisplay
from skinfluence.displays._group_influence import GroupInfluenceDisplay
from skinfluence.displays._influence_distance import InfluenceDistanceDisplay
from skinfluence.displays._influence_plot import InfluencePlotDisplay, UnlikeTrainingDisplay
from skinfluence.displays._label_fix_curve import LabelFixCurveDisplay
from skinfluence.displays._label_report import LabelReportDisplay
from skinfluence.displays._relative_influence import RelativeInfluenceDisplay
from skinfluence.displays._removal_fidelity import RemovalFidelityDisplay
from skinfluence.displays._self_influence import SelfInfluenceDisplay
from skinfluence.displays._top_influence import TopInfluenceDisplay

__all__ = [
    "AttackDisplay",
    "ComparisonDisplay",
    "DampingCurveDisplay",
    "FunctionalCurveDisplay",
    "GroupInfluenceDisplay",
    "InfluenceComponentsDisplay",
    "InfluenceDistanceDisplay",
    "InfluencePlotDisplay",
    "LabelFixCurveDisplay",
    "LabelReportDisplay",
    "RelativeInfluenceDisplay",
    "RemovalFidelityDisplay",
    "SelfInfluenceDisplay",
    "TopInfluenceDisplay",
    "UnlikeTrainingDisplay",
]


def __dir__():
    return __all__
