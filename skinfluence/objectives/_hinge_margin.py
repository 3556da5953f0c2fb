"""Rows on the margin of a hinge machine, and which of some rows do not depend on the others."""

from contextlib import suppress

import numpy as np
from scipy import sparse

#: A row depends on those on the margin if what is left of it is this small, relative to it.
DEPENDENT = 1e-8
#: Above this share it is independent, also by a Gram matrix, in which half of the digits are lost.
CLEAR = 1e-4


class Held:
    """The rows on the margin, among some rows A, with the inverse of their Gram matrix."""

    def __init__(self, A, place=()):
        self.A, self.place, self.updates = A, list(place), 0
        gram = A[self.place] @ A[self.place].T
        gram = gram.toarray() if sparse.issparse(gram) else gram
        self.inverse = np.linalg.inv(gram)

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

    def coefficients(self, j):
        """Row j as a combination of those on the margin, and what is left of it."""
        row = self.row(j)
        w = self.inverse @ (self.A @ row)[self.place]
        rest = row - self.combine(w)
        more = self.inverse @ (self.A @ rest)[self.place]  # once more: it may nearly cancel
        return w + more, rest - self.combine(more)

    def add(self, j, norm):
        """Put row j on the margin; None, or its coefficients where it depends on the others."""
        w, rest = self.coefficients(j)
        square = rest @ rest
        if square <= (DEPENDENT * norm) ** 2:
            return w
        w = np.append(w, -1.0)
        grown = np.zeros((len(w), len(w)))
        grown[:-1, :-1] = self.inverse
        self.inverse = grown + np.outer(w, w) / square
        self.place.append(int(j))
        self.updates += 1
        return None

    def remove(self, k):
        """Take the k-th row from the margin."""
        G = self.inverse
        left = np.delete(np.arange(len(G)), k)
        self.inverse = G[np.ix_(left, left)] - np.outer(G[left, k], G[left, k]) / G[k, k]
        del self.place[k]
        self.updates += 1


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
    held = Held(A)
    for j, size in enumerate(norm):
        if len(held.place) < q:
            held.add(j, size)
    return held.place
