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
from skinfluence.kernels._vectors import (
    LONG,
    NUMBER,
    ONE,
    PREFETCH_DISTANCE,
    VECTOR,
    Totals,
    add_product,
    broadcast,
    data_pointer,
    prefetch,
)

#: Columns of the table.
_FACTOR, _TOTAL = LONG(0), LONG(1)


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
        row = _Row(context, builder, signature, args)
        totals = Totals(builder)
        rest = cgutils.alloca_once_value(builder, ir.DoubleType()(0.0))
        builder.store(ir.DoubleType()(0.0), rest)

        def add_tile(k):
            totals.add(row.tile(k), row.factors(k))

        def add_entry(k):
            u = builder.load(row.place(k, _FACTOR))
            builder.store(add_product(builder, builder.load(rest), row.entry(k), u), rest)

        row.visit(add_tile, add_entry)
        return builder.fadd(totals.sum(), builder.load(rest))

    return types.float64(data, indices, table, types.int64, types.int64), generate


@intrinsic
def _add(typingctx, data, indices, table, first, last, w):
    """table[indices[k], 1] += w * data[k], prefetching later entries."""

    def generate(context, builder, signature, args):
        row = _Row(context, builder, signature, args)
        factor = broadcast(builder, args[5])

        def add(k, x):
            pointer = row.place(k, _TOTAL)
            builder.store(builder.fadd(builder.load(pointer), x), pointer)

        def add_tile(k):
            row.prefetch_later(k)
            x = builder.fmul(row.tile(k), factor)
            # one after the other: a row may have two entries of the same column
            for lane in range(SIMD_WIDTH):
                add(builder.add(k, LONG(lane)), builder.extract_element(x, NUMBER(lane)))

        row.visit(add_tile, lambda k: add(k, builder.fmul(row.entry(k), args[5])))
        return context.get_dummy_value()

    return types.void(data, indices, table, types.int64, types.int64, types.float64), generate


class _Row:
    """The entries of a row, from args[3] to args[4], and their places in the table."""

    def __init__(self, context, builder, signature, args):
        self.builder = builder
        self.data, self.indices, self.table = (
            data_pointer(context, builder, kind, value)
            for kind, value in zip(signature.args[:3], args[:3], strict=True)
        )
        self.first, self.last = args[3:5]
        self.single = signature.args[0].dtype == types.float32
        self.narrow = signature.args[1].dtype.bitwidth < 64

    def visit(self, tile, entry):
        """tile(k) for eight entries from k on, as long as there are eight; entry(k) beyond."""
        builder, width = self.builder, LONG(SIMD_WIDTH)
        size = builder.sub(self.last, self.first)
        whole = builder.add(self.first, builder.and_(size, LONG(-SIMD_WIDTH)))
        with cgutils.for_range_slice(builder, self.first, whole, width) as (k, _):
            tile(k)
        with cgutils.for_range_slice(builder, whole, self.last, ONE) as (k, _):
            entry(k)

    def entry(self, k):
        x = self.builder.load(self.builder.gep(self.data, [k]))
        return self.builder.fpext(x, ir.DoubleType()) if self.single else x

    def tile(self, k):
        """Eight entries from k on."""
        builder = self.builder
        kind = ir.VectorType(ir.FloatType() if self.single else ir.DoubleType(), SIMD_WIDTH)
        pointer = builder.bitcast(builder.gep(self.data, [k]), kind.as_pointer())
        x = builder.load(pointer, align=4 if self.single else 8)
        return builder.fpext(x, VECTOR) if self.single else x

    def place(self, k, column):
        """Pointer to the table's number of entry k."""
        builder = self.builder
        index = builder.load(builder.gep(self.indices, [k]))
        if self.narrow:
            index = builder.zext(index, LONG)
        # a shift, where the lengths of an array that is not known would need a product
        return builder.gep(self.table, [builder.add(builder.shl(index, ONE), column)])

    def factors(self, k):
        """Factors of eight entries from k on: pairs first, then pairs of them."""
        builder = self.builder
        parts = []
        for lane in range(0, SIMD_WIDTH, 2):
            pair = ir.Constant(ir.VectorType(ir.DoubleType(), 2), ir.Undefined)
            for i in range(2):
                u = builder.load(self.place(builder.add(k, LONG(lane + i)), _FACTOR))
                pair = builder.insert_element(pair, u, NUMBER(i))
            parts.append(pair)
        while len(parts) > 1:
            width = 2 * parts[0].type.count
            lanes = ir.Constant(ir.VectorType(NUMBER, width), list(range(width)))
            parts = [
                builder.shuffle_vector(a, b, lanes)
                for a, b in zip(parts[::2], parts[1::2], strict=True)
            ]
        return parts[0]

    def prefetch_later(self, k):
        """Ask for the entries that lie PREFETCH_DISTANCE. Beyond the last row this does nothing."""
        place = self.builder.add(k, LONG(PREFETCH_DISTANCE))
        for array in self.data, self.indices:
            prefetch(self.builder, self.builder.gep(array, [place]))
