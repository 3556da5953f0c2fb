"""A plain-numpy twin of each kernel, written for reading; the tests compare the two."""

import numpy as np
from scipy import sparse


def csr_quadratic_form(data, indices, indptr, matrix):
    """x_i' M x_i for every CSR row x_i."""
    X = sparse.csr_array((data, indices, indptr), shape=(len(indptr) - 1, len(matrix)))
    return np.asarray(X.multiply(X @ matrix).sum(axis=1)).ravel()
