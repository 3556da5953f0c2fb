"""Quadratic forms and Gram matrices of CSR rows. Imported at first use: it imports numba."""

from numba import njit

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

    A pair of entries of a row is visited once, in the order in which they are stored, which need
    not be that of the columns: so it may fall on either side of the diagonal.
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
