"""A pipeline step of one's own with its derivative: decibels."""

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin

from skinfluence.perturbation import register_vjp


class Decibel(TransformerMixin, BaseEstimator):
    """10 log10(x / reference) of positive columns."""

    def fit(self, X, y=None):
        self.reference_ = np.median(X, axis=0)
        return self

    def transform(self, X):
        return 10.0 * np.log10(X / self.reference_)


@register_vjp("tests.extending.decibel", "Decibel")
def decibel(step, X, V):
    """d/dx 10 log10(x / reference) = 10 / (log(10) x), column by column."""
    return V * 10.0 / (np.log(10.0) * np.asarray(X))
