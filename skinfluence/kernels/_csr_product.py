"""Compiled Hessian products of CSR rows: what surrounds `_csr_single.py` and `_csr_vectors.py`."""

import numpy as np

from skinfluence.kernels._arrays import (
    SIMD_WIDTH,
    aligned,
    curvature_parts,
    pack_columns,
    read_only,
    row_weights,
)
from skinfluence.kernels._threads import row_chunks, run_chunks, sum_chunks

#: Entries from which rows are worth a thread of their own in the first of two products.
CHUNK_ENTRIES = 2**18
#: The same for one vector: fewer take a millisecond, which threads and their tables would double.
SINGLE_ENTRIES = 2**20
#: Raw predictions that are kept between the two products.
RAW_BYTES = 2**26


def csr_hessian_product(X, V, offset, curvature, factor):
    """See `hessian_product`.

    One vector is bound by the memory's latency, and each row is read once. Several are bound by
    the tables of V and of the result, compared with which the entries of X are small: they are read
    once for every table, which leaves more of the table in the cache, and each thread has a table
    of the result to itself.
    """
    if len(V) == 1:
        return _single(X, V[0], offset[0], row_weights(curvature, factor))
    return _several(X, V, offset, curvature_parts(curvature, factor))


def _single(X, v, offset, weights):
    # numba itself is imported at first use
    from skinfluence.kernels import _csr_single

    n, f = X.shape
    parts = csr_parts(X.data, X.indices, X.indptr)

    def work(rows):
        table = aligned(f, 2)
        table[:, 0], table[:, 1] = v, 0.0
        total = _csr_single.single(*parts, table, offset, weights, rows.start, rows.stop)
        return table[None, :, 1].copy(), np.array([total])

    # an entry takes as long as two numbers of the result that are added up
    return sum_chunks(work, row_chunks(n, X.nnz, f // 2, SINGLE_ENTRIES))


def _several(X, V, offset, curved):
    (n, f), C = X.shape, len(V)
    data, indices, indptr = csr_parts(X.data, X.indices, X.indptr)
    tables, offset = read_only(pack_columns([V.T])[0]), read_only(np.ascontiguousarray(offset))
    groups = len(tables)
    # as the tables are: a row for each column of X
    product, sums = np.zeros((f, groups * SIMD_WIDTH)), np.zeros(C)
    size = max(1, RAW_BYTES // (8 * SIMD_WIDTH * groups))
    for start in range(0, n, size):
        rows = slice(start, min(start + size, n))
        parts = data, indices, indptr[rows.start : rows.stop + 1]
        some = [part[rows] for part in curved]
        raw, total = _raw(parts, tables, offset, some)
        sums += total
        _add_products(parts, raw, product)
    return product[:, :C].T, sums


def _raw(parts, tables, offset, curved):
    """(A_i (V x_i + offset) of every row, padded to whole groups; the sum of them)."""
    from skinfluence.kernels import _csr_vectors

    n, nnz = len(parts[2]) - 1, int(parts[2][-1]) - int(parts[2][0])
    raw = aligned(n, len(tables) * SIMD_WIDTH)

    def work(rows):
        sums = np.zeros(len(offset))
        _csr_vectors.products(*parts, tables, offset, *curved, rows.start, rows.stop, raw, sums)
        return [sums]

    return raw, *sum_chunks(work, row_chunks(n, nnz, 0, CHUNK_ENTRIES))


def _add_products(parts, raw, product):
    """Add X' raw to `product` (f, n_columns), eight columns at a time."""
    from skinfluence.kernels import _csr_vectors

    n, nnz, f = len(raw), int(parts[2][-1]) - int(parts[2][0]), len(product)
    groups = raw.shape[1] // SIMD_WIDTH
    raw = read_only(raw)

    def work(unit):
        rows, g = unit
        table = aligned(f, SIMD_WIDTH)
        table[:] = 0.0
        _csr_vectors.add_rows(*parts, raw, g, rows.start, rows.stop, table)
        return g, table

    def add(part):
        g, table = part
        product[:, g * SIMD_WIDTH : (g + 1) * SIMD_WIDTH] += table

    units = [(rows, g) for rows in row_chunks(n, nnz, f) for g in range(groups)]
    run_chunks(work, units, take=add)


def csr_parts(data, indices, indptr):
    """The arrays of a CSR matrix for the compiled loops, read-only.

    Indices are seen as unsigned: numba would otherwise test each for counting from the end.
    """
    unsigned = np.dtype(f"u{indices.dtype.itemsize}")
    return [read_only(part) for part in (data, indices.view(unsigned), indptr)]
