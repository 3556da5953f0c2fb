"""The loop over dense C-order rows, for numba. Imported at first use: it imports numba."""

from numba import njit


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def product(X, v, offset, weights, start, stop, out):
    """out += X' w with w = weights * (X v + offset), for some rows; returns the sum of w.

    Four rows at a time: they share each number of v and of the result, and stay in the first
    cache between the two products. The sums run in any order ("reassoc"), which is what lets them
    run in vector registers; NaN and inf still come through.
    """
    total = 0.0
    last = stop - 1
    for i in range(start, stop, 4):
        # rows beyond the last are the last one again, of weight zero
        x0, x1 = X[i], X[min(i + 1, last)]
        x2, x3 = X[min(i + 2, last)], X[min(i + 3, last)]
        w0 = w1 = w2 = w3 = 0.0
        for j in range(X.shape[1]):
            w0 += x0[j] * v[j]
            w1 += x1[j] * v[j]
            w2 += x2[j] * v[j]
            w3 += x3[j] * v[j]
        w0 = (w0 + offset) * weights[i]
        w1 = (w1 + offset) * weights[i + 1] if i + 1 < stop else 0.0
        w2 = (w2 + offset) * weights[i + 2] if i + 2 < stop else 0.0
        w3 = (w3 + offset) * weights[i + 3] if i + 3 < stop else 0.0
        total += w0 + w1 + w2 + w3
        for j in range(X.shape[1]):
            out[j] += w0 * x0[j] + w1 * x1[j] + w2 * x2[j] + w3 * x3[j]
    return total
