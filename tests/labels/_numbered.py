"""Rows that carry their number, and parts that remember which rows they were fitted to."""

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression

from skinfluence.datasets import flip_labels

rng = np.random.default_rng(0)
n = 600
features = rng.normal(size=(n, 4))
truth = (features.sum(axis=1) > 0).astype(int)
#: the last column is the number of the row
X = np.c_[features, np.arange(n)]
y, flipped = flip_labels(truth, 0.2, random_state=0)
missed = (truth == 1) & (rng.uniform(size=n) < 0.4)
one_sided = np.where(missed, 0, truth)


class Unnumbered(LogisticRegression):
    """A logistic regression that refuses rows it was fitted to; it does not see the number."""

    def fit(self, X, y, sample_weight=None):
        self.rows_ = set(X[:, -1])
        return super().fit(X[:, :-1], y, sample_weight)

    def decision_function(self, X):
        assert self.rows_.isdisjoint(X[:, -1])
        return super().decision_function(X[:, :-1])


class Numbered(BaseEstimator):
    """Flags the rows with these numbers, wherever they stand.

    Parameters
    ----------
    wrong : array-like of bool of shape (n,)
        By number.
    noise_matrix : ndarray of shape (n_classes, n_classes), default=None
        None: it has none.
    log : list, default=None
        Gets (numbers, labels) of each fit.
    """

    def __init__(self, wrong, noise_matrix=None, log=None):
        self.wrong = wrong
        self.noise_matrix = noise_matrix
        self.log = log

    def __sklearn_clone__(self):
        return Numbered(self.wrong, self.noise_matrix, self.log)

    def fit(self, X, y, sample_weight=None):
        """Look the rows up."""
        numbers = X[:, -1].astype(int)
        if self.log is not None:
            self.log.append((numbers, np.array(y)))
        self.flagged_ = np.asarray(self.wrong)[numbers]
        self.label_quality_ = np.where(self.flagged_, 0.1, 1.0)
        self.suggested_ = np.asarray(y)
        self.n_features_in_ = X.shape[1]
        self.classes_ = np.unique(y)
        if self.noise_matrix is not None:
            self.noise_matrix_ = self.noise_matrix
        return self
