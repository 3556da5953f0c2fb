"""The rows whose removal together changes the test rows most."""

from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from skinfluence._utils.checks import check_choice, check_whole
from skinfluence._utils.docs import shared_parameters
from skinfluence._utils.progress import progress_bar
from skinfluence._utils.tables import Column, Readable, Table, counted
from skinfluence.effects import StoredChanges, resolve_method
from skinfluence.explainer import check_explainer, row_columns, target_changes, warn_of_stand_in
from skinfluence.groups._downdate import additive_gains, downdate, top_additive
from skinfluence.groups._influence import removal
from skinfluence.targets import Mean

DIRECTIONS = ("either", "increase", "decrease")


@dataclass(frozen=True, eq=False, repr=False)
class InfluentialGroup(Readable):
    """Training rows whose joint removal changes the mean over the test rows most.

    Prints as text and shows as HTML in notebooks.

    Attributes
    ----------
    rows : ndarray of shape (n_rows,)
        Positions of the training rows, in the order in which they were found.
    row_names : pandas.Index or ndarray of shape (n_rows,)
        Their names in the index of the training data; their positions without one.
    change : float
        Mean over the test rows of the value without the rows minus the value with them, by one
        Newton step.
    first_order : float
        The same as a sum of influences.
    path : ndarray of shape (n_rows,)
        `change` of the first row alone, the first two, and so on.
    additive : InfluentialGroup or None
        As many rows with the largest sum of influences.
    """

    rows: np.ndarray
    row_names: Any
    change: float
    first_order: float
    path: np.ndarray = field(repr=False)
    additive: "InfluentialGroup | None" = field(default=None, repr=False)
    _explainer: object = field(default=None, repr=False)
    _tests: Any = field(default=None, repr=False)
    _columns: list = field(default_factory=list, repr=False)

    def _parts(self):
        what = f"the {self._tests.target.name} of {counted(len(self._tests), 'test row')}"
        if not len(self.rows):
            return [f"No training rows were found without which {what} changes in that direction."]
        rows = counted(len(self.rows), "training row")
        found = f"Without {rows} together {what} changes by {self.change:+.4g}"
        title = f"{found} (sum of influences: {self.first_order:+.4g})"
        columns = [
            Column("row", list(self.row_names), "name"),
            Column("change so far", self.path, "signed", bar=True),
            *self._columns,
        ]
        parts: list = [Table(columns, title)]
        if self.additive is not None:
            change = f"{self.additive.change:+.4g}"
            parts.append(f"The {rows} of largest influence change it by {change} together.")
        return parts

    def refit(self):
        """Effect of removing the rows, by a refit.

        Returns
        -------
        float
            `change` by a converged refit; NaN where the model without the rows has no optimum.
        """
        reference, changes = removal(self._explainer, [self.rows], "refit")
        return float(target_changes(self._tests, reference, changes)[0, 0])


