"""Orders of removal, and the number of rows that each method expects to be sufficient."""

from functools import cached_property
from typing import Any

import numpy as np

from skinfluence.groups._downdate import downdate, top_additive
from skinfluence.solvers import AutoSolver


class GreedyOrder:
    """Each next row is the one that moves furthest given that the rows before it are gone.

    After a refit that was not enough, the search goes on from the refitted model.

    Parameters
    ----------
    explainer : InfluenceExplainer
    crossing : Crossing
        What is to be crossed.
    """

    def __init__(self, explainer, crossing):
        objective, inverse = explainer.objective_, explainer.linearization_.inverse
        self._damping = inverse.hessian.damping
        self._grown = downdate(objective, inverse)
        self._start = objective.coef
        self._anchor = np.zeros(objective.coef.shape)  # what refits have moved
        self._crossing = crossing
        self._rows = []

    def expected(self, limit):
        """Rows that are expected to be enough; None if not up to `limit`."""
        while not (self._rows and self._crossing.reached(self)):
            if len(self._rows) >= limit or not self._one_more():
                return None
        return len(self._rows)

    def n_available(self, size):
        """Number of rows up to `size`: fewer where no further row helps."""
        while len(self._rows) < size and self._one_more():
            pass
        return min(size, len(self._rows))

    def beyond(self, size, left, limit):
        """More rows than `size`, since the refit `left` without so many was not enough.

        At most `limit`; `size` itself where there are no more.
        """
        del self._rows[size:]
        if size >= limit:
            return size
        if left is not None and not left.selects:  # coefficients of another selection are others
            inverse = AutoSolver().factorize(left.hessian(self._damping / left.weights.base.sum()))
            self._grown, self._anchor = downdate(left, inverse), left.coef - self._start
        self.__dict__.pop("left", None)
        self._one_more()
        found = self.expected(limit)
        return len(self._rows) if found is None else found

    def _one_more(self):
        gains = self._crossing.gains(self)
        row = int(gains.argmax())
        if not gains[row] > 0.0:
            return False
        self._grown.remove(row)
        self._rows.append(row)
        self.__dict__.pop("left", None)
        return True

    @property
    def change(self):
        """Predicted change of the coefficients by the removal of all rows so far."""
        return self._anchor + self._grown.coef

    @cached_property
    def left(self):
        """The objective without the rows so far, at the predicted coefficients."""
        rows = self.rows(None)
        left = self._grown.objective.with_weights(rows, np.zeros(len(rows)))
        return left.with_coef(self._start + self.change)

    def linear_gains(self, direction):
        """Gain of ``direction . coefficients`` by removing each further row, (n,)."""
        return self._grown.gains(direction)

    @property
    def free(self):
        """Mask of the rows that may still be removed, (n,)."""
        return self._grown.candidates.free

    def rows(self, size):
        """The first `size` rows."""
        return np.array(self._rows[:size], dtype=np.intp)

    def coef_change(self, size):
        """About the change of the coefficients by their removal, (K, q); where refits start."""
        return self.change * (size / max(len(self._rows), 1))


class AdditiveOrder:
    """Rows by their influence; the first so many are expected to have the sum of their effects."""

    def __init__(self, explainer, crossing):
        objective = explainer.objective_
        gains, self._gap = crossing.additive(explainer)
        self._order = top_additive(objective, gains)
        self._sums = np.cumsum(gains[self._order])
        self._none = np.zeros(objective.coef.shape)

    def expected(self, limit):
        size = int(np.searchsorted(self._sums, self._gap, side="right")) + 1
        return size if size <= self.n_available(limit) else None

    def n_available(self, size):
        return min(size, len(self._order))

    def beyond(self, size, left, limit):
        return self.n_available(min(limit, size + max(1, size // 16)))  # a sixteenth more

    def rows(self, size):
        return self._order[:size]

    def coef_change(self, size):
        return self._none


#: Class of the order of each method.
ORDERS: dict[str, Any] = {"newton_step": GreedyOrder, "first_order": AdditiveOrder}
