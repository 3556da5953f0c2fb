"""Similarity of training rows, for a few rows at a time, without the n x n matrix."""

from typing import NamedTuple

import numpy as np
from scipy import sparse
from sklearn.utils import check_random_state

#: Rows whose distances give the median.
MEDIAN_ROWS = 1000


class Points(NamedTuple):
    """Some rows, as similarities take them."""

    X: object  # ndarray or CSR, shape: (n_rows, n_features)
    square_norms: np.ndarray


class RBFSimilarity:
    """exp(-||x - x'||^2 / (2 length_scale^2)) of rows in the model's feature space.

    Parameters
    ----------
    X : ndarray or CSR of shape (n, n_features)
        Training rows as the last step has them.
    length_scale : float or "median"
        "median": the median distance of two different rows, of at most `MEDIAN_ROWS`.
    rows : ndarray of int
        Rows among which the median is taken.
    random_state : int, RandomState instance or None
    """

    def __init__(self, X, length_scale, rows, random_state):
        self._X = X
        # distances do not depend on it, their digits do
        self._center = None if sparse.issparse(X) else self._X.mean(axis=0, dtype=np.float64)
        if length_scale == "median":
            length_scale = self._median_distance(rows, random_state)
        self.length_scale = float(length_scale)

    def points(self, rows):
        """Training rows as Points."""
        X = self._X[rows]
        if self._center is None:
            X = X.astype(np.float64)
            return Points(X, np.asarray(X.multiply(X).sum(axis=1)).ravel())
        X = X - self._center
        return Points(X, np.einsum("ij,ij->i", X, X))

    def __call__(self, first, second):
        """Similarities of Points to Points, (n_first, n_second), in [0, 1]."""
        out, scale = self._square_distances(first, second), self.length_scale
        with np.errstate(over="ignore", under="ignore"):  # its square may be no float
            largest = first.square_norms.max(initial=0.0) + second.square_norms.max(initial=0.0)
            if self._rounding * largest / scale > 1e-12 * scale:
                # so short a scale would separate equal rows by their rounding
                lengths = np.add.outer(first.square_norms, second.square_norms)
                out[out <= self._rounding * lengths] = 0.0
            out *= max(-0.5 / scale / scale, -np.finfo(float).max)
            return np.exp(out, out=out)

    @property
    def _rounding(self):
        """Rounding error of squared distances, in units of the rows' squared lengths."""
        return min(1e-12, np.finfo(float).eps * (8 + self._X.shape[1]))

    def _square_distances(self, first, second):
        out = first.X @ second.X.T
        out = out if self._center is not None else out.toarray()
        out *= -2.0
        out += first.square_norms[:, None]
        out += second.square_norms
        return np.maximum(out, 0.0, out=out)

    def _median_distance(self, rows, random_state):
        if len(rows) > MEDIAN_ROWS:
            rows = check_random_state(random_state).choice(rows, MEDIAN_ROWS, replace=False)
        some = self.points(rows)
        squares = self._square_distances(some, some)[np.triu_indices(len(rows), 1)]
        # rounding makes distances of equal rows of 1e-16 of the largest
        squares = squares[squares > 1e-12 * squares.max(initial=0.0)]
        return np.sqrt(np.median(squares)) if squares.size else 1.0
