"""Groups of training rows: effects of their removal, and groups with the largest effect.

Functions of a fitted :class:`~skinfluence.InfluenceExplainer`. Where to start: `_influence.py`,
then `_downdate.py` and `_fewest.py`, on which the searches stand.
"""

from skinfluence.groups._fewest import Crossing, FewestRows, fewest_rows
from skinfluence.groups._flipping import FlippingSet, smallest_flipping_set
from skinfluence.groups._influence import group_influence, group_table
from skinfluence.groups._influential import InfluentialGroup, most_influential_group

__all__ = [
    "Crossing",
    "FewestRows",
    "FlippingSet",
    "InfluentialGroup",
    "fewest_rows",
    "group_influence",
    "group_table",
    "most_influential_group",
    "smallest_flipping_set",
]


def __dir__():
    return __all__
