"""Loops over dense rows in Fortran order, for numba. Imported at first use: it imports numba.

The sums run in any order (fastmath "reassoc"), as in `_dense_loops.py`.
"""

from numba import njit


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def single(columns, v, offset, weights, start, stop, raw, out):
    """out += X' diag(weights) (X v + offset) for some rows of X = columns'; sum of the row terms.

    As many rows at a time as `raw` has room for: their pieces of all columns stay in the cache
    between the two products. Four columns at a time, which read `raw` once for all.
    """
    f = len(columns)
    whole = f // 4 * 4
    total = 0.0
    for first in range(start, stop, len(raw)):
        last = min(first + len(raw), stop)
        m = last - first
        r, weight = raw[:m], weights[first:last]
        r[:] = offset
        for j in range(0, whole, 4):
            x0, x1 = columns[j, first:last], columns[j + 1, first:last]
            x2, x3 = columns[j + 2, first:last], columns[j + 3, first:last]
            v0, v1, v2, v3 = v[j], v[j + 1], v[j + 2], v[j + 3]
            for i in range(m):
                r[i] += v0 * x0[i] + v1 * x1[i] + v2 * x2[i] + v3 * x3[i]
        for j in range(whole, f):
            x0, v0 = columns[j, first:last], v[j]
            for i in range(m):
                r[i] += v0 * x0[i]
        for i in range(m):
            r[i] *= weight[i]
            total += r[i]
        for j in range(0, whole, 4):
            x0, x1 = columns[j, first:last], columns[j + 1, first:last]
            x2, x3 = columns[j + 2, first:last], columns[j + 3, first:last]
            s0 = s1 = s2 = s3 = 0.0
            for i in range(m):
                s0 += r[i] * x0[i]
                s1 += r[i] * x1[i]
                s2 += r[i] * x2[i]
                s3 += r[i] * x3[i]
            out[j] += s0
            out[j + 1] += s1
            out[j + 2] += s2
            out[j + 3] += s3
        for j in range(whole, f):
            x0 = columns[j, first:last]
            s0 = 0.0
            for i in range(m):
                s0 += r[i] * x0[i]
            out[j] += s0
    return total
