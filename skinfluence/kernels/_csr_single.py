"""CSR rows for one right-hand side, for numba. Imported at first use: it imports numba.

What a column is multiplied by and what it adds to stand in one cache line, which is still near
when the row is read for the second time. Eight entries at a time are loaded and multiplied as one
vector; the numbers of the table are put into it and taken from it one by one, which is faster
than the processor's own instructions for that. Later entries are prefetched: a
processor that waits for the table's numbers does not get to the entries that follow.
"""

from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from skinfluence.kernels._arrays import SIMD_WIDTH
from skinfluence.kernels._vectors import DOUBLE, LONG, NUMBER, VECTOR, Entries, Sum, broadcast

#: Columns of the table.
_FACTOR, _TOTAL = 0, 1


@njit(cache=True, nogil=True, fastmath={"contract"})
def single(data, indices, indptr, table, offset, weights, start, stop):
    """table[:, 1] += X' diag(weights) (X table[:, 0] + offset) for some rows; returns the sum
    of the row terms. Indices are unsigned.
    """
    total = 0.0
    for i in range(start, stop):
        first, last = indptr[i], indptr[i + 1]
        w = (_dot(data, indices, table, first, last) + offset) * weights[i]
        total += w
        _add(data, indices, table, first, last, w)
    return total


@intrinsic
def _dot(typingctx, data, indices, table, first, last):
    """The sum of data[k] * table[indices[k], 0]."""

    def generate(context, builder, signature, args):
        row = Entries(context, builder, signature, args)
        totals, rest = Sum(builder, VECTOR), Sum(builder, DOUBLE)

        def factor(k):
            return builder.load(row.place(k, 2, _FACTOR))

        def add_tile(k):
            factors = ir.Constant(VECTOR, ir.Undefined)
            for lane in range(SIMD_WIDTH):
                u = factor(builder.add(k, LONG(lane)))
                factors = builder.insert_element(factors, u, NUMBER(lane))
            totals.add(_tile(row, k), factors)

        def add_entry(k):
            rest.add(row.number(k), factor(k))

        row.visit(args[3], args[4], SIMD_WIDTH, add_tile, add_entry)
        return builder.fadd(_lane_sum(builder, totals.value), rest.value)

    return types.float64(data, indices, table, types.int64, types.int64), generate


@intrinsic
def _add(typingctx, data, indices, table, first, last, w):
    """table[indices[k], 1] += w * data[k], prefetching later entries."""

    def generate(context, builder, signature, args):
        row = Entries(context, builder, signature, args)
        w = broadcast(builder, args[5])

        def add(k, x):
            pointer = row.place(k, 2, _TOTAL)
            builder.store(builder.fadd(builder.load(pointer), x), pointer)

        def add_tile(k):
            row.prefetch_later(k)
            x = builder.fmul(_tile(row, k), w)
            # one after the other: a row may have two entries of the same column
            for lane in range(SIMD_WIDTH):
                add(builder.add(k, LONG(lane)), builder.extract_element(x, NUMBER(lane)))

        def add_entry(k):
            add(k, builder.fmul(row.number(k), args[5]))

        row.visit(args[3], args[4], SIMD_WIDTH, add_tile, add_entry)
        return context.get_dummy_value()

    return types.void(data, indices, table, types.int64, types.int64, types.float64), generate


def _tile(row, k):
    """Eight entries from k on, in double precision."""
    builder, single = row.builder, row.single
    kind = ir.VectorType(ir.FloatType() if single else DOUBLE, SIMD_WIDTH)
    pointer = builder.bitcast(builder.gep(row.data, [k]), kind.as_pointer())
    x = builder.load(pointer, align=4 if single else 8)
    return builder.fpext(x, VECTOR) if single else x


def _lane_sum(builder, vector):
    """The sum of a vector, in any order."""
    kind = ir.FunctionType(DOUBLE, [DOUBLE, VECTOR])
    name = f"llvm.vector.reduce.fadd.v{SIMD_WIDTH}f64"
    add = cgutils.get_or_insert_function(builder.module, kind, name)
    return builder.call(add, [DOUBLE(0.0), vector], fastmath=("reassoc",))
