"""Predictors: raw predictions of rows as a function of the parameters, with their derivatives.

Where to start: `_base.py` (the boundary between statistics and model class), then `_linear.py`.
"""

from skinfluence.linalg import Design
from skinfluence.predictors._base import Predictor
from skinfluence.predictors._composed import Combination, ComposedPredictor
from skinfluence.predictors._linear import LinearPredictor

__all__ = ["Combination", "ComposedPredictor", "Design", "LinearPredictor", "Predictor"]


def __dir__():
    return __all__
