"""Leading directions of many columns, such as those of the words of free text."""

import numpy as np
from scipy import sparse
from scipy.linalg import eigh
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.extmath import randomized_svd

from skinfluence.kernels import single_threaded_blas

#: Columns that free text becomes, at most: for distances between rows, and for trees.
FOR_DISTANCES, FOR_TREES = 300, 50
#: Rows from which directions are computed, at most: more rows move them little.
MOST_ROWS = 10_000


def leading_directions(X, n_directions, random_state, n_iter=2):
    """Right singular vectors of the largest singular values, (p, n_directions).

    Of rows (n, p), dense or CSR, or of a sample of them; in the precision of the rows.
    """
    if X.shape[0] > MOST_ROWS:
        X = X[np.sort(random_state.permutation(X.shape[0])[:MOST_ROWS])]
    n, p = X.shape
    if sparse.issparse(X) or n < p:
        # of matrices with a few hundred columns: threads wait for each other longer than they work
        with single_threaded_blas():
            return randomized_svd(X, n_directions, n_iter=n_iter, random_state=random_state)[2].T
    kept = [p - n_directions, p - 1]
    vectors = eigh(X.T @ X, subset_by_index=kept)[1][:, ::-1]
    # a sign that does not depend on the library that computed them
    largest = np.abs(vectors).argmax(axis=0)
    return vectors * np.sign(vectors[largest, np.arange(n_directions)])


class TextDirections(TransformerMixin, BaseEstimator):
    """At most so many leading directions of TF-IDF columns, in the order of their variance."""

    def __init__(self, n_components=FOR_DISTANCES):
        self.n_components = n_components

    def fit(self, X, y=None):
        """Find the directions."""
        size = min(self.n_components, *X.shape)
        directions = leading_directions(X, size, np.random.RandomState(0), n_iter=5)
        self.components_ = directions.T  # shape: (m, n_words)
        return self

    def transform(self, X):
        """Columns of rows, (n_rows, m)."""
        return X @ self.components_.T


def text_columns(encoder, n_columns):
    """Slices of the columns of each text; they are the last ones of a fitted table encoder.

    Its models of distances need one scale for all directions of a text, as distances between texts
    have it: a scale of each would make the last as important as the first.
    """
    parts = [] if encoder is None else encoder.get_params().values()
    sizes = [len(part.components_) for part in parts if isinstance(part, TextDirections)]
    ends = n_columns - sum(sizes) + np.cumsum(sizes, dtype=int)
    return [slice(end - size, end) for size, end in zip(sizes, ends, strict=True)]


def columns_for_trees(encoder, n_columns):
    """Index of the columns of a fitted encoder that trees see: of each text the first ones."""
    seen = np.ones(n_columns, dtype=bool)
    for text in text_columns(encoder, n_columns):
        seen[text.start + FOR_TREES : text.stop] = False
    places = np.flatnonzero(seen)
    n_first = len(places)
    return slice(n_first) if seen[:n_first].all() else places  # a slice copies nothing


def is_tfidf(X):
    """Whether these are many sparse columns in which each row has length one, or zero."""
    if not sparse.issparse(X) or X.shape[1] <= FOR_DISTANCES or X.dtype.kind != "f":
        return False
    lengths = np.asarray(X.multiply(X).sum(axis=1)).ravel()
    return bool(np.all((np.abs(lengths - 1.0) < 1e-5) | (lengths == 0.0)))
