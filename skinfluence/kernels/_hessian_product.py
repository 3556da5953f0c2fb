"""Z' A Z v with one reading of the rows: chooses among compiled loops and blocks for BLAS."""

from functools import partial

import numpy as np
from scipy import sparse

from skinfluence.kernels._arrays import read_only, row_weights
from skinfluence.kernels._compiling import worth_compiling
from skinfluence.kernels._csr_product import RAW_BYTES, csr_hessian_product
from skinfluence.kernels._threads import row_chunks, sum_chunks

#: A block of rows of this size stays in the processor's second cache between two products.
BLOCK_BYTES = 2**19
#: Multiplications up to which OpenBLAS takes a product of matrices for a small one.
SMALL_PRODUCT = 1_000_000
#: Fewer rows than this in a block are no product of matrices any more.
LEAST_ROWS = 32
#: Blocks that are multiplied in one call.
PANEL = 4
#: The same for X in Fortran order: it stays in the third.
COLUMN_BLOCK_BYTES = 2**23


def hessian_product(X, V, offset, curvature, factor=None, *, compiled=None, n_products=1):
    """(w' X, column sums of w) with w_i = A_i (V x_i + offset), X being read once.

    This is the product of a Hessian sum_i A_i (x) z_i z_i' with z_i = [x_i - centre, 1]: the
    caller puts intercept and centre into `offset`, and takes the centre out of the result with
    the sums.

    Parameters
    ----------
    X : ndarray (any order) or CSR of shape (n, f), float32 or float64
        May be read-only or memory-mapped. Sums are in float64 always.
    V : ndarray of shape (C, f), with C = K m
        m right-hand sides for each of K outputs; row ``k * m + t`` belongs to output k.
    offset : ndarray of shape (C,)
        Added to every raw prediction.
    curvature : ndarray of shape (n, K) or (n, K, K)
        A_i, or its diagonal.
    factor : ndarray of shape (n, K) or None
        With it A_i = diag(curvature_i) - factor_i factor_i' (softmax).
    compiled : bool or None
        None to go by `worth_compiling`.
    n_products : int
        Such products to come, about.

    Returns
    -------
    product : ndarray of shape (C, f)
    sums : ndarray of shape (C,)
        Both are the same to the last bit for any number of threads.
    """
    if not isinstance(X, sparse.sparray | sparse.spmatrix):
        X = np.asarray(X)  # a memory map becomes a plain view of the file
    V = np.asarray(V, dtype=np.float64)
    offset = np.asarray(offset, dtype=np.float64)
    if compiled is None:
        compiled = worth_compiling(X, len(V), n_products)
    if sparse.issparse(X):
        if compiled:
            return csr_hessian_product(X, V, offset, curvature, factor)
        # scipy uses one thread; rows are only cut where V has many columns
        step = max(1, RAW_BYTES // (8 * len(V)))
        return _in_blocks(X, V, offset, curvature, factor, step, slice(0, X.shape[0]))
    if compiled:
        work = _compiled(X, V[0], offset[0], row_weights(curvature, factor))
    elif X.flags.c_contiguous:
        work = partial(_in_panels, X, V, offset, curvature, factor)
    else:
        step = max(64, COLUMN_BLOCK_BYTES // (8 * max(1, X.shape[1])))
        work = partial(_in_blocks, X, V, offset, curvature, factor, step)
    return sum_chunks(work, row_chunks(len(X), X.size, X.shape[1]))


def apply_curvature(raw, curvature, factor=None):
    """A_i raw_i for raw of shape (n, K, m)."""
    if curvature.ndim == 3:
        return curvature @ raw
    if factor is None:
        return curvature[:, :, None] * raw
    along = np.einsum("nk,nkm->nm", factor, raw)
    if factor is curvature:  # a softmax of unit weights
        out = raw - along[:, None]
        out *= curvature[:, :, None]
        return out
    return curvature[:, :, None] * raw - factor[:, :, None] * along[:, None]


def curvature_of_rows(curvature, factor, rows):
    """Both for some rows; one array where they are one."""
    some = curvature[rows]
    if factor is None or factor is curvature:
        return some, None if factor is None else some
    return some, factor[rows]


def _compiled(X, v, offset, weights):
    """A function of a slice of rows that returns its (product, sums), for X in C order."""
    # numba itself is imported at first use
    from skinfluence.kernels import _dense_loops

    X, v = read_only(X), read_only(np.ascontiguousarray(v))

    def work(rows):
        out = np.zeros(len(v))
        total = _dense_loops.product(X, v, offset, weights, rows.start, rows.stop, out)
        return out[None], np.array([total])

    return work


def _curved(raw, curvature, factor, rows):
    """A_i raw_i of some rows, for raw of shape (n_rows, C)."""
    K, C = curvature.shape[1], raw.shape[1]
    some = curvature_of_rows(curvature, factor, rows)
    return apply_curvature(raw.reshape(-1, K, C // K), *some).reshape(-1, C)


def _in_panels(X, V, offset, curvature, factor, chunk):
    """The rows of one chunk in plain numpy, a few blocks to a call.

    A loop in Python over blocks as small as the second cache would keep other threads waiting for
    the interpreter; numpy's products of stacks of matrices loop without it.
    """
    C, f = V.shape
    product, sums = np.zeros((C, f)), np.zeros(C)
    columns = np.ascontiguousarray(V.T)  # shape: (f, C)
    rows_in_cache = max(BLOCK_BYTES // (8 * max(1, f)), LEAST_ROWS)
    size = min(rows_in_cache, SMALL_PRODUCT // max(1, C * f))
    if size < LEAST_ROWS:  # too many columns for small products anyhow
        size = max(64, rows_in_cache)
    start = chunk.start
    while start < chunk.stop:
        blocks = max(1, min(PANEL, (chunk.stop - start) // size))
        block = min(size, chunk.stop - start)
        rows = slice(start, start + blocks * block)
        x = X[rows].reshape(blocks, block, f)
        if x.dtype != np.float64:
            x = x.astype(np.float64)
        raw = (x @ columns).reshape(-1, C)
        raw += offset
        w = _curved(raw, curvature, factor, rows).reshape(blocks, block, C)
        product += (w.transpose(0, 2, 1) @ x).sum(axis=0)
        sums += w.sum(axis=(0, 1))
        start = rows.stop
    return product, sums


def _in_blocks(X, V, offset, curvature, factor, step, chunk):
    """The rows of one chunk, sparse or in another order than C, `step` of them at a time."""
    C, f = V.shape
    product, sums = np.zeros((C, f)), np.zeros(C)
    columns = V[0] if C == 1 else np.ascontiguousarray(V.T)
    for start in range(chunk.start, chunk.stop, step):
        rows = slice(start, min(start + step, chunk.stop))
        x = X if rows == slice(0, X.shape[0]) else X[rows]
        if isinstance(x, np.ndarray):  # scipy itself adds in float64
            x = x.astype(np.float64, copy=False)
        w = _curved((x @ columns).reshape(-1, C) + offset, curvature, factor, rows)
        product += (x.T @ (w[:, 0] if C == 1 else w)).T
        sums += w.sum(axis=0)
    return product, sums
