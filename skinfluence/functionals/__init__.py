"""Influence on any number of a fitted model: scores, gaps between groups, coefficients, t values.

Functions of a fitted :class:`~skinfluence.InfluenceExplainer`. Where to start: `_influence.py`,
then `_bound.py` (a functional of given test rows) and `_smallest_set.py`.
"""

from skinfluence.functionals._bound import FUNCTIONALS
from skinfluence.functionals._coefficients import Coefficient, TValue
from skinfluence.functionals._curves import FunctionalCurve, removal_curve, repair_curve
from skinfluence.functionals._influence import functional_value, influence_on
from skinfluence.functionals._smallest_set import SmallestSet, smallest_set

__all__ = [
    "FUNCTIONALS",
    "Coefficient",
    "FunctionalCurve",
    "SmallestSet",
    "TValue",
    "functional_value",
    "influence_on",
    "removal_curve",
    "repair_curve",
    "smallest_set",
]


def __dir__():
    return __all__
