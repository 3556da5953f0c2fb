"""Search for subgroups by first-order sums: all conditions and all pairs of them at once."""

from dataclasses import dataclass

import numpy as np

from skinfluence.linalg import row_blocks

#: Conditions that are paired; of more, those of the largest standardised sums.
MOST_PAIRED = 1000
#: A pair must differ from each of its two conditions by so many standard errors.
FURTHER = 3.0


@dataclass(frozen=True)
class Standardizer:
    """Sums over m of n rows in units of those over m random rows.

    Attributes
    ----------
    n : int
    mean, deviation : float
        Of one row.
    """

    n: int
    mean: float
    deviation: float

    @classmethod
    def of(cls, values):
        return cls(len(values), float(values.mean()), float(values.std()))

    def __call__(self, sums, sizes):
        sizes = np.asarray(sizes, dtype=float)
        spread = self.deviation * np.sqrt(sizes * (self.n - sizes) / max(self.n - 1, 1))
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(spread > 0, (sums - sizes * self.mean) / spread, 0.0)


class Search:
    """Conditions and pairs of them by the sums of some values over the rows for which they hold.

    Parameters
    ----------
    codes : ndarray of shape (n, n_columns)
        Condition that holds for each row in each column; -1 for none.
    n_conditions : int
    values : ndarray of shape (n,)
        What is summed up.
    order : {"magnitude", "helpful", "harmful"}
        Largest absolute value, largest value, or smallest value first.
    min_size : int
        Smallest number of rows.
    """

    def __init__(self, codes, n_conditions, values, order, min_size):
        self.codes, self.values, self.order, self.min_size = codes, values, order, min_size
        self.standardize = Standardizer.of(values)
        self.sizes, self.sums = np.zeros((2, n_conditions))
        self._column = np.zeros(n_conditions, dtype=np.intp)  # of each condition
        for j, column in enumerate(codes.T):
            held = column >= 0
            self._column[column[held]] = j
            self.sizes += np.bincount(column[held], minlength=n_conditions)
            self.sums += np.bincount(column[held], values[held], minlength=n_conditions)

    def score(self, sums, sizes):
        """Standardised sums such that the largest ones come first."""
        z = self.standardize(sums, sizes)
        return {"harmful": -z, "helpful": z}.get(self.order, np.abs(z))

    def rows(self, which):
        """Positions of the rows for which all of some conditions hold."""
        return np.flatnonzero(np.all([self.codes[:, self._column[k]] == k for k in which], axis=0))

    def singles(self, n_most):
        """Conditions of the largest standardised sums of either sign, each a tuple of one."""
        size = np.abs(self.standardize(self.sums, self.sizes))
        order = np.argsort(-size, kind="stable")
        return [(int(k),) for k in order[self._fits(self.sizes[order])][:n_most]]

    def _fits(self, sizes):
        return (sizes >= self.min_size) & (2 * sizes <= len(self.values))

    def pairs(self, n_most):
        """Pairs of the largest standardised sums that differ from each of their conditions."""
        scores = self.score(self.sums, self.sizes)
        some = np.sort(np.argsort(-scores, kind="stable")[:MOST_PAIRED])
        sizes, sums, squares = _pair_sums(self.codes, some, self.values)
        a, b = np.triu_indices(len(some), 1)
        kept = self._fits(sizes[a, b]) & (sizes[a, b] < np.minimum(sizes[a, a], sizes[b, b]))
        a, b = a[kept], b[kept]
        m, total = sizes[a, b], sums[a, b]
        own = self.score(total, m)
        further = own > 0
        for part in (a, b):
            whole, mean = sizes[part, part], sums[part, part] / sizes[part, part]
            variance = np.maximum(squares[part, part] / whole - mean**2, 0.0)
            spread = np.sqrt(variance * (1.0 / m - 1.0 / whole))
            sign = np.sign(total - m * self.standardize.mean)
            further &= sign * (total / m - mean) > FURTHER * spread
            further &= own > scores[some[part]]
        found = np.flatnonzero(further)
        found = found[np.argsort(-own[found], kind="stable")[:n_most]]
        return [(int(some[a[i]]), int(some[b[i]])) for i in found]


def _pair_sums(codes, some, values):
    """Sizes, sums and sums of squares of all pairs of conditions, each (m, m), by products."""
    m = len(some)
    place = np.full(max(codes.max(initial=-1), some.max(initial=-1)) + 2, -1)
    place[some] = np.arange(m)  # the last entry, that of code -1, is -1
    out = np.zeros((3, m, m))
    for rows in row_blocks(len(values), 32 * m):
        own = place[codes[rows]]
        row, column = np.nonzero(own >= 0)
        held = np.zeros((len(own), m))
        held[row, own[row, column]] = 1.0
        for total, weights in zip(out, (None, values[rows], values[rows] ** 2), strict=True):
            total += held.T @ (held if weights is None else weights[:, None] * held)
    return out
