"""Estimators that are computed from their rows in closed form: sums over rows, or neighbours.

They minimise nothing that has a Hessian, and need none: what the removal of a row does follows from
the sums without it. Where to start: `_base.py`, then `_sums.py` and `_naive_bayes.py`.
"""

from skinfluence.closed_form._base import ClosedFormModel
from skinfluence.closed_form._centroids import Centroids
from skinfluence.closed_form._counts import (
    BernoulliNaiveBayes,
    CategoricalNaiveBayes,
    ComplementNaiveBayes,
    MultinomialNaiveBayes,
)
from skinfluence.closed_form._discriminant import LinearDiscriminant, QuadraticDiscriminant
from skinfluence.closed_form._naive_bayes import GaussianNaiveBayes
from skinfluence.closed_form._neighbors import NearestNeighbors, RadiusNeighbors
from skinfluence.closed_form._one_class import OneClassMachine
from skinfluence.closed_form._sums import SumModel

__all__ = [
    "BernoulliNaiveBayes",
    "CategoricalNaiveBayes",
    "Centroids",
    "ClosedFormModel",
    "ComplementNaiveBayes",
    "GaussianNaiveBayes",
    "LinearDiscriminant",
    "MultinomialNaiveBayes",
    "NearestNeighbors",
    "OneClassMachine",
    "QuadraticDiscriminant",
    "RadiusNeighbors",
    "SumModel",
]


def __dir__():
    return __all__
