"""Z' A Z v with one reading of the rows: chooses among compiled loops and blocks for BLAS."""

import numpy as np
from scipy import sparse

from skinfluence.kernels._csr_product import csr_hessian_product
from skinfluence.kernels._dense_product import MOST_OUTPUTS, dense_hessian_product
from skinfluence.kernels._threads import InPlaceSum, blas_architecture, row_chunks, run_chunks

#: Fewer entries of X than this take milliseconds in numpy, and compiling takes seconds.
COMPILED_ENTRIES = 4_000_000
#: Fewer entries of a sparse X with several columns, if there are many of these.
SPARSE_ENTRIES, SPARSE_WORK = 2**18, 40_000_000
#: A block of rows of this size stays in the processor's second cache between two products.
BLOCK_BYTES = 2**19
#: Multiplications up to which OpenBLAS takes a product of matrices for a small one.
SMALL_PRODUCT = 1_000_000
#: Fewer rows than this in a block are no product of matrices any more.
LEAST_ROWS = 24
#: Blocks that are multiplied in one call.
PANEL = 4
#: OpenBLAS's names for kernels with products of their own for small matrices.
WIDE_VECTORS = {"SkylakeX", "Cooperlake", "SapphireRapids"}
#: The same for X in Fortran order: it stays in the third.
COLUMN_BLOCK_BYTES = 2**23


def worth_compiling(X, n_columns=1):
    """Whether a product with X is so long that it may wait once for the compiler.

    Parameters
    ----------
    X : ndarray or CSR of shape (n, f)
    n_columns : int
        C, the number of coefficient vectors that are multiplied at a time. Beyond `MOST_OUTPUTS`
        a dense X is multiplied by BLAS, and nothing is compiled; in Fortran order beyond one.

    Returns
    -------
    bool
    """
    if sparse.issparse(X):
        if X.nnz >= SPARSE_ENTRIES and X.nnz * n_columns >= SPARSE_WORK:
            return True  # some tens of milliseconds in scipy, a product
    else:
        most = MOST_OUTPUTS if X.flags.c_contiguous else int(X.flags.f_contiguous)
        if n_columns > most or X.dtype not in (np.float32, np.float64):
            return False
    return n_entries(X) >= COMPILED_ENTRIES


def hessian_product(X, V, offset, curvature, factor=None, n_threads=None, compiled=None):
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
    n_threads : int or None
        None for as many as numpy's BLAS would use now. The result is the same to the last bit
        for any number.
    compiled : bool or None
        None to ask `worth_compiling`.

    Returns
    -------
    product : ndarray of shape (C, f)
    sums : ndarray of shape (C,)
    """
    if not isinstance(X, sparse.sparray | sparse.spmatrix):
        X = np.asarray(X)  # a memory map becomes a plain view of the file
    V = np.asarray(V, dtype=np.float64)
    offset = np.asarray(offset, dtype=np.float64)
    if compiled is None:
        compiled = worth_compiling(X, len(V)) and not _small_products_are_fast(X, len(V))
    if compiled and sparse.issparse(X):
        return csr_hessian_product(X, V, offset, curvature, factor, n_threads)
    chunks = row_chunks(X.shape[0], n_entries(X), X.shape[1])
    if compiled:
        work = dense_hessian_product(X, V, offset, curvature, factor)
    else:
        rows_follow = not sparse.issparse(X) and X.flags.c_contiguous
        blockwise = _in_panels if rows_follow else _in_blocks

        def work(chunk):
            return blockwise(X, V, offset, curvature, factor, chunk)

    product, sums = InPlaceSum(), InPlaceSum()

    def take(part):
        product.add(part[0])
        sums.add(part[1])

    run_chunks(work, chunks, n_threads, take=take)
    return product.total, sums.total


def _small_products_are_fast(X, n_columns):
    """Whether BLAS multiplies few columns in the cache faster than the compiled loops do.

    OpenBLAS has kernels for small matrices on processors with 512-bit vectors, and only there.
    Where a row is so long that few of them stay in the cache, the loops are up to twice as fast.
    The choice depends on the machine and not on the number of threads.
    """
    few = n_columns > 1 and not sparse.issparse(X) and X.shape[1] * LEAST_ROWS <= BLOCK_BYTES // 8
    return few and blas_architecture() in WIDE_VECTORS


def n_entries(X):
    """Stored entries of X."""
    return X.nnz if sparse.issparse(X) else X.size


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


def _in_panels(X, V, offset, curvature, factor, chunk):
    """The rows of one chunk in plain numpy, a few blocks to a call.

    A loop in Python over blocks as small as the second cache would keep other threads waiting for
    the interpreter; numpy's products of stacks of matrices loop without it.
    """
    (C, f), K = V.shape, curvature.shape[1]
    product, sums = np.zeros((C, f)), np.zeros(C)
    columns = np.ascontiguousarray(V.T)  # shape: (f, C)
    size = max(1, min(BLOCK_BYTES // 8, SMALL_PRODUCT // max(1, C)) // max(1, f))
    if size < LEAST_ROWS:  # too many columns for small products anyhow
        size = max(64, BLOCK_BYTES // (8 * max(1, f)))
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
        w = apply_curvature(raw.reshape(-1, K, C // K), *curvature_of_rows(curvature, factor, rows))
        w = w.reshape(blocks, block, C)
        product += (w.transpose(0, 2, 1) @ x).sum(axis=0)
        sums += w.sum(axis=(0, 1))
        start = rows.stop
    return product, sums


def _in_blocks(X, V, offset, curvature, factor, chunk):
    """The rows of one chunk in plain numpy, a block at a time: both products find it in cache."""
    C, f = V.shape
    K = curvature.shape[1]
    product, sums = np.zeros((C, f)), np.zeros(C)
    columns = np.ascontiguousarray(V.T)  # shape: (f, C)
    step = chunk.stop - chunk.start
    if not sparse.issparse(X):  # scipy's products make new matrices of every block
        # pieces of columns that are stored one after the other are best left long
        size = BLOCK_BYTES if X.flags.c_contiguous else COLUMN_BLOCK_BYTES
        step = min(step, max(64, size // (8 * max(1, f))))
        buffer = np.empty((step, f)) if X.dtype != np.float64 else None
    for start in range(chunk.start, chunk.stop, max(1, step)):
        rows = slice(start, min(start + step, chunk.stop))
        x = X[rows]
        if sparse.issparse(X):
            x = x.astype(np.float64, copy=False)
        elif buffer is not None:
            buffer[: len(x)] = x
            x = buffer[: len(x)]
        raw = (x @ columns + offset).reshape(x.shape[0], K, -1)
        w = apply_curvature(raw, *curvature_of_rows(curvature, factor, rows)).reshape(-1, C)
        product += (x.T @ w).T if sparse.issparse(X) else w.T @ x
        sums += w.sum(axis=0)
    return product, sums
