"""Domain mismatch: training rows that mislead a model about test rows, and test rows unlike them.

Functions of a fitted :class:`~skinfluence.InfluenceExplainer`. Where to start: `_subgroups.py`,
with its search in `_search.py`.
"""

from skinfluence.mismatch._conditions import Condition
from skinfluence.mismatch._subgroups import Subgroup, SubgroupInfluence, subgroup_influence

__all__ = ["Condition", "Subgroup", "SubgroupInfluence", "subgroup_influence"]


def __dir__():
    return __all__
