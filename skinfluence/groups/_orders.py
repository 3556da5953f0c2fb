"""In which order rows are removed, and what each method expects of the first so many."""

from abc import ABC, abstractmethod

import numpy as np

from skinfluence.groups._downdate import additive_gains, downdate, top_additive


class Order(ABC):
    """Rows in the order of removal, for a direction in which the coefficients are to move."""

    @abstractmethod
    def __init__(self, explainer, direction):
        """For a fitted explainer and a direction (K, q)."""

    @abstractmethod
    def reach(self, size):
        """How many rows there are, up to `size`: fewer where no further row helps."""

    @abstractmethod
    def until(self, gap, limit):
        """Rows until the coefficients are expected beyond `gap`; None if not within `limit`."""

    @abstractmethod
    def rows(self, size):
        """The first `size` rows."""

    @abstractmethod
    def coef_change(self, size):
        """About what their removal does to the coefficients, (K, q); where refits start."""


class GreedyOrder(Order):
    """Each next row is the one that moves furthest given that the rows before it are gone."""

    def __init__(self, explainer, direction):
        self._grown = downdate(explainer.objective_, explainer.linearization_.inverse)
        self._direction = direction
        self._rows = []
        self._moves = [0.0]  # along the direction, after so many rows

    def reach(self, size):
        while len(self._rows) < size and self._one_more():
            pass
        return min(size, len(self._rows))

    def until(self, gap, limit):
        while not self._moves[-1] > gap:
            if len(self._rows) >= limit or not self._one_more():
                return None
        return len(self._rows)

    def _one_more(self):
        gains = self._grown.gains(self._direction)
        row = int(gains.argmax())
        if not gains[row] > 0.0:
            return False
        self._grown.remove(row)
        self._rows.append(row)
        self._moves.append(float((self._direction * self._grown.coef).sum()))
        return True

    def rows(self, size):
        return np.array(self._rows[:size], dtype=np.intp)

    def coef_change(self, size):
        return self._grown.coef * (size / max(len(self._rows), 1))


class AdditiveOrder(Order):
    """Rows by their influence; the first so many are expected to have the sum of their effects."""

    def __init__(self, explainer, direction):
        objective, inverse = explainer.objective_, explainer.linearization_.inverse
        with inverse.question():
            gains = additive_gains(objective, inverse, direction)
        self._order = top_additive(objective, gains)
        self._sums = np.cumsum(gains[self._order])
        self._none = np.zeros(objective.coef.shape)

    def reach(self, size):
        return min(size, len(self._order))

    def until(self, gap, limit):
        size = int(np.searchsorted(self._sums, gap, side="right")) + 1
        return size if size <= self.reach(limit) else None

    def rows(self, size):
        return self._order[:size]

    def coef_change(self, size):
        return self._none


#: Class of the order of each method.
ORDERS: dict[str, type[Order]] = {"newton_step": GreedyOrder, "first_order": AdditiveOrder}
