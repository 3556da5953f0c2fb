"""Influence functions for scikit-learn: which training rows made the model say this?"""

import importlib
from typing import TYPE_CHECKING

from skinfluence.adapters import supports
from skinfluence.explainer import InfluenceExplainer
from skinfluence.svm import SmoothHingeSVC

if TYPE_CHECKING:
    from skinfluence.labels import CleanedClassifier, CleanedRegressor, LabelCleaner, LabelFlagger

__version__ = "0.1.0"

__all__ = [
    "CleanedClassifier",
    "CleanedRegressor",
    "InfluenceExplainer",
    "LabelCleaner",
    "LabelFlagger",
    "SmoothHingeSVC",
    "__version__",
    "supports",
]

#: Public modules, which are loaded when they are first used.
_MODULES = (
    "adapters",
    "components",
    "datasets",
    "displays",
    "groups",
    "labels",
    "losses",
    "metrics",
    "objectives",
    "perturbation",
    "selection",
    "solvers",
    "svm",
    "targets",
    "testing",
)


def __getattr__(name):
    if name in _MODULES:
        return importlib.import_module(f"skinfluence.{name}")
    if name in __all__:  # what is not loaded above is about labels
        return getattr(importlib.import_module("skinfluence.labels"), name)
    raise AttributeError(f"module 'skinfluence' has no attribute {name!r}")


def __dir__():
    return [*__all__, *_MODULES]
