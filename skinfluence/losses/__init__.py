"""Losses: what a row costs, with derivatives taken with respect to the raw prediction.

Where to start: `_base.py` states the contract; one file a family. Registering a new loss is
subclassing :class:`Loss` with a `name`.
"""

from skinfluence.losses._base import REGISTRY, Loss
from skinfluence.losses._epsilon import SmoothEpsilonInsensitive
from skinfluence.losses._hinge import TEMPERATURE, SmoothHinge, SquaredHinge
from skinfluence.losses._logistic import Logistic, Multinomial
from skinfluence.losses._one_vs_rest import OneVsRestLogLoss
from skinfluence.losses._quantile import SmoothQuantile
from skinfluence.losses._robust import Huber, ModifiedHuber, SquaredEpsilonInsensitive
from skinfluence.losses._squared import SquaredError
from skinfluence.losses._tweedie import HalfTweedie

__all__ = [
    "REGISTRY",
    "TEMPERATURE",
    "HalfTweedie",
    "Huber",
    "Logistic",
    "Loss",
    "ModifiedHuber",
    "Multinomial",
    "OneVsRestLogLoss",
    "SmoothEpsilonInsensitive",
    "SmoothHinge",
    "SmoothQuantile",
    "SquaredEpsilonInsensitive",
    "SquaredError",
    "SquaredHinge",
]


def __dir__():
    return __all__
