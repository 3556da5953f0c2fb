"""Compiled Hessian products of CSR rows: what surrounds `_csr_loops.py` and `_csr_vectors.py`."""

import numpy as np

from skinfluence.kernels._dense_product import aligned, curvature_parts, read_only, row_weights
from skinfluence.kernels._threads import row_chunks, run_chunks

#: Coefficient vectors that are multiplied at a time: a cache line.
LANES = 8
#: Entries from which rows are worth a thread of their own in the first of two products.
CHUNK_ENTRIES = 2**18


def csr_hessian_product(X, V, offset, curvature, factor, n_threads):
    """See `hessian_product`.

    One vector is bound by the memory's latency, and each row is met once. Several are bound by
    the tables of V and of the result, beside which the entries of X are little: they are read
    once for every table, which leaves more of the table in the cache, and each thread has a table
    of the result to itself.
    """
    if len(V) == 1:
        return _single(X, V[0], offset[0], row_weights(curvature, factor), n_threads)
    return _several(X, V, offset, curvature_parts(curvature, factor), n_threads)


def _single(X, v, offset, weights, n_threads):
    # numba itself is imported at first use
    from skinfluence.kernels import _csr_loops

    n, f = X.shape
    parts = csr_parts(X.data, X.indices, X.indptr)
    v, weights = read_only(np.ascontiguousarray(v)), read_only(weights)

    def work(rows):
        out = np.zeros(f)
        return out, _csr_loops.single(*parts, v, offset, weights, rows.start, rows.stop, out)

    product, total = np.zeros(f), 0.0
    # an entry takes as long as four numbers of the result that are added up
    for part, added in run_chunks(work, row_chunks(n, X.nnz, f // 4), n_threads):
        product += part
        total += added
    return product[None], np.array([total])


def _several(X, V, offset, curved, n_threads):
    from skinfluence.kernels import _csr_vectors

    (n, f), C = X.shape, len(V)
    groups = -(-C // LANES)
    parts = csr_parts(X.data, X.indices, X.indptr)
    tables = aligned(groups, f, LANES)
    for g, table in enumerate(tables):
        some = V[g * LANES : (g + 1) * LANES]
        table[:, : len(some)], table[:, len(some) :] = some.T, 0.0
    tables, offset = read_only(tables), read_only(np.ascontiguousarray(offset))
    raw = aligned(n, groups * LANES)

    def multiply(rows):
        sums = np.zeros(C)
        _csr_vectors.products(*parts, tables, offset, *curved, rows.start, rows.stop, raw, sums)
        return sums

    def add(unit):
        rows, g = unit
        table = aligned(f, LANES)
        table[:] = 0.0
        _csr_vectors.add_rows(*parts, raw, g, rows.start, rows.stop, table)
        return g, np.ascontiguousarray(table.T)

    sums = sum(run_chunks(multiply, row_chunks(n, X.nnz, 0, CHUNK_ENTRIES), n_threads))
    product = np.zeros((groups * LANES, f))
    units = [(rows, g) for rows in row_chunks(n, X.nnz, f) for g in range(groups)]
    for g, part in run_chunks(add, units, n_threads):
        product[g * LANES : (g + 1) * LANES] += part
    return product[:C], sums


def csr_parts(data, indices, indptr):
    """The arrays of a CSR matrix for the compiled loops, read-only.

    Indices are seen as unsigned: numba would else ask of each whether it counts from the end.
    """
    unsigned = np.dtype(f"u{indices.dtype.itemsize}")
    return [read_only(part) for part in (data, indices.view(unsigned), indptr)]
