"""Compiled Hessian products of dense rows: around `_dense_loops.py` and `_column_loops.py`."""

import numpy as np

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
    from skinfluence.kernels import _dense_loops

    if C == 1:
        weights = read_only(row_weights(curvature, factor))
        v = aligned_like(X, f)
        v[:] = V[0]

        def work(rows):
            out = aligned_like(X, f)
            out[:] = 0.0
            head = min(f, (-X.ctypes.data % 64) // X.itemsize)
            total = _dense_loops.single(X, v, offset[0], weights, rows.start, rows.stop, head, out)
            return out[None], np.array([total])

        return work

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


def _column_product(columns, v, offset, weights):
    """The same for one output and X = columns' in Fortran order."""
    from skinfluence.kernels import _column_loops

    v, weights = read_only(np.ascontiguousarray(v)), read_only(weights)

    def work(rows):
        out, raw = np.zeros(len(columns)), aligned(COLUMN_ROWS)
        total = _column_loops.single(columns, v, offset, weights, rows.start, rows.stop, raw, out)
        return out[None], np.array([total])

    return work


def row_weights(curvature, factor):
    """A_i as one number, shape (n,), where there is one output."""
    weights = curvature.reshape(len(curvature))
    if factor is not None:
        weights = weights - factor[:, 0] ** 2
    return np.ascontiguousarray(weights, dtype=np.float64)


def curvature_parts(curvature, factor):
    """(diagonal, factor, matrices) for the compiled loops: those that are not used are empty."""
    K = curvature.shape[1]
    none, no_matrices = np.empty((0, K)), np.empty((0, K, K))
    if curvature.ndim == 3:
        parts = none, none, curvature
    else:
        parts = curvature, none if factor is None else factor, no_matrices
    return tuple(read_only(np.ascontiguousarray(part, dtype=np.float64)) for part in parts)


def read_only(array):
    """A read-only view: the compiler then makes one version for all arrays."""
    view = array.view()
    view.flags.writeable = False
    return view


def aligned(*shape):
    """Uninitialised float64 array that starts on a cache line."""
    size = int(np.prod(shape))
    memory = np.empty(size + 8)
    start = (-memory.ctypes.data % 64) // 8
    return memory[start : start + size].reshape(shape)


def aligned_like(X, size):
    """A float64 vector whose cache lines begin at the same columns as those of X's first row."""
    head = (-X.ctypes.data % 64) // X.itemsize
    memory = aligned(size + 64)
    start = -head % 8
    return memory[start : start + size]
