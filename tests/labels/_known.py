"""A flagger that is told what to find, so that only what is done about it is tested."""

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import _num_features


class Known(BaseEstimator):
    """Says of each row what it was told; has the fitted attributes of LabelFlagger.

    Parameters
    ----------
    flagged : list of int
        Positions of the rows that it flags.
    suggested : array-like of shape (n,)
        Labels or values that it suggests.
    quality : array-like of shape (n,), default=None
        Of the labels; by default 0.1 for flagged rows and 0.9 for the others.
    regression : bool, default=False
    """

    def __init__(self, flagged=(), suggested=None, quality=None, regression=False):
        self.flagged = flagged
        self.suggested = suggested
        self.quality = quality
        self.regression = regression

    def fit(self, X, y, sample_weight=None):
        """Remember."""
        n = len(y)
        self.n_features_in_ = _num_features(X)
        self.flagged_ = np.isin(np.arange(n), self.flagged)
        told = y if self.suggested is None else self.suggested
        self.suggested_ = np.asarray(told)
        self.label_quality_ = np.where(self.flagged_, 0.1, 0.9)
        if self.quality is not None:
            self.label_quality_ = np.asarray(self.quality, dtype=float)
        self.scores_ = 1 - self.label_quality_
        self.sample_weight_ = sample_weight
        if not self.regression:
            self.classes_ = np.unique(np.asarray(y))
        return self
