"""Rows on the margin of a hinge machine, and which of some rows do not depend on the others."""

from contextlib import suppress

import numpy as np
from scipy import sparse

#: A row depends on those on the margin if what is left of it is this small, relative to it.
DEPENDENT = 1e-8
#: Above this share it is independent, also by a Gram matrix, in which half of the digits are lost.
CLEAR = 1e-4


#: What stands on the diagonal for an intercept without penalty, relative to the rows.
FREE = 1e-12


class Held:
    """The rows on the margin, among some rows A, with the inverse of their bordered Gram matrix.

    The border holds the rows' entries f in the column without penalty, the intercept:
    ``[[-t, f'], [f, A A']]`` with a trifle t, so that there is an inverse where no row is held.
    Without such a column f is zero.

    Parameters
    ----------
    A : ndarray or CSR of shape (m, q)
    free : ndarray of shape (m,)
        f of all rows.
    place : sequence of int
        Those on the margin.
    """

    def __init__(self, A, free, place=()):
        self.A, self.free, self.place, self.updates = A, free, list(place), 0
        self.trifle = FREE if free.any() else 1.0
        self._invert()

    def _invert(self):
        """The inverse anew."""
        A, free = self.A, self.free
        gram = A[self.place] @ A[self.place].T
        bordered = np.empty((len(self.place) + 1,) * 2)
        bordered[1:, 1:] = gram.toarray() if sparse.issparse(gram) else gram
        bordered[0] = bordered[:, 0] = np.append(-self.trifle, free[self.place])
        self.inverse = np.linalg.inv(bordered)

    def copy(self):
        out = object.__new__(Held)
        vars(out).update(vars(self), place=self.place.copy())
        return out

    def row(self, j):
        return self.A[[j]].toarray()[0] if sparse.issparse(self.A) else self.A[j]

    def combine(self, w):
        """A' with w on the rows on the margin, (q,)."""
        full = np.zeros(self.A.shape[0])
        full[self.place] = w
        return self.A.T @ full

    def solve(self, free, margin):
        """(change of the free coefficient, alphas) for what is wanted of both, as (1 + m,)."""
        return self.inverse @ np.append(free, margin[self.place])

    def coefficients(self, j):
        """Row j by the free column and those on the margin (1 + m,), and what is left of it."""
        row = self.row(j)
        w = self.solve(self.free[j], self.A @ row)
        rest = row - self.combine(w[1:])
        off = self.free[j] - self.free[self.place] @ w[1:] + self.trifle * w[0]
        # once more: it may nearly cancel
        more = self.solve(off, self.A @ rest - self.free * w[0])
        w = w + more
        return w, row - self.combine(w[1:])

    def add(self, j, norm):
        """Put row j on the margin; None, or its coefficients where it depends on the others."""
        w, rest = self.coefficients(j)
        square = rest @ rest + self.trifle * w[0] ** 2
        if square <= (DEPENDENT * norm) ** 2:
            return w[1:]
        w = np.append(w, -1.0)
        grown = np.zeros((len(w), len(w)))
        grown[:-1, :-1] = self.inverse
        self.inverse = grown + np.outer(w, w) / square
        self.place.append(int(j))
        self._updated()
        return None

    def remove(self, k):
        """Take the k-th row from the margin."""
        G, k = self.inverse, k + 1
        left = np.delete(np.arange(len(G)), k)
        self.inverse = G[np.ix_(left, left)] - np.outer(G[left, k], G[left, k]) / G[k, k]
        del self.place[k - 1]
        self._updated()

    def _updated(self):
        self.updates += 1
        if len(self.place) <= 1:  # next to the inverse of a trifle nothing else keeps its digits
            self._invert()


def independent(A, norm):
    """Places of rows A (m, q), in the order of their claims, none of which depends on the others.

    One after the other only where some may depend: that costs as much as many paths.
    """
    m, q = A.shape
    if m <= q:
        gram = A @ A.T
        gram = (gram.toarray() if sparse.issparse(gram) else gram) / np.outer(norm, norm)
        with suppress(np.linalg.LinAlgError):
            if np.diag(np.linalg.cholesky(gram)).min(initial=1.0) > CLEAR:
                return list(range(m))
    held = Held(A, np.zeros(m))
    for j, size in enumerate(norm):
        if len(held.place) < q:
            held.add(j, size)
    return held.place
