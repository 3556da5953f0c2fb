"""Shapley values of a nearest-neighbour classifier, in closed form."""

import numpy as np
from scipy.spatial.distance import cdist
from sklearn.utils import check_X_y
from sklearn.utils.multiclass import check_classification_targets

from skinfluence._utils.checks import check_whole
from skinfluence.linalg import row_blocks


def knn_shapley(X, y, X_test, y_test, *, n_neighbors=5):
    """Shapley value of each training row for the nearest-neighbour classifier.

    The score that is shared out is the mean, over the test rows, of the share of the `n_neighbors`
    nearest training rows that have the test row's label. One sort per test row, no model is fitted.

    Parameters
    ----------
    X : array-like of shape (n_train, n_features)
        Training rows; distances are Euclidean, so scale them.
    y : array-like of shape (n_train,)
        Their labels.
    X_test : array-like of shape (n_test, n_features)
        Test rows.
    y_test : array-like of shape (n_test,)
        Their labels.
    n_neighbors : int, default=5
        Neighbours that vote.

    Returns
    -------
    ndarray of shape (n_train,)
        Positive: the row helps, as for influence on a loss. They sum to the score with all rows.

    References
    ----------
    R. Jia et al., "Efficient task-specific data valuation for nearest neighbor algorithms", VLDB
    2019, theorem 1.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skinfluence.valuation import knn_shapley
    >>> X, y = load_iris(return_X_y=True)
    >>> values = knn_shapley(X[::2], y[::2], X[1::2], y[1::2])
    >>> print(f"{values.sum():.3f}")
    0.949
    """
    check_whole("n_neighbors", n_neighbors)
    X, y = check_X_y(X, y, dtype=[np.float64, np.float32])
    check_classification_targets(y)
    X_test, y_test = check_X_y(X_test, y_test, dtype=X.dtype)
    if X_test.shape[1] != X.shape[1]:
        raise ValueError(
            f"X_test has {X_test.shape[1]} columns; expected {X.shape[1]}, those of X."
        )
    n, total = len(X), np.zeros(len(X))
    # what a change of label between neighbours i and i + 1 is worth
    place = np.arange(1, n)
    worth = np.minimum(n_neighbors, place) / place / n_neighbors
    for rows in row_blocks(len(X_test), 40 * n):
        distance = cdist(X_test[rows], X, "sqeuclidean")
        order = np.argsort(distance, axis=1, kind="stable")
        right = (y[order] == y_test[rows, None]).astype(np.float64)
        value = np.empty_like(right)
        value[:, -1] = right[:, -1] / max(n, n_neighbors)
        steps = (right[:, :-1] - right[:, 1:]) * worth
        value[:, :-1] = value[:, -1:] + np.cumsum(steps[:, ::-1], axis=1)[:, ::-1]
        total += np.bincount(order.ravel(), weights=value.ravel(), minlength=n)
    return total / len(X_test)
