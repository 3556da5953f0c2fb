"""Predictors: raw predictions of rows as a function of the parameters, with their derivatives.

Where to start: `_base.py` (the boundary between statistics and model class), then `_linear.py`.
"""

from skinfluence.linalg import Design
from skinfluence.predictors._base import Layer, Predictor
from skinfluence.predictors._composed import Combination, ComposedPredictor
from skinfluence.predictors._linear import LinearPredictor
from skinfluence.predictors._perceptron import Perceptron
from skinfluence.predictors._torch import TorchPredictor

__all__ = [
    "Combination",
    "ComposedPredictor",
    "Design",
    "Layer",
    "LinearPredictor",
    "Perceptron",
    "Predictor",
    "TorchPredictor",
]


def __dir__():
    return __all__
