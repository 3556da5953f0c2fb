"""The fewest rows whose removal moves a functional by a given amount, or changes its sign."""

from dataclasses import dataclass

import numpy as np

from skinfluence._utils.checks import check_number
from skinfluence._utils.docs import shared_parameters
from skinfluence._utils.tables import Column, Readable, Table, counted
from skinfluence.explainer import check_explainer, warn_of_stand_in
from skinfluence.functionals._bound import bind
from skinfluence.groups import Crossing, FewestRows, fewest_rows


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class SmallestSet(Readable, FewestRows):
    """Training rows without which a functional lies beyond a bound.

    Prints as text and shows as HTML in notebooks.

    Attributes
    ----------
    name : str
        What is moved.
    value : float
        Its value in the fitted model.
    to : float
        The bound that it crosses.
    rows : ndarray of shape (size,)
        Positions of the training rows, in the order of removal; empty where no set was found.
    row_names : pandas.Index or ndarray of shape (size,)
        Their names in the index of the training data; their positions without one.
    size : int or None
        Number of rows; None where no set within `max_rows` was found.
    new_value, answer : float
        Value of the model that was refitted without the rows; `value` where no set was found.
    predicted_rows : ndarray of shape (predicted_size,)
        Set that is expected to suffice, before any refit.
    predicted_size : int or None
        Its number of rows; None where no set within `max_rows` is expected to suffice.
    confirmed : bool
        Whether the refit without `predicted_rows` crosses the bound.
    additive : SmallestSet or None
        The set by sums of influences (Broderick, Giordano and Meager 2020): rows in the order of
        their influence, and how many of them suffice by a refit.
    """

    name: str
    value: float
    to: float
    additive: "SmallestSet | None" = None
    _limit: int | None

    @property
    def new_value(self):
        """Value of the model that was refitted without the rows."""
        return self.answer

    def _parts(self):
        if self.size is None:
            within = "a quarter of the rows" if self._limit is None else f"{self._limit} rows"
            found = (
                f"The {self.name}, {self.value:.4g}, does not cross {self.to:.4g}: no set of at "
                f"most {within} was found without which a refit is beyond it."
            )
            parts: list = [found]
        else:
            title = (
                f"The {self.name} goes from {self.value:.4g} to {self.new_value:.4g} without "
                f"{counted(self.size, 'training row')}, by a refit"
            )
            parts = [Table([Column("row", list(self.row_names), "name"), *self._columns], title)]
        if self.additive is not None:
            parts.append(self._comparison())
        return parts

    def _comparison(self):
        """The additive answer in words."""
        other = self.additive
        if other.predicted_size is None:
            expected = "By sums of influences no set is expected to suffice"
        else:
            found = "confirms" if other.confirmed else "does not confirm"
            rows = counted(other.predicted_size, "row")
            expected = (
                f"By sums of influences {rows} are expected to suffice, which a refit {found}"
            )
        if other.size is None:
            return f"{expected}; in their order no number of rows does."
        return f"{expected}; in their order {other.size} suffice by refits."


@shared_parameters
def smallest_set(
    explainer, functional, X_test=None, y_test=None, *, change=None, to=None, max_rows=None
):
    """Fewest training rows whose removal moves a functional across a bound, verified by refits.

    Greedy: each row is the one whose removal, corrected for its leverage and given that those
    before it are removed, moves the functional most. The search then refits, takes further rows
    where the bound is not crossed and fewer where it is. For comparison the rows in the order of
    their influence, with the sum of influences as the expected effect, are searched likewise.

    Parameters
    ----------
    explainer : InfluenceExplainer
        Fitted, with ``curvature="hessian"``.
    functional : str, Target, Coefficient or TValue
        As for :func:`influence_on`.
    X_test : {array-like, sparse matrix, data frame} of shape (n_test, n_features), default=None
        Test rows; None for functionals of the coefficients.
    change : float, default=None
        Amount by which the functional is to move: up where positive, down where negative.
    to : float, default=None
        Bound that it is to cross, such as ``to=1.96`` for a t value. Without `change` and `to` it
        is 0: the functional changes its sign.
    max_rows : int, default=None
        Largest number of rows; a quarter of the training rows by default.

    Returns
    -------
    SmallestSet
        The rows, the value of the refitted model and the additive answer.

    See Also
    --------
    skinfluence.groups.smallest_flipping_set : The same for the predictions of test rows.

    Notes
    -----
    A smaller set may exist: no search short of all subsets can exclude it. Functionals that count
    (temperature 0) are searched along their smooth derivative. Each row costs one step, see
    :func:`~skinfluence.groups.most_influential_group`; a t value costs a factorisation more.

    References
    ----------
    T. Broderick, R. Giordano and R. Meager, "An automatic finite-sample robustness metric: when
    can dropping a little data make a big difference?", 2020.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.linear_model import LinearRegression
    >>> from skinfluence import InfluenceExplainer
    >>> from skinfluence.functionals import Coefficient, smallest_set
    >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
    >>> explainer = InfluenceExplainer(LinearRegression()).fit(X, y)
    >>> found = smallest_set(explainer, Coefficient("age"))
    >>> print(f"{found.value:.2f} becomes {found.new_value:.2f} without {found.size} of {len(y)}")
    -10.01 becomes 7.67 without 1 of 442
    """
    check_explainer(explainer)
    warn_of_stand_in(explainer, "Newton steps, which find the rows,")
    bound = bind(explainer, functional, X_test, y_test)
    value = bound.value()
    question = _Question(bound, value, _goal(value, change, to))
    additive, found = (
        _set(explainer, question, method, max_rows) for method in ("first_order", "newton_step")
    )
    if additive.size is not None and (found.size is None or additive.size < found.size):
        found = additive  # the refits decide
    return SmallestSet(**(vars(found) | {"additive": additive}))


def _goal(value, change, to):
    """The bound that the functional is to cross."""
    if not np.isfinite(value):
        raise ValueError(f"The functional is {value}. Expected one with a finite value.")
    if change is not None and to is not None:
        raise ValueError("change and to are both given. Expected one of them, or neither.")
    if change is not None:
        check_number("change", change)
        if change == 0.0:
            raise ValueError("change=0.0. Expected how far the functional is to move, up or down.")
        return value + change
    goal = 0.0 if to is None else to
    check_number("to", goal)
    if goal == value:
        raise ValueError(f"The functional is {value:.6g} already. Expected another bound `to`.")
    return float(goal)


def _set(explainer, question, method, max_rows):
    found = fewest_rows(explainer, question, method=method, max_rows=max_rows)
    own = {"name": question.functional.name, "value": question.answer, "to": question.goal}
    return SmallestSet(**vars(found), **own, _limit=max_rows)


class _Question(Crossing):
    """Whether a functional has crossed its bound: what the search of groups asks."""

    def __init__(self, functional, value, goal):
        self.functional = functional
        self.answer = value
        self.goal = goal
        self._sign = np.sign(goal - value)
        self.crossings = [self]

    def of(self, objective):
        """Value of another model; for values that have not crossed the bound it is `answer`."""
        value = self.functional.of(objective)
        return value if self._crossed(value) else self.answer

    def _crossed(self, value):
        return bool(self._sign * (value - self.goal) > 0.0)

    def gains(self, order):
        return self._sign * self.functional.greedy_gains(order)

    def reached(self, order):
        return self._crossed(self.functional.after(order))

    def additive(self, explainer):
        gains = np.nan_to_num(self._sign * self.functional.first_order())
        return gains, abs(self.goal - self.answer)
