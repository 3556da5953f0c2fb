"""Steps of LiSSA's recursion, for numba. Imported at first use: it imports numba.

One step moves the solution V of every repeat by

    V <- V * (1 - shrink) + drift - step * (A_B raw_B) (x) Z_B,    raw_B = Z_B V,

over a batch B of drawn rows: the penalty acts in full through `shrink`, the curvature through the
batch. The random rows are made by the caller, so that nothing here is random.
"""

import numpy as np
from numba import njit

# reassoc, contract: sums of products in vector registers; NaN still comes through
_compiled = njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})


@_compiled
def _curve(raw, curvature, factor, row_scale, drawn):
    """raw (size, m, K) becomes row_scale A raw, with A = diag(curvature) - factor factor'."""
    size, m, K = raw.shape
    for a in range(size):
        i = drawn[a]
        for c in range(m):
            along = 0.0
            if len(factor):
                for k in range(K):
                    along += factor[i, k] * raw[a, c, k]
            for k in range(K):
                bent = curvature[i, k] * raw[a, c, k]
                if len(factor):
                    bent -= factor[i, k] * along
                raw[a, c, k] = row_scale[i] * bent


@_compiled
def dense(X, center, curvature, factor, row_scale, rows, shrink, step, drift, V):
    """Steps of the recursion on dense rows; V is changed in place.

    Parameters
    ----------
    X : ndarray of shape (n, n_features), float32 or float64
    center : ndarray of shape (n_features,)
        Subtracted from every row (zeros for none).
    curvature : ndarray of shape (n, K)
    factor : ndarray of shape (n, K) or (0, K)
        A_i = diag(curvature_i) - factor_i factor_i'; no rows when there is no factor.
    row_scale : ndarray of shape (n,)
        Multiplies the curvature of a drawn row, so that the batch is unbiased.
    rows : ndarray of shape (n_steps, n_repeats, batch_size), int
    shrink : ndarray of shape (K, q), or (1, q) for all outputs alike
        Share of V that the penalty takes in a step.
    step : ndarray of shape (K, q), or (1, q)
    drift : ndarray of shape (m, K, q)
    V : ndarray of shape (n_repeats, m, K, q)
        m right-hand sides; q is n_features, or one more: then a column of ones follows.
    """
    n_steps, n_repeats, size = rows.shape
    _, m, K, q = V.shape
    f = X.shape[1]
    Z = np.ones((size, q))
    raw = np.empty((size, m, K))
    move = np.empty(q)
    for r in range(n_repeats):
        for t in range(n_steps):
            for a in range(size):
                x = X[rows[t, r, a]]
                z = Z[a]
                for j in range(f):
                    z[j] = x[j] - center[j]
            for c in range(m):
                for a in range(size):
                    z = Z[a]
                    for k in range(K):
                        v = V[r, c, k]
                        total = 0.0
                        for j in range(q):
                            total += z[j] * v[j]
                        raw[a, c, k] = total
            _curve(raw, curvature, factor, row_scale, rows[t, r])
            for c in range(m):
                for k in range(K):
                    v = V[r, c, k]
                    b = drift[c, k]
                    lost = shrink[min(k, len(shrink) - 1)]
                    pace = step[min(k, len(step) - 1)]
                    z = Z[0]
                    g = raw[0, c, k]
                    if size == 1:
                        for j in range(q):
                            v[j] = v[j] - v[j] * lost[j] + (b[j] - pace[j] * z[j] * g)
                        continue
                    for j in range(q):
                        move[j] = z[j] * g
                    for a in range(1, size):
                        z = Z[a]
                        g = raw[a, c, k]
                        for j in range(q):
                            move[j] += z[j] * g
                    for j in range(q):
                        v[j] = v[j] - v[j] * lost[j] + (b[j] - pace[j] * move[j])


@_compiled
def csr(
    data, indices, indptr, intercept, curvature, factor, row_scale, rows, shrink, step, drift, V
):
    """Steps of the recursion on CSR rows without a centre; V is changed in place.

    A step costs the entries of its rows, not q: a column that was not touched for some steps is
    brought up to date by the closed form of the penalty's decay.

    Parameters
    ----------
    data, indices, indptr : ndarrays of a CSR matrix of shape (n, n_features)
    intercept : bool
        Whether a column of ones follows.
    curvature, factor, row_scale, rows
        As for :func:`dense`.
    shrink : ndarray of shape (q, K), or (q, 1)
    step : ndarray of shape (q, K), or (q, 1)
    drift : ndarray of shape (q, m, K)
    V : ndarray of shape (n_repeats, q, m, K)
    """
    n_steps, n_repeats, size = rows.shape
    _, q, m, K = V.shape
    raw = np.empty((size, m, K))
    n_paces = step.shape[1]
    n_shares = shrink.shape[1]
    log_keep = np.zeros((q, n_shares))
    for j in range(q):
        for k in range(n_shares):
            if 0.0 < shrink[j, k] < 0.5:
                log_keep[j, k] = np.log1p(-shrink[j, k])
    for r in range(n_repeats):
        last = np.zeros(q, np.int64)  # steps that a column has seen
        for t in range(n_steps + 1):
            end = t == n_steps
            for a in range(q if end else size):
                # at the end every column; in a step those of its rows, and the ones
                start = a if end else indptr[rows[t, r, a]]
                stop = a + 1 if end else indptr[rows[t, r, a] + 1]
                for e in range(start, stop + (0 if end else intercept)):
                    j = a if end else (indices[e] if e < stop else q - 1)
                    missed = t - last[j]
                    if missed == 0:
                        continue
                    last[j] = t
                    for k in range(K):
                        share = min(k, n_shares - 1)
                        lost = shrink[j, share]
                        if lost == 0.0:
                            kept = 1.0
                            gained = float(missed)
                        elif missed == 1:
                            kept = 1.0 - lost
                            gained = 1.0
                        elif lost < 0.5:
                            kept = np.exp(missed * log_keep[j, share])
                            gained = -np.expm1(missed * log_keep[j, share]) / lost
                        else:
                            kept = (1.0 - lost) ** missed
                            gained = (1.0 - kept) / lost
                        for c in range(m):
                            V[r, j, c, k] = V[r, j, c, k] * kept + drift[j, c, k] * gained
            if end:
                break
            for a in range(size):
                i = rows[t, r, a]
                for c in range(m):
                    for k in range(K):
                        raw[a, c, k] = V[r, q - 1, c, k] if intercept else 0.0
                for e in range(indptr[i], indptr[i + 1]):
                    v = V[r, indices[e]]
                    for c in range(m):
                        for k in range(K):
                            raw[a, c, k] += data[e] * v[c, k]
            _curve(raw, curvature, factor, row_scale, rows[t, r])
            for a in range(size):
                i = rows[t, r, a]
                for e in range(indptr[i], indptr[i + 1] + intercept):
                    one = e == indptr[i + 1]
                    j = q - 1 if one else indices[e]
                    x = 1.0 if one else data[e]
                    fresh = last[j] == t  # two rows of a batch may share a column
                    last[j] = t + 1
                    for c in range(m):
                        for k in range(K):
                            v = V[r, j, c, k]
                            if fresh:
                                v = v * (1.0 - shrink[j, min(k, n_shares - 1)]) + drift[j, c, k]
                            V[r, j, c, k] = v - step[j, min(k, n_paces - 1)] * x * raw[a, c, k]
