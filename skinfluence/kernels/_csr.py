"""Compiled quadratic forms and Gram matrices of CSR rows: what surrounds `_csr_loops.py`."""

from itertools import pairwise

import numpy as np

from skinfluence.kernels._arrays import read_only
from skinfluence.kernels._csr_product import csr_parts
from skinfluence.kernels._threads import effective_threads, row_chunks, run_chunks

#: Rows and columns of a matrix that stay in the cache.
TILE = 256


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
    from skinfluence.kernels import _csr_loops

    n = len(indptr) - 1
    parts = csr_parts(data, indices, indptr)
    matrix = read_only(matrix)
    out = np.empty(n)

    def work(rows):
        _csr_loops.quadratic_form(*parts, matrix, rows.start, rows.stop, out)

    run_chunks(work, row_chunks(n, len(data), 0))
    return out


def csr_gram(data, indices, indptr, weights, n_columns):
    """X' diag(weights) X of CSR rows as a dense matrix; no product of sparse matrices is made.

    Parameters
    ----------
    data, indices, indptr : ndarrays of a CSR matrix of shape (n, n_columns)
    weights : ndarray of shape (n,)
        Of any sign. Rows of weight zero cost nothing.
    n_columns : int

    Returns
    -------
    ndarray of shape (n_columns, n_columns)
        The same for any number of threads: each has some columns of it to itself, and reads all
        rows.
    """
    from skinfluence.kernels import _csr_loops

    parts = csr_parts(data, indices, indptr)
    weights = read_only(np.ascontiguousarray(weights, dtype=np.float64))
    out = np.zeros((n_columns, n_columns))
    columns = _ranges_of_equal_work(indices, indptr, n_columns, effective_threads())

    def work(some):
        _csr_loops.half_gram(*parts, weights, some.start, some.stop, out)

    run_chunks(work, columns)
    return _add_transposed(out)


def _add_transposed(out):
    """M + M' in place: tiles in the cache, where a whole transposed matrix would be read badly."""
    edges = [slice(a, a + TILE) for a in range(0, len(out), TILE)]
    for i, rows in enumerate(edges):
        for columns in edges[: i + 1]:
            total = out[rows, columns] + out[columns, rows].T
            out[rows, columns] = total
            out[columns, rows] = total.T
    return out


def _ranges_of_equal_work(indices, indptr, n_columns, n_ranges):
    """Slices of columns: an entry's work is the number of those before it in its row."""
    if n_ranges < 2:
        return [slice(0, n_columns)]
    place = np.arange(1, len(indices) + 1) - np.repeat(indptr[:-1], np.diff(indptr))
    work = np.cumsum(np.bincount(indices, weights=place, minlength=n_columns))
    shares = np.arange(1, n_ranges) / n_ranges
    edges = [0, *np.searchsorted(work, shares * work[-1]), n_columns]
    return [slice(int(a), int(b)) for a, b in pairwise(edges)]
