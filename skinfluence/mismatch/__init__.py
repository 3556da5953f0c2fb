"""Domain mismatch: training rows that mislead a model about test rows, and test rows unlike them.

Functions of a fitted :class:`~skinfluence.InfluenceExplainer`. Where to start: `_subgroups.py`,
with its search in `_search.py`; then `_unlike.py`.
"""

from skinfluence._utils.conditions import Condition
from skinfluence.mismatch._subgroups import Subgroup, SubgroupInfluence, subgroup_influence
from skinfluence.mismatch._unlike import UnlikeTraining, unlike_training

__all__ = [
    "Condition",
    "Subgroup",
    "SubgroupInfluence",
    "UnlikeTraining",
    "subgroup_influence",
    "unlike_training",
]


def __dir__():
    return __all__
