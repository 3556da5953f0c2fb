"""Vectors of eight numbers in the compiler's intermediate language. Imports numba.

The compiler does not put every loop over eight numbers into vector registers by itself. Written
in its intermediate language eight numbers are one vector, on every processor, in as many registers
as that takes there.
"""

from llvmlite import ir
from numba.core import cgutils

from skinfluence.kernels._arrays import SIMD_WIDTH

LONG = ir.IntType(64)
ONE = LONG(1)
NUMBER = ir.IntType(32)
VECTOR = ir.VectorType(ir.DoubleType(), SIMD_WIDTH)
ZERO = ir.Constant(VECTOR, [0.0] * SIMD_WIDTH)
#: A product may be added without being rounded first.
CONTRACT = ("contract",)
#: How many entries of CSR rows ahead to prefetch: fewer come late, more push each other out.
PREFETCH_DISTANCE = 512


def broadcast(builder, x):
    """A vector that has x in all its lanes."""
    lane = builder.insert_element(
        ir.Constant(ir.VectorType(x.type, SIMD_WIDTH), ir.Undefined), x, NUMBER(0)
    )
    first = ir.Constant(ir.VectorType(NUMBER, SIMD_WIDTH), [0] * SIMD_WIDTH)
    return builder.shuffle_vector(lane, lane, first)


def add_product(builder, total, x, y):
    """total + x * y."""
    return builder.fadd(total, builder.fmul(x, y, flags=CONTRACT), flags=CONTRACT)


def lane_sum(builder, vector):
    """The sum of a vector: halves are added until one number is left."""
    width = SIMD_WIDTH
    while width > 1:
        width //= 2
        low, high = (
            ir.Constant(ir.VectorType(NUMBER, width), list(range(start, start + width)))
            for start in (0, width)
        )
        vector = builder.fadd(
            builder.shuffle_vector(vector, vector, low),
            builder.shuffle_vector(vector, vector, high),
        )
    return builder.extract_element(vector, NUMBER(0))


class Totals:
    """Sums of products of vectors; two take turns, so that one does not wait for the one before."""

    def __init__(self, builder):
        self.builder = builder
        self._totals = [cgutils.alloca_once_value(builder, ZERO) for _ in range(2)]
        for total in self._totals:
            builder.store(ZERO, total)

    def add(self, x, y):
        builder = self.builder
        older, newer = [builder.load(total) for total in self._totals]
        builder.store(newer, self._totals[0])
        builder.store(add_product(builder, older, x, y), self._totals[1])

    def sum(self):
        """The sum of all lanes."""
        older, newer = [self.builder.load(total) for total in self._totals]
        return lane_sum(self.builder, self.builder.fadd(older, newer))


def data_pointer(context, builder, kind, value):
    """Pointer to the first number of an array."""
    return context.make_array(kind)(context, builder, value).data


def prefetch(builder, pointer):
    """Ask memory for a number that is read later. Beyond an array's end this does nothing."""
    byte = ir.IntType(8).as_pointer()
    prefetch = cgutils.get_or_insert_function(
        builder.module,
        ir.FunctionType(ir.VoidType(), [byte] + [NUMBER] * 3),
        "llvm.prefetch.p0",
    )
    read, keep, data = NUMBER(0), NUMBER(3), NUMBER(1)
    builder.call(prefetch, [builder.bitcast(pointer, byte), read, keep, data])
