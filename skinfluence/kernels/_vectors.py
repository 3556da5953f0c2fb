"""Entries of CSR rows in the compiler's intermediate language. Imports numba.

The compiler does not put every loop over eight numbers into vector registers by itself. Written
in its intermediate language eight numbers are one vector, on every processor, in as many registers
as that takes there.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils

from skinfluence.kernels._arrays import SIMD_WIDTH

LONG = ir.IntType(64)
NUMBER = ir.IntType(32)
DOUBLE = ir.DoubleType()
VECTOR = ir.VectorType(DOUBLE, SIMD_WIDTH)
#: A product may be added without being rounded first.
CONTRACT = ("contract",)
#: How many entries of CSR rows ahead to prefetch: fewer come late, more push each other out.
PREFETCH_DISTANCE = 512


def broadcast(builder, x):
    """A vector that has x in all its lanes."""
    lane = builder.insert_element(ir.Constant(VECTOR, ir.Undefined), x, NUMBER(0))
    first = ir.Constant(ir.VectorType(NUMBER, SIMD_WIDTH), [0] * SIMD_WIDTH)
    return builder.shuffle_vector(lane, lane, first)


def add_product(builder, total, x, y):
    """total + x * y."""
    return builder.fadd(total, builder.fmul(x, y, flags=CONTRACT), flags=CONTRACT)


class Sum:
    """A sum in a register, of numbers or of vectors."""

    def __init__(self, builder, kind):
        self.builder = builder
        zero = ir.Constant(kind, [0.0] * SIMD_WIDTH if kind is VECTOR else 0.0)
        self._place = cgutils.alloca_once_value(builder, zero)
        builder.store(zero, self._place)

    def add(self, x, y):
        """Add x * y."""
        self.builder.store(add_product(self.builder, self.value, x, y), self._place)

    @property
    def value(self):
        return self.builder.load(self._place)


class Entries:
    """The entries of CSR rows and the rows of a table, in one intrinsic function.

    Parameters
    ----------
    context, builder, signature, args
        Of the function, whose first arguments are data, indices (unsigned) and table.
    """

    def __init__(self, context, builder, signature, args):
        self.builder = builder
        self.data, self.indices, self.table = (
            data_pointer(context, builder, kind, value)
            for kind, value in zip(signature.args[:3], args[:3], strict=True)
        )
        self.single = signature.args[0].dtype == types.float32
        self.narrow = signature.args[1].dtype.bitwidth < 64

    def number(self, k):
        """Entry k, in double precision."""
        x = self.builder.load(self.builder.gep(self.data, [k]))
        return self.builder.fpext(x, DOUBLE) if self.single else x

    def place(self, k, width, column=0):
        """Pointer to a number of the table's row for entry k; the row has `width`, a power of 2."""
        builder = self.builder
        index = builder.load(builder.gep(self.indices, [k]))
        if self.narrow:
            index = builder.zext(index, LONG)
        # a shift, where the lengths of an array that is not known would need a product
        first = builder.shl(index, LONG(width.bit_length() - 1))
        return builder.gep(self.table, [builder.add(first, LONG(column))])

    def visit(self, first, last, step, tile, entry):
        """tile(k) for `step` entries from k on, as long as there are so many; entry(k) beyond."""
        builder = self.builder
        size = builder.sub(last, first)
        whole = builder.add(first, builder.and_(size, LONG(-step)))
        with cgutils.for_range_slice(builder, first, whole, LONG(step)) as (k, _):
            tile(k)
        with cgutils.for_range_slice(builder, whole, last, LONG(1)) as (k, _):
            entry(k)

    def prefetch_later(self, k):
        """Ask memory for entries that are read later. Beyond the last row this does nothing."""
        builder, byte = self.builder, ir.IntType(8).as_pointer()
        kind = ir.FunctionType(ir.VoidType(), [byte] + [NUMBER] * 3)
        prefetch = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        read, keep, data = NUMBER(0), NUMBER(3), NUMBER(1)
        place = builder.add(k, LONG(PREFETCH_DISTANCE))
        for array in self.data, self.indices:
            pointer = builder.bitcast(builder.gep(array, [place]), byte)
            builder.call(prefetch, [pointer, read, keep, data])


def data_pointer(context, builder, kind, value):
    """Pointer to the first number of an array."""
    return context.make_array(kind)(context, builder, value).data
