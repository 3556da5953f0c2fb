"""CSR rows times eight columns at a time, for numba. Imported at first use: it imports numba.

The two inner loops are written in the compiler's intermediate language (see `_vectors.py`). A
table of shape (f, 8) has a cache line for each column of X.
"""

import numpy as np
from numba import njit, types
from numba.extending import intrinsic

from skinfluence.kernels._arrays import SIMD_WIDTH
from skinfluence.kernels._vectors import (
    LONG,
    VECTOR,
    Entries,
    Sum,
    add_product,
    broadcast,
    data_pointer,
)

#: Sums that are kept apart, so that an entry does not wait for the one before it. A power of two.
_APART = 4

_compiled = njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})


@_compiled
def products(
    data, indices, indptr, tables, offset, curvature, factor, matrices, start, stop, raw, sums
):
    """raw[i] = A_i (V x_i + offset) for some rows, V in tables (G, f, 8) and raw (n, 8 G)."""
    groups = len(tables)
    for g in range(groups):  # one table at a time, so that more of it stays in the cache
        table = tables[g]
        for i in range(start, stop):
            _sum(data, indices, table, raw, indptr[i], indptr[i + 1], (i * groups + g) * SIMD_WIDTH)
    some = raw[start:stop, : len(offset)]
    _curve(some, offset, curvature, factor, matrices, start, sums)


@_compiled
def _curve(raw, offset, curvature, factor, matrices, first, sums):
    """raw[i] becomes A_i (raw[i] + offset), and is added to the sums."""
    C = raw.shape[1]
    K = matrices.shape[1] if len(matrices) else curvature.shape[1]
    width = C // K
    old = np.empty(C)
    for i in range(len(raw)):
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
def add_rows(data, indices, indptr, raw, g, start, stop, table):
    """table += X' raw for some rows and the g-th eight columns of raw."""
    groups = raw.shape[1] // SIMD_WIDTH
    for i in range(start, stop):
        _add(data, indices, table, raw, indptr[i], indptr[i + 1], (i * groups + g) * SIMD_WIDTH)


@_compiled
def scores(data, indices, indptr, tables, offset, rho, start, stop, totals, out):
    """out[t, i] = sum_k rho[i, k] (sum_j x_ij U[k, j, t] + offset[k, t]) for some rows.

    U in tables (K, G, f, 8); `totals` is room for (rows, 8).
    """
    raw = np.empty(SIMD_WIDTH)
    for g in range(tables.shape[1]):
        first = g * SIMD_WIDTH
        width = min(SIMD_WIDTH, len(out) - first)
        totals[:] = 0.0
        for k in range(len(tables)):
            table = tables[k, g]
            for i in range(start, stop):
                _sum(data, indices, table, raw, indptr[i], indptr[i + 1], 0)
                total = totals[i - start]
                for t in range(width):
                    total[t] += rho[i, k] * (raw[t] + offset[k, first + t])
        for i in range(start, stop):
            for t in range(width):
                out[first + t, i] = totals[i - start, t]


@intrinsic
def _sum(typingctx, data, indices, table, raw, first, last, place):
    """Eight numbers of raw from `place` on = sum of data[k] * table[indices[k]]."""

    def generate(context, builder, signature, args):
        row = Entries(context, builder, signature, args)
        sums = [Sum(builder, VECTOR) for _ in range(_APART)]

        def add(k, turn=0):
            u = builder.load(_vector_at(builder, row.place(k, SIMD_WIDTH)), align=8)
            sums[turn].add(broadcast(builder, row.number(k)), u)

        _visit(row, args, add)
        a, b, c, d = (total.value for total in sums)
        total = builder.fadd(builder.fadd(a, b), builder.fadd(c, d))
        builder.store(total, _raw_at(context, builder, signature, args), align=8)
        return context.get_dummy_value()

    return _signature(data, indices, table, raw), generate


@intrinsic
def _add(typingctx, data, indices, table, raw, first, last, place):
    """table[indices[k]] += data[k] * (eight numbers of raw from `place` on)."""

    def generate(context, builder, signature, args):
        row = Entries(context, builder, signature, args)
        w = builder.load(_raw_at(context, builder, signature, args), align=8)

        def add(k, turn=0):
            x, pointer = broadcast(builder, row.number(k)), row.place(k, SIMD_WIDTH)
            pointer = _vector_at(builder, pointer)
            old = builder.load(pointer, align=8)
            builder.store(add_product(builder, old, x, w), pointer, align=8)

        _visit(row, args, add)
        return context.get_dummy_value()

    return _signature(data, indices, table, raw), generate


def _signature(*arrays):
    return types.void(*arrays, types.int64, types.int64, types.int64)


def _visit(row, args, body):
    """body(k, turn) for every entry, `turn` from 0 to `_APART`, prefetching later ones."""

    def tile(k):
        row.prefetch_later(k)
        for turn in range(_APART):
            body(row.builder.add(k, LONG(turn)), turn)

    row.visit(args[4], args[5], _APART, tile, body)


def _raw_at(context, builder, signature, args):
    """Pointer to the eight numbers of raw."""
    raw = data_pointer(context, builder, signature.args[3], args[3])
    return _vector_at(builder, builder.gep(raw, [args[6]]))


def _vector_at(builder, pointer):
    return builder.bitcast(pointer, VECTOR.as_pointer())
