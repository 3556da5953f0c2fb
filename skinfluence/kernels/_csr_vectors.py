"""CSR rows times eight columns at a time, for numba. Imported at first use: it imports numba.

The two inner loops are written in the compiler's intermediate language (see `_vectors.py`). A
table of shape (f, 8) has a cache line for each column of X.
"""

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from skinfluence.kernels._arrays import SIMD_WIDTH
from skinfluence.kernels._vectors import (
    LONG,
    ONE,
    PREFETCH_DISTANCE,
    VECTOR,
    ZERO,
    add_product,
    broadcast,
    data_pointer,
    prefetch,
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
        entry = _Entries(context, builder, signature, args)
        sums = [cgutils.alloca_once_value(builder, ZERO) for _ in range(_APART)]

        def add(k, turn):
            x, row = entry(k)
            u = builder.load(row, align=8)
            builder.store(add_product(builder, builder.load(sums[turn]), x, u), sums[turn])

        entry.visit(args[4], args[5], add)
        a, b, c, d = (builder.load(total) for total in sums)
        builder.store(builder.fadd(builder.fadd(a, b), builder.fadd(c, d)), entry.raw, align=8)
        return context.get_dummy_value()

    return _signature(data, indices, table, raw), generate


@intrinsic
def _add(typingctx, data, indices, table, raw, first, last, place):
    """table[indices[k]] += data[k] * (eight numbers of raw from `place` on)."""

    def generate(context, builder, signature, args):
        entry = _Entries(context, builder, signature, args)
        w = builder.load(entry.raw, align=8)

        def add(k, turn):
            x, row = entry(k)
            old = builder.load(row, align=8)
            builder.store(add_product(builder, old, x, w), row, align=8)

        entry.visit(args[4], args[5], add)
        return context.get_dummy_value()

    return _signature(data, indices, table, raw), generate


def _signature(*arrays):
    return types.void(*arrays, types.int64, types.int64, types.int64)


class _Entries:
    """Entry k of a row as (its number in all eight lanes, pointer to its row of the table)."""

    def __init__(self, context, builder, signature, args):
        self.builder = builder
        self.data, self.indices, self.table, raw = (
            data_pointer(context, builder, kind, value)
            for kind, value in zip(signature.args[:4], args[:4], strict=True)
        )
        self.raw = builder.bitcast(builder.gep(raw, [args[6]]), VECTOR.as_pointer())
        self.single = signature.args[0].dtype == types.float32
        self.narrow = signature.args[1].dtype.bitwidth < 64

    def __call__(self, k):
        builder = self.builder
        x = builder.load(builder.gep(self.data, [k]))
        column = builder.load(builder.gep(self.indices, [k]))
        if self.single:
            x = builder.fpext(x, ir.DoubleType())
        if self.narrow:
            column = builder.zext(column, LONG)
        row = builder.gep(self.table, [builder.mul(column, LONG(SIMD_WIDTH))])
        pointer = builder.bitcast(row, VECTOR.as_pointer())
        return broadcast(builder, x), pointer

    def visit(self, first, last, body):
        """body(k, turn) for every entry, `turn` from 0 to `_APART`, prefetching later ones."""
        builder, step = self.builder, LONG(_APART)
        whole = builder.add(first, builder.and_(builder.sub(last, first), LONG(-_APART)))
        with cgutils.for_range_slice(builder, first, whole, step) as (k, _):
            for array in self.data, self.indices:
                prefetch(builder, builder.gep(array, [builder.add(k, LONG(PREFETCH_DISTANCE))]))
            for turn in range(_APART):
                body(builder.add(k, LONG(turn)), turn)
        with cgutils.for_range_slice(builder, whole, last, ONE) as (k, _):
            body(k, 0)
