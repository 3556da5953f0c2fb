"""Dense rows in C order for one right-hand side, at the speed of memory. Imports numba.

A row is multiplied and, while it is in the first cache, added to the result. The second part asks
memory for nothing, so that it has to call for later rows ahead of time: a processor's own
prefetching stops when the rows do. Rows begin and end inside a cache line; there the lanes that
belong to other rows are masked, so that all vectors lie on cache lines where the length of a row
allows it (one that crosses a line takes twice as long).
"""

from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from skinfluence.kernels._arrays import LANES
from skinfluence.kernels._vectors import (
    LONG,
    NUMBER,
    VECTOR,
    Totals,
    add_product,
    call_for,
    data_pointer,
    in_all_lanes,
)

#: How far ahead rows are called for: farther and they push each other out of the first cache.
AHEAD_BYTES = 12 * 2**10


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def single(X, v, offset, weights, start, stop, shift, out):
    """out += X' (weights * (X v + offset)) for some rows; returns the sum of what is in brackets.

    v and out have whole vectors, aligned, and column j of X at j + shift; v is zero elsewhere.
    """
    f = X.shape[1]
    ahead = -(-AHEAD_BYTES // max(1, f * X.itemsize)) * f
    total = 0.0
    for i in range(start, stop):
        w = (_dot(X, v, i, f, shift) + offset) * weights[i]
        total += w
        _add(X, out, i, f, shift, w, ahead)
    return total


@intrinsic
def _dot(typingctx, X, v, row, f, shift):
    """The product of a row with v."""

    def generate(context, builder, signature, args):
        strips = _Strips(context, builder, signature, args)
        totals = Totals(builder)

        def body(place, mask):
            u = builder.load(strips.table(place), align=64)
            totals.add(u, strips.row(place, mask))

        strips.visit(body)
        return totals.sum()

    return types.float64(X, v, types.int64, types.int64, types.int64), generate


@intrinsic
def _add(typingctx, X, out, row, f, shift, w, ahead):
    """out += w * row, calling for the row that lies `ahead` numbers ahead."""

    def generate(context, builder, signature, args):
        strips = _Strips(context, builder, signature, args)
        factor = in_all_lanes(builder, args[5])

        def body(place, mask):
            call_for(builder, strips.later(place, args[6]))
            pointer = strips.table(place)
            x = strips.row(place, mask)
            o = builder.load(pointer, align=64)
            builder.store(add_product(builder, o, x, factor), pointer, align=64)

        strips.visit(body)
        return context.get_dummy_value()

    return types.void(X, out, *[types.int64] * 3, types.float64, types.int64), generate


class _Strips:
    """A row of X and a table beside it, eight numbers at a time."""

    def __init__(self, context, builder, signature, args):
        self.builder = builder
        X, table = (
            data_pointer(context, builder, kind, value)
            for kind, value in zip(signature.args[:2], args[:2], strict=True)
        )
        number, columns, self.shift = args[2:5]
        self.end = builder.add(columns, self.shift)
        self.single = signature.args[0].dtype == types.float32
        self.kind = ir.VectorType(ir.FloatType() if self.single else ir.DoubleType(), LANES)
        self.first = builder.gep(X, [builder.sub(builder.mul(number, columns), self.shift)])
        self._table = table

    def table(self, place):
        return self.builder.bitcast(self.builder.gep(self._table, [place]), VECTOR.as_pointer())

    def later(self, place, ahead):
        return self.builder.gep(self.first, [self.builder.add(place, ahead)])

    def row(self, place, mask):
        builder, align = self.builder, 4 if self.single else 8
        pointer = builder.bitcast(builder.gep(self.first, [place]), self.kind.as_pointer())
        if mask is None:
            x = builder.load(pointer, align=align)
        else:
            load = cgutils.get_or_insert_function(
                builder.module,
                ir.FunctionType(self.kind, [pointer.type, NUMBER, mask.type, self.kind]),
                f"llvm.masked.load.v{LANES}f{32 if self.single else 64}.p0",
            )
            nothing = ir.Constant(self.kind, [0.0] * LANES)
            x = builder.call(load, [pointer, NUMBER(align), mask, nothing])
        return builder.fpext(x, VECTOR) if self.single else x

    def visit(self, body):
        """body(place, mask) for every strip; the mask is None inside the row."""
        builder, width = self.builder, LONG(LANES)
        whole = builder.mul(builder.sdiv(self.end, width), width)
        begun_before = builder.icmp_signed(">", self.shift, LONG(0))
        has_first = builder.and_(begun_before, builder.icmp_signed(">", whole, LONG(0)))
        with builder.if_then(has_first):
            body(LONG(0), self._mask(LONG(0)))
        begin = builder.select(has_first, width, LONG(0))
        with cgutils.for_range_slice(builder, begin, whole, width) as (place, _):
            body(place, None)
        with builder.if_then(builder.icmp_signed("<", whole, self.end)):
            body(whole, self._mask(whole))

    def _mask(self, place):
        """The lanes of a strip that belong to the row."""
        builder = self.builder
        lanes = ir.Constant(ir.VectorType(LONG, LANES), list(range(LANES)))
        places = builder.add(lanes, in_all_lanes(builder, place))
        after = builder.icmp_signed(">=", places, in_all_lanes(builder, self.shift))
        before = builder.icmp_signed("<", places, in_all_lanes(builder, self.end))
        return builder.and_(after, before)
