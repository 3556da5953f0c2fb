"""Loops over CSR rows, for numba. Imported at first use: it imports numba."""

from numba import njit


# no "reassoc": the compiler would then gather four numbers by one instruction, which is slower
@njit(cache=True, nogil=True, fastmath={"contract"})
def single(data, indices, indptr, table, offset, weights, start, stop):
    """table[:, 1] += X' diag(weights) (X table[:, 0] + offset) for some rows; returns the sum
    of the row terms.

    What a column is multiplied by and what it adds to stand in one cache line, which is still
    near when the row is met for the second time. Four sums are kept apart, so that an entry does
    not wait for the one before it.
    """
    total = 0.0
    for i in range(start, stop):
        x, columns = data[indptr[i] : indptr[i + 1]], indices[indptr[i] : indptr[i + 1]]
        whole = len(x) // 4 * 4
        s0, s1, s2, s3 = offset, 0.0, 0.0, 0.0
        for k in range(0, whole, 4):
            s0 += x[k] * table[columns[k], 0]
            s1 += x[k + 1] * table[columns[k + 1], 0]
            s2 += x[k + 2] * table[columns[k + 2], 0]
            s3 += x[k + 3] * table[columns[k + 3], 0]
        for k in range(whole, len(x)):
            s0 += x[k] * table[columns[k], 0]
        w = ((s0 + s1) + (s2 + s3)) * weights[i]
        total += w
        for k in range(len(x)):
            table[columns[k], 1] += w * x[k]
    return total


# no fastmath: each sum has one order, whatever the compiler
_exact = njit(cache=True, nogil=True)


@_exact
def quadratic_form(data, indices, indptr, matrix, start, stop, out):
    """out[i] = x_i' M x_i for some rows."""
    for i in range(start, stop):
        x, columns = data[indptr[i] : indptr[i + 1]], indices[indptr[i] : indptr[i + 1]]
        total = 0.0
        for a in range(len(x)):
            row = matrix[columns[a]]
            half = 0.5 * row[columns[a]] * x[a]
            for b in range(a):  # each pair once
                half += row[columns[b]] * x[b]
            total += 2.0 * half * x[a]
        out[i] = total


@_exact
def half_gram(data, indices, indptr, weights, first, last, out):
    """out + out' = X' diag(w) X, for the rows of out from `first` to `last`.

    A pair of entries of a row is met once, in the order in which they are stored, which need not
    be that of the columns: so it may fall on either side of the diagonal.
    """
    for i in range(len(weights)):
        w = weights[i]
        if w == 0.0:
            continue
        x, columns = data[indptr[i] : indptr[i + 1]], indices[indptr[i] : indptr[i + 1]]
        for a in range(len(x)):
            if columns[a] < first or columns[a] >= last:
                continue
            row = out[columns[a]]
            scaled = w * x[a]
            row[columns[a]] += 0.5 * scaled * x[a]
            for b in range(a):
                row[columns[b]] += scaled * x[b]
