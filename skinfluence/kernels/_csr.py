"""Numba kernels on CSR rows. Numba itself is imported, and the kernel compiled, at first use."""

from functools import cache

import numpy as np


def csr_quadratic_form(data, indices, indptr, matrix):
    """x_i' M x_i for every CSR row x_i; the cost is the square of a row's entries, not of q.

    Parameters
    ----------
    data, indices, indptr : ndarrays of a CSR matrix of shape (n, q)
    matrix : ndarray of shape (q, q), float64, C order, symmetric

    Returns
    -------
    ndarray of shape (n,)
    """
    return _compiled()(data, indices, indptr, matrix)


@cache
def _compiled():
    from numba import njit

    # cache=True keeps the machine code between processes; no fastmath: NaN must come through
    return njit(cache=True, nogil=True)(_csr_quadratic_form)


def _csr_quadratic_form(data, indices, indptr, matrix):
    n = len(indptr) - 1
    out = np.empty(n)
    for i in range(n):
        total = 0.0
        for a in range(indptr[i], indptr[i + 1]):
            row = matrix[indices[a]]
            half = 0.5 * row[indices[a]] * data[a]
            for b in range(indptr[i], a):  # each pair once
                half += row[indices[b]] * data[b]
            total += 2.0 * half * data[a]
        out[i] = total
    return out
