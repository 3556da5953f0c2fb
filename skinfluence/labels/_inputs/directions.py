"""Leading directions of many columns, on as little memory as they need."""

import numpy as np
from scipy import sparse
from scipy.linalg import eigh
from sklearn.utils.extmath import randomized_svd

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
        return randomized_svd(X, n_directions, n_iter=n_iter, random_state=random_state)[2].T
    kept = [p - n_directions, p - 1]
    vectors = eigh(X.T @ X, subset_by_index=kept)[1][:, ::-1]
    # a sign that does not depend on the library that computed them
    largest = np.abs(vectors).argmax(axis=0)
    return vectors * np.sign(vectors[largest, np.arange(n_directions)])