@shared_parameters
def most_influential_group(
    explainer, X_test, y_test=None, *, n_rows=10, target="auto", direction="either"
):
    """Find the rows, at most `n_rows`, whose removal together changes the test rows most.

    Greedy on the Newton step: each row is the one that adds most, given that the rows before it are
    removed. The rows of the largest influences usually have a smaller effect: after one of two
    equal rows is removed the effect of the other is larger, and rows of opposite effect cancel.

    Parameters
    ----------
    explainer : InfluenceExplainer
        Fitted, with ``curvature="hessian"``.
    X_test : {array-like, sparse matrix, data frame} of shape (n_test, n_features)
        The mean over these rows is changed. For one prediction pass one row.
    n_rows : int, default=10
        Largest number of rows. Fewer are returned if no row adds anything, or if a class would lose
        its last row.
    direction : {"either", "increase", "decrease"}, default="either"
        Whether the removal should raise the mean of the target or lower it; "either" takes the
        larger change of both.

    Returns
    -------
    InfluentialGroup
        The rows, their predicted change, the rows of largest influence for comparison, and
        ``refit()`` for the exact change.

    See Also
    --------
    smallest_flipping_set : The fewest rows whose removal changes a prediction.
    group_influence : The effect of given groups.

    Notes
    -----
    With n rows, q columns and K outputs each row costs n q K^2 multiplications; with balanced class
    weights or a penalty in mean form n q^2, since the remaining Hessian is factorised. The target
    is linearised in the search, and evaluated for the result.

    References
    ----------
    S. Basu, X. You and S. Feizi, "On second-order group influence functions for black-box
    predictions", ICML 2020, section 5 (selection by a second-order objective). T. Broderick, R.
    Giordano and R. Meager, "An automatic finite-sample robustness metric", 2020 (the additive
    group).

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.linear_model import Ridge
    >>> from skinfluence import InfluenceExplainer
    >>> from skinfluence.groups import most_influential_group
    >>> X, y = load_diabetes(return_X_y=True)
    >>> explainer = InfluenceExplainer(Ridge(alpha=0.1)).fit(X[1:], y[1:])
    >>> found = most_influential_group(explainer, X[:1], n_rows=20, direction="increase")
    >>> print(f"{found.change:.4f} {found.refit():.4f}")
    14.1293 14.1293
    >>> bool(found.change > found.additive.change)
    True
    """
    check_explainer(explainer)
    warn_of_stand_in(explainer, "Newton steps, which find the group,")
    check_whole("n_rows", n_rows)
    check_choice("direction", direction, DIRECTIONS)
    resolve_method("newton_step", explainer.linearization_, "groups")  # refuses Fisher matrices
    tests = explainer.test_rows(X_test, y_test, target=Mean(target))
    signs = {"either": (1.0, -1.0), "increase": (1.0,), "decrease": (-1.0,)}[direction]
    inverse = explainer.linearization_.inverse
    with inverse.session():
        found = [_grown(explainer, tests, n_rows, partial(_furthest, tests, s)) for s in signs]
        best = max(range(len(signs)), key=lambda i: signs[i] * found[i][1][-1:].sum())
        rows, path = found[best]
        gains = additive_gains(explainer.objective_, inverse, tests.coef_gradient())
        alone = top_additive(explainer.objective_, signs[best] * gains)[: max(len(rows), 1)]
        summed = _grown(explainer, tests, len(alone), lambda grown, size: alone[size])
        additive = _group(explainer, tests, alone, gains, summed[1])
        return _group(explainer, tests, rows, gains, path, additive)


def _group(explainer, tests, rows, gains, path, additive=None):
    change, summed = float(path[-1:].sum()), float(gains[rows].sum())
    names = explainer.training_rows_.names(rows)
    columns = row_columns(explainer, rows)
    return InfluentialGroup(rows, names, change, summed, path, additive, explainer, tests, columns)


def _grown(explainer, tests, n_rows, choose):
    """(rows in the order chosen, mean change of the target after each of them).

    ``choose(grown, size)`` gives the next row of a group of some size, or None.
    """
    objective, inverse = explainer.objective_, explainer.linearization_.inverse
    grown = downdate(objective, inverse)
    rows: list[int] = []
    path: list[float] = []
    shown = {"what": "group", "unit": "rows", "verbose": explainer.verbose}
    with progress_bar(total=n_rows, **shown) as update:
        while len(rows) < n_rows and (row := choose(grown, len(rows))) is not None:
            grown.remove(row)
            rows.append(row)
            changes = StoredChanges(grown.coef[None])
            path.append(target_changes(tests, objective, changes)[0, 0])
            update(0, len(rows))
    return np.array(rows, dtype=np.intp), np.array(path)


def _furthest(tests, sign, grown, size):
    """The row that moves the mean furthest in one direction; None where none does."""
    gains = sign * grown.gains(tests.coef_gradient(grown.coef))
    row = int(gains.argmax())
    return row if gains[row] > 0.0 else None
