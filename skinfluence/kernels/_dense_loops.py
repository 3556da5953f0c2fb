"""Loops over dense C-order rows for several outputs. Imported at first use: it imports numba.

The sums run in any order (fastmath "reassoc"), which is what lets them run in vector registers;
NaN and inf still come through. `_dense_product.py` says what the arguments are.
"""

from numba import njit

from skinfluence.kernels._dense_product import STRIP

_compiled = njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})


@_compiled
def tiled(X, V, offset, curvature, factor, matrices, start, stop, raw, packed, sums):
    """Several outputs: a block of rows between the two products, both in register tiles.

    `packed` holds the result in strips of STRIP columns, each strip with all its C outputs one
    after the other, so that the distances inside a tile are known to the compiler.
    """
    for first in range(start, stop, len(raw)):
        m = min(len(raw), stop - first)
        raw[:] = 0.0  # rows beyond the last have weight zero
        _products(X, first, m, V, raw)
        _curve(raw, m, offset, curvature, factor, matrices, first, sums)
        _add_rows(X, first, m, raw, packed)


@_compiled
def _products(X, first, m, V, raw):
    """raw[i] = V x_i in tiles of 2 rows and 5 outputs: 10 sums and 7 operands in registers."""
    C, f = V.shape
    whole = C // 5 * 5
    for c in range(0, whole, 5):
        v0, v1, v2, v3, v4 = V[c], V[c + 1], V[c + 2], V[c + 3], V[c + 4]
        for i in range(0, m, 2):
            second = min(i + 1, m - 1)  # an odd last row is taken twice
            x, y = X[first + i], X[first + second]
            a0 = a1 = a2 = a3 = a4 = 0.0
            b0 = b1 = b2 = b3 = b4 = 0.0
            for j in range(f):
                p = x[j]
                q = y[j]
                a0 += p * v0[j]
                a1 += p * v1[j]
                a2 += p * v2[j]
                a3 += p * v3[j]
                a4 += p * v4[j]
                b0 += q * v0[j]
                b1 += q * v1[j]
                b2 += q * v2[j]
                b3 += q * v3[j]
                b4 += q * v4[j]
            raw[i, c], raw[i, c + 1], raw[i, c + 2] = a0, a1, a2
            raw[i, c + 3], raw[i, c + 4] = a3, a4
            raw[second, c], raw[second, c + 1], raw[second, c + 2] = b0, b1, b2
            raw[second, c + 3], raw[second, c + 4] = b3, b4
    for c in range(whole, C):
        v0 = V[c]
        for i in range(m):
            x = X[first + i]
            a0 = 0.0
            for j in range(f):
                a0 += x[j] * v0[j]
            raw[i, c] = a0


@_compiled
def _curve(raw, m, offset, curvature, factor, matrices, first, sums):
    """raw[i] becomes A_i (raw[i] + offset), and is added to the sums."""
    C = raw.shape[1]
    if len(matrices):
        K = matrices.shape[1]
    else:
        K = curvature.shape[1]
    width = C // K
    old = raw[0].copy()
    for i in range(m):
        row = raw[i]
        for c in range(C):
            row[c] += offset[c]
        if len(matrices):
            old[:] = row
            A = matrices[first + i]
            for k in range(K):
                for t in range(width):
                    total = 0.0
                    for h in range(K):
                        total += A[k, h] * old[h * width + t]
                    row[k * width + t] = total
        else:
            for t in range(width):
                along = 0.0
                if len(factor):
                    for k in range(K):
                        along += factor[first + i, k] * row[k * width + t]
                for k in range(K):
                    c = k * width + t
                    row[c] *= curvature[first + i, k]
                    if len(factor):
                        row[c] -= factor[first + i, k] * along
        for c in range(C):
            sums[c] += row[c]


@_compiled
def _add_rows(X, first, m, w, packed):
    """packed += w' X in tiles of 5 outputs and 4 rows, each tile a strip of columns wide."""
    f, C = X.shape[1], w.shape[1]
    whole = C // 5 * 5
    for a in range(0, f, STRIP):
        width = min(STRIP, f - a)
        base = a * C  # of the strip
        for i in range(0, m, 4):
            # rows beyond the last have weight zero; any row will do for them
            last = first + m - 1
            x0 = X[first + i, a : a + width]
            x1 = X[min(first + i + 1, last), a : a + width]
            x2 = X[min(first + i + 2, last), a : a + width]
            x3 = X[min(first + i + 3, last), a : a + width]
            w0, w1, w2, w3 = w[i], w[i + 1], w[i + 2], w[i + 3]
            for c in range(0, whole, 5):
                o = packed[base + c * STRIP : base + (c + 5) * STRIP]
                w00, w01, w02, w03, w04 = w0[c], w0[c + 1], w0[c + 2], w0[c + 3], w0[c + 4]
                w10, w11, w12, w13, w14 = w1[c], w1[c + 1], w1[c + 2], w1[c + 3], w1[c + 4]
                w20, w21, w22, w23, w24 = w2[c], w2[c + 1], w2[c + 2], w2[c + 3], w2[c + 4]
                w30, w31, w32, w33, w34 = w3[c], w3[c + 1], w3[c + 2], w3[c + 3], w3[c + 4]
                for j in range(width):
                    p = x0[j]
                    q = x1[j]
                    r = x2[j]
                    s = x3[j]
                    o[j] += w00 * p + w10 * q + w20 * r + w30 * s
                    o[STRIP + j] += w01 * p + w11 * q + w21 * r + w31 * s
                    o[2 * STRIP + j] += w02 * p + w12 * q + w22 * r + w32 * s
                    o[3 * STRIP + j] += w03 * p + w13 * q + w23 * r + w33 * s
                    o[4 * STRIP + j] += w04 * p + w14 * q + w24 * r + w34 * s
            for c in range(whole, C):
                o = packed[base + c * STRIP : base + (c + 1) * STRIP]
                w00, w10, w20, w30 = w0[c], w1[c], w2[c], w3[c]
                for j in range(width):
                    o[j] += w00 * x0[j] + w10 * x1[j] + w20 * x2[j] + w30 * x3[j]
