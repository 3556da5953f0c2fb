"""Scores of training rows: their products with solved right-hand sides, scaled and added up."""

import numpy as np

from skinfluence.kernels import csr_scores, pack_columns

#: Multiplications from which sparse rows wait for the compiler: a second of scipy's products.
SCORE_WORK = 4e9
#: Rows of one product; from 256 to 4,096 the times are equal.
STEP = 512
#: With fewer right-hand sides most of the compiled loop's vectors of eight numbers would be empty.
FEWEST = 4
#: Right-hand sides for each column from which the rows are scaled and not the scores. One for
#: several outputs, whose scores would have to be added up too.
FEW_COLUMNS = 4


def score_reader(design, parts):
    """Scores of the rows of a design, as a function of a slice of rows.

    Large sparse designs take one compiled pass, which writes every score once. With scipy the
    product of each output is an array of its own, which is turned, scaled and added: 1.2 to 2
    times slower for 100 right-hand sides (``python -m benchmarks kernels``), 3 to 5 times for
    512. On dense rows BLAS multiplies, all outputs at once: one wide product for a few rows, which
    are read once, and whose scores are scaled and added in the cache.

    Parameters
    ----------
    design : Design of shape (n, q)
    parts : list of ndarrays of shape (q, m)
        One for each output.

    Returns
    -------
    callable
        ``read(rows, rho, out=None)`` for a slice of rows and rho (n_rows, number of parts): the
        scores sum_k rho[i, k] (parts[k]' z_i), of shape (m, n_rows), written into `out` if given.
    """
    m = parts[0].shape[1]
    if design.is_sparse and m >= FEWEST and design.X.nnz * m * len(parts) >= SCORE_WORK:
        return _compiled(design, parts)
    if not design.is_sparse and len(parts) > 1:
        return _stacked(design, parts)

    def read(rows, rho, out=None):
        some = design.take(rows)
        for k, part in enumerate(parts):
            if k == 0:
                out = some.transposed_matmul(part, out)
                out *= rho[:, k]
            else:
                more = some.transposed_matmul(part)
                more *= rho[:, k]
                out += more
        return out

    return read


def scaled_rows_reader(design, parts, shared):
    """Scores of dense rows that are scaled before they are multiplied; None where that is slower.

    With many right-hand sides the scores are many more numbers than the rows: one product writes
    them, and nothing passes over them again. For three outputs, 20 columns and 200 right-hand sides
    it takes less than half the time of :func:`score_reader`.

    Parameters
    ----------
    design, parts
        As for :func:`score_reader`.
    shared : ndarray of shape (m, r)

    Returns
    -------
    callable or None
        ``read(rows, rho, coefs, out)`` for coefs (n_rows, r): writes the scores plus ``shared @
        coefs.T`` into `out`, (m, n_rows).
    """
    K, (q, m), r = len(parts), parts[0].shape, shared.shape[1]
    least = FEW_COLUMNS * (q + r) if K == 1 else q + r / K
    if design.is_sparse or design.dtype != np.float64 or least > m:
        return None
    left = np.concatenate([*(part.T for part in parts), shared], axis=1)  # shape: (m, K q + r)

    def read(rows, rho, coefs, out):
        start, stop, _ = rows.indices(design.shape[0])
        right, Z = np.empty((STEP, K * q + r)), np.empty((STEP, q))
        for a in range(start, stop, STEP):
            b = min(a + STEP, stop)
            own, scaled = slice(a - start, b - start), right[: b - a]
            some = design.take(slice(a, b)).to_dense(Z[: b - a])
            for k in range(K):
                np.multiply(some, rho[own, k, None], out=scaled[:, k * q : (k + 1) * q])
            scaled[:, K * q :] = coefs[own]
            np.matmul(left, scaled.T, out=out[:, own])
        return out

    return read


def _stacked(design, parts):
    """Score reader for dense rows and several outputs; 2 to 8 times faster than one by one."""
    K, m = len(parts), parts[0].shape[1]
    together = np.concatenate(parts, axis=1)  # shape: (q, K m)

    def read(rows, rho, out=None):
        start, stop, _ = rows.indices(design.shape[0])
        out = np.empty((m, stop - start), design.dtype) if out is None else out
        for a in range(0, stop - start, STEP):
            b = min(a + STEP, stop - start)
            scores = design.take(slice(start + a, start + b)).transposed_matmul(together)
            scores = scores.reshape(K, m, b - a)
            scores *= rho[a:b].T[:, None]
            np.add.reduce(scores, axis=0, out=out[:, a:b])
        return out

    return read


def _compiled(design, parts):
    X, f, m = design.X, design.n_features, parts[0].shape[1]
    tables = pack_columns([part[:f] for part in parts])
    offset = np.zeros((len(parts), m))
    if design.intercept:
        for k, part in enumerate(parts):
            offset[k] = part[-1]
            if design.center is not None:
                offset[k] -= design.center @ part[:f]

    def read(rows, rho, out=None):
        start, stop, _ = rows.indices(design.shape[0])
        out = np.empty((m, stop - start), design.dtype) if out is None else out
        return csr_scores(X.data, X.indices, X.indptr[start : stop + 1], tables, offset, rho, out)

    return read
