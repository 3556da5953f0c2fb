"""Arrays as the compiled loops take them: aligned, read-only, of float64."""

import numpy as np

#: Numbers that are worked on at a time: a cache line of float64.
SIMD_WIDTH = 8


def row_weights(curvature, factor):
    """A_i as one number, shape (n,), where there is one output."""
    weights = curvature.reshape(len(curvature))
    if factor is not None:
        weights = weights - factor[:, 0] ** 2
    return read_only(np.ascontiguousarray(weights, dtype=np.float64))


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


def pack_columns(U):
    """U of shape (K, f, m) in tables of eight columns, as the compiled loops take it.

    Parameters
    ----------
    U : list of K arrays of shape (f, m)

    Returns
    -------
    ndarray of shape (K, ceil(m / 8), f, 8)
        What comes after the m columns is zero.
    """
    f, m = U[0].shape
    tables = aligned(len(U), -(-m // SIMD_WIDTH), f, SIMD_WIDTH)
    for own, part in zip(tables, U, strict=True):
        for g, table in enumerate(own):
            some = part[:, g * SIMD_WIDTH : (g + 1) * SIMD_WIDTH]
            table[:, : some.shape[1]], table[:, some.shape[1] :] = some, 0.0
    return tables


def aligned(*shape):
    """Uninitialised float64 array that starts on a cache line."""
    size = int(np.prod(shape))
    memory = np.empty(size + 8)
    start = (-memory.ctypes.data % 64) // 8
    return memory[start : start + size].reshape(shape)
