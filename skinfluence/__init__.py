"""Influence functions for scikit-learn: which training rows made the model say this?"""

from skinfluence._explainer import InfluenceExplainer
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
]
