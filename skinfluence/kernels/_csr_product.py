"""Compiled Hessian products of CSR rows: what surrounds `_csr_loops.py`."""

import numpy as np

from skinfluence.kernels._dense_product import aligned, curvature_parts, read_only, row_weights


def csr_hessian_product(X, V, offset, curvature, factor):
    """A function of a slice of rows that returns its (product, sums); see `hessian_product`."""
    # numba itself is imported at first use
    from skinfluence.kernels import _csr_loops

    C, f = V.shape
    parts = csr_parts(X.data, X.indices, X.indptr)
    if C == 1:
        weights = read_only(row_weights(curvature, factor))
        v = read_only(np.ascontiguousarray(V[0]))

        def work(rows):
            out = np.zeros(f)
            total = _csr_loops.single(*parts, v, offset[0], weights, rows.start, rows.stop, out)
            return out[None], np.array([total])

        return work

    curved = curvature_parts(curvature, factor)
    padded = -(-C // 4) * 4  # what remains after the vector registers would go one by one
    columns = aligned(f, padded)
    columns[:, :C], columns[:, C:] = V.T, 0.0
    columns = read_only(columns)
    offset = read_only(np.ascontiguousarray(offset))

    def work_many(rows):
        out, sums = aligned(f, padded), np.zeros(C)
        out[:] = 0.0
        _csr_loops.several(*parts, columns, offset, *curved, rows.start, rows.stop, out, sums)
        return np.ascontiguousarray(out[:, :C].T), sums

    return work_many


def csr_parts(data, indices, indptr):
    """The arrays of a CSR matrix for the compiled loops, read-only.

    Indices are seen as unsigned: numba would else ask of each whether it counts from the end.
    """
    unsigned = np.dtype(f"u{indices.dtype.itemsize}")
    return [read_only(part) for part in (data, indices.view(unsigned), indptr)]
