"""Compiled scores of CSR rows: products with several outputs, scaled and added in one go."""

import numpy as np

from skinfluence.kernels._arrays import SIMD_WIDTH, aligned, read_only
from skinfluence.kernels._csr_product import CHUNK_ENTRIES, csr_parts
from skinfluence.kernels._threads import row_chunks, run_chunks


def csr_scores(data, indices, indptr, tables, offset, rho, out):
    """out[t, i] = sum_k rho[i, k] (sum_j x_ij U[k, j, t] + offset[k, t]) of CSR rows x_i.

    No array of shape (n, m) is made, and none for each output.

    Parameters
    ----------
    data, indices, indptr : ndarrays of a CSR matrix of shape (n, f)
        `indptr` may be a piece of that of a larger matrix: n rows from anywhere.
    tables : ndarray of shape (K, ceil(m / 8), f, 8)
        U, of shape (K, f, m), from `pack_columns`.
    offset : ndarray of shape (K, m)
    rho : ndarray of shape (n, K)
    out : ndarray of shape (m, n), float64 or float32
        May be a view. Sums are in float64.

    Returns
    -------
    ndarray
        `out`, the same for any number of threads.
    """
    # numba itself is imported at first use
    from skinfluence.kernels import _csr_vectors

    n = len(indptr) - 1
    parts = [*csr_parts(data, indices, indptr), read_only(tables)]
    for part in offset, rho:
        parts.append(read_only(np.ascontiguousarray(part, dtype=np.float64)))
    nnz = int(indptr[-1]) - int(indptr[0])

    def work(rows):
        totals = aligned(rows.stop - rows.start, SIMD_WIDTH)
        _csr_vectors.scores(*parts, rows.start, rows.stop, totals, out)

    run_chunks(work, row_chunks(n, nnz, 0, CHUNK_ENTRIES))
    return out
