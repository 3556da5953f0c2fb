"""Compiled Hessian products of dense rows: around `_dense_loops.py` and `_column_loops.py`."""

import numpy as np

from skinfluence.kernels._arrays import LANES, aligned, curvature_parts, read_only, row_weights

#: Beyond this many coefficient vectors the two products are long enough for BLAS.
MOST_OUTPUTS = 15
#: Columns of one tile of the result, in `_dense_loops.py` too.
STRIP = 256
#: Rows between two products of a tile; a multiple of 4.
BLOCK_BYTES = 2**18
#: The same where columns follow each other: the best of 256 to 8,192 rows.
COLUMN_ROWS = 512


def dense_hessian_product(X, V, offset, curvature, factor):
    """A function of a slice of rows that returns its (product, sums); see `hessian_product`."""
    C, f = V.shape
    X = read_only(X)
    if C == 1 and not X.flags.c_contiguous:
        return _column_product(X.T, V[0], offset[0], row_weights(curvature, factor))
    # numba itself is imported at first use
    if C == 1:
        return _row_product(X, V[0], offset[0], row_weights(curvature, factor))
    from skinfluence.kernels import _dense_loops

    curvature, factor, matrices = curvature_parts(curvature, factor)
    columns = aligned(C, f)
    columns[:] = V
    offset = read_only(np.ascontiguousarray(offset))
    block = max(8, min(128, BLOCK_BYTES // (8 * max(1, f)))) // 4 * 4

    def work_tiled(rows):
        strips = -(-f // STRIP)
        packed = aligned(max(1, strips), C, STRIP)
        packed[:] = 0.0
        sums = np.zeros(C)
        raw = np.empty((block, C))
        _dense_loops.tiled(
            X,
            columns,
            offset,
            curvature,
            factor,
            matrices,
            rows.start,
            rows.stop,
            raw,
            packed.reshape(-1),
            sums,
        )
        return packed.transpose(1, 0, 2).reshape(C, -1)[:, :f], sums

    return work_tiled


def _row_product(X, v, offset, weights):
    """The same for one output and X in C order."""
    from skinfluence.kernels import _dense_vectors

    f, weights = X.shape[1], read_only(weights)
    shift = 0
    if f % LANES == 0:  # then all rows begin at the same place in a cache line
        shift = X.ctypes.data % (LANES * X.itemsize) // X.itemsize
    size = -(-(f + shift) // LANES) * LANES
    padded = aligned(size)
    padded[:] = 0.0
    padded[shift : shift + f] = v

    def work(rows):
        out = aligned(size)
        out[:] = 0.0
        total = _dense_vectors.single(X, padded, offset, weights, rows.start, rows.stop, shift, out)
        return out[None, shift : shift + f], np.array([total])

    return work


def _column_product(columns, v, offset, weights):
    """The same for one output and X = columns' in Fortran order."""
    from skinfluence.kernels import _column_loops

    v, weights = read_only(np.ascontiguousarray(v)), read_only(weights)

    def work(rows):
        out, raw = np.zeros(len(columns)), aligned(COLUMN_ROWS)
        total = _column_loops.single(columns, v, offset, weights, rows.start, rows.stop, raw, out)
        return out[None], np.array([total])

    return work
