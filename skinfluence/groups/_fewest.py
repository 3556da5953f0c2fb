"""The fewest training rows whose removal moves a number across a bound, confirmed by refits."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from skinfluence._utils.checks import check_choice, check_whole
from skinfluence.effects import resolve_method
from skinfluence.explainer import check_explainer, row_columns
from skinfluence.groups._downdate import additive_gains
from skinfluence.groups._orders import ORDERS
from skinfluence.groups._refits import refit_without

#: Largest share of the training rows that is removed by default.
MOST = 0.25


class Crossing(ABC):
    """A bound that a function of the coefficients and of the rows is to cross."""

    @abstractmethod
    def gains(self, order):
        """How far the removal of each further row moves towards the bound, (n,).

        Parameters
        ----------
        order : GreedyOrder
            The removal so far: `change`, the predicted change of the coefficients; `left`, the
            objective without the rows; `free`, a mask of the rows that may be removed;
            `linear_gains(direction)`, gains of a linear function of the coefficients.
        """

    @abstractmethod
    def reached(self, order):
        """Whether the bound is predicted to be crossed after the removal so far.

        Parameters
        ----------
        order : GreedyOrder
            As for :meth:`gains`.
        """

    @abstractmethod
    def additive(self, explainer):
        """(influence of each row towards the bound (n,), distance of the bound).

        Parameters
        ----------
        explainer : InfluenceExplainer
            Fitted.
        """


class LinearCrossing(Crossing):
    """A linear function of the coefficients is to grow.

    Parameters
    ----------
    direction : ndarray of the shape of the coefficients
    gap : float
        By more than this.
    """

    def __init__(self, direction, gap):
        self._direction, self._gap = direction, gap

    def gains(self, order):
        return order.linear_gains(self._direction)

    def reached(self, order):
        return float((self._direction * order.change).sum()) > self._gap

    def additive(self, explainer):
        inverse = explainer.linearization_.inverse
        with inverse.session():
            return additive_gains(explainer.objective_, inverse, self._direction), self._gap


@dataclass(frozen=True, eq=False, kw_only=True)
class FewestRows:
    """The fewest rows that were found, with and without confirmation by refits.

    Attributes
    ----------
    rows : ndarray of shape (size,)
        In the order of removal; empty where none was found.
    row_names : pandas.Index or ndarray of shape (size,)
    size : int or None
    answer : object
        Of the model refitted without `rows`.
    predicted_rows : ndarray of shape (predicted_size,)
        Expected to suffice, before any refit.
    predicted_size : int or None
    confirmed : bool
        Whether the refit without `predicted_rows` answers otherwise.
    """

    rows: np.ndarray
    row_names: Any
    size: int | None
    answer: Any
    predicted_rows: np.ndarray
    predicted_size: int | None
    confirmed: bool
    _columns: list = field(default_factory=list)


def check_search(explainer, method, max_rows):
    """Largest number of rows of a search; raises for what it cannot search."""
    check_explainer(explainer)
    check_choice("method", method, tuple(ORDERS))
    resolve_method("newton_step", explainer.linearization_, "groups")  # refuses Fisher matrices
    n = explainer.objective_.n_rows
    limit = max(1, int(MOST * n)) if max_rows is None else max_rows
    check_whole("max_rows", limit)
    return min(limit, n - 1)


def fewest_rows(explainer, question, *, method="newton_step", max_rows=None):
    """The fewest rows without which a refit answers otherwise, as far as the search finds them.

    Parameters
    ----------
    explainer : InfluenceExplainer
        Fitted, with ``curvature="hessian"``.
    question : object
        With `answer`, that of the fitted model; ``of(objective)``, that of another such model,
        equal to `answer` unless it is otherwise; `crossings`, a list of :class:`Crossing`, one of
        which suffices.
    method : {"newton_step", "first_order"}, default="newton_step"
        As for :func:`~skinfluence.groups.smallest_flipping_set`.
    max_rows : int, default=None
        Largest number of rows; a quarter of the training rows by default.

    Returns
    -------
    FewestRows
        With what the method expected before any refit.
    """
    limit = check_search(explainer, method, max_rows)
    order, expected = _shortest_order(explainer, question, method, limit)
    search = _Search(explainer, question, order, limit)
    none = np.array([], dtype=np.intp)
    predicted = none if expected is None else order.rows(expected)
    confirmed = expected is not None and search.flips(expected)
    size = search.smallest(order.n_available(limit) if expected is None else expected)
    rows = none if size is None else order.rows(size)
    return FewestRows(
        rows=rows,
        row_names=explainer.training_rows_.names(rows),
        size=size,
        answer=question.answer if size is None else search.answers[size],
        predicted_rows=predicted,
        predicted_size=expected,
        confirmed=confirmed,
        _columns=row_columns(explainer, rows),
    )


def _shortest_order(explainer, question, method, limit):
    """(order of removal, expected size) of the crossing that is expected to need fewest rows."""
    best, least = None, None
    for crossing in question.crossings:
        order = ORDERS[method](explainer, crossing)
        expected = order.expected(limit if least is None else least - 1)
        if best is None or expected is not None:
            best, least = order, expected
    return best, least


class _Search:
    """Search for the fewest rows of an order without which the answer is another, by refits."""

    def __init__(self, explainer, question, order, limit):
        self._optimum = explainer.linearization_.optimum
        self._question = question
        self._order = order
        self._limit = limit
        self._left = None  # the last refit
        self.answers = {}  # number of rows -> answer of the model without them

    def flips(self, size):
        """Whether the refitted model without the first `size` rows answers otherwise."""
        if size not in self.answers:
            start = self._optimum.coef + self._order.coef_change(size)
            self._left = left = refit_without(self._optimum, self._order.rows(size), start)
            self.answers[size] = self._question.answer if left is None else self._question.of(left)
        return bool(self.answers[size] != self._question.answer)

    def smallest(self, start):
        """Fewest rows that flip, near `start`; None if none up to the limit do."""
        if start == 0:
            return None
        no, yes = self._downwards(start) if self.flips(start) else self._upwards(start)
        if yes is None:
            return None
        while yes - no > 1:
            middle = (no + yes) // 2
            no, yes = (no, middle) if self.flips(middle) else (middle, yes)
        return yes

    def _downwards(self, yes):
        """(rows that are not enough, rows that are), in growing steps down from rows that are."""
        step = 1
        while yes > 1:
            fewer = max(1, yes - step)
            if not self.flips(fewer):
                return fewer, yes
            yes, step = fewer, 2 * step
        return 0, yes

    def _upwards(self, no):
        """(rows that are not enough, rows that are or None), in steps up from rows that are not."""
        while True:
            more = self._order.beyond(no, self._left, self._limit)
            if more <= no:
                return no, None
            if self.flips(more):
                return no, more
            no = more
