"""Influence functions for scikit-learn: which training rows made the model say this?"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from skinfluence.adapters import supports
    from skinfluence.explainer import InfluenceExplainer
    from skinfluence.labels import CleanedClassifier, CleanedRegressor, LabelCleaner, LabelFlagger
    from skinfluence.svm import SmoothHingeSVC

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

#: Module of each public object; all are loaded when they are first used, so that `skinfluence
#: --help` waits for none of them.
_HOMES = {"supports": "adapters", "InfluenceExplainer": "explainer", "SmoothHingeSVC": "svm"}

#: Public modules, the same.
_MODULES = (
    "adapters",
    "attacks",
    "closed_form",
    "components",
    "cross_validation",
    "datasets",
    "displays",
    "explainer",
    "functionals",
    "groups",
    "labels",
    "losses",
    "metrics",
    "mismatch",
    "networks",
    "objectives",
    "perturbation",
    "predictors",
    "report",
    "selection",
    "solvers",
    "svm",
    "targets",
    "testing",
    "uncertainty",
    "valuation",
)


def __getattr__(name):
    if name in _MODULES:
        return importlib.import_module(f"skinfluence.{name}")
    if name in __all__:
        home = _HOMES.get(name, "labels")
        return getattr(importlib.import_module(f"skinfluence.{home}"), name)
    raise AttributeError(f"module 'skinfluence' has no attribute {name!r}")


def __dir__():
    return [*__all__, *_MODULES]
