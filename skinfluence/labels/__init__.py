"""Wrong labels: finding them, and learning without them."""

from skinfluence.labels._cleaning.estimators import CleanedClassifier, CleanedRegressor
from skinfluence.labels._cleaning.sampler import LabelCleaner
from skinfluence.labels._find import WrongLabels, find_wrong_labels
from skinfluence.labels._flagger import LabelFlagger

__all__ = [
    "CleanedClassifier",
    "CleanedRegressor",
    "LabelCleaner",
    "LabelFlagger",
    "WrongLabels",
    "find_wrong_labels",
]


def __dir__():
    return __all__
