"""A coefficient and its t value as functionals."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from difflib import get_close_matches
from numbers import Integral
from typing import Any

import numpy as np

from skinfluence._utils.groups import read_groups
from skinfluence.effects import EFFECTS, RowEdits, resolve_method
from skinfluence.explainer import check_explainer
from skinfluence.functionals._t_values import check_t_value, t_value, t_value_effects
from skinfluence.linalg import row_blocks
from skinfluence.solvers import AutoSolver


class CoefficientFunctional(ABC):
    """A function of the coefficients.

    Parameters
    ----------
    column : str or int
        Name of the coefficient, as in the columns of
        :meth:`~skinfluence.InfluenceExplainer.diagnostics`: that of the column of the training
        data, "x0", "x1", ... without names, or "intercept"; of several outputs "x0 [label]". Or its
        place in ``coef_.ravel()`` followed by ``intercept_``.
    """

    def __init__(self, column):
        self.column = column

    def _bind(self, explainer):
        """The functional of a fitted model."""
        check_explainer(explainer)
        names = explainer.fitted_model_.coef_names()
        place = _place(self.column, names)
        return self._bound(explainer, _direction(explainer.objective_, place), names[place])

    @abstractmethod
    def _bound(self, explainer, direction, name):
        """The functional of the coefficient ``(direction * coef).sum()``."""


class Coefficient(CoefficientFunctional):
    """A coefficient of the last step, in the units of ``coef_``.

    Parameters
    ----------
    column : str or int
        Name of the column, "intercept", or the place in ``coef_.ravel()`` and ``intercept_``.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.linear_model import LinearRegression
    >>> from skinfluence import InfluenceExplainer
    >>> from skinfluence.functionals import Coefficient, influence_on
    >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
    >>> explainer = InfluenceExplainer(LinearRegression()).fit(X, y)
    >>> effect = influence_on(explainer, Coefficient("age"))
    >>> print(f"row {abs(effect).argmax()}: {effect[abs(effect).argmax()]:+.2f}")
    row 102: +17.68
    """

    def _bound(self, explainer, direction, name):
        return _OfCoefficient(explainer, direction, f"coefficient of {name}")


class TValue(CoefficientFunctional):
    """A coefficient divided by its classical standard error.

    For squared error ``coef / sqrt(RSS / (n - p) * (H^-1)_jj)`` with the Hessian H of rank p: the
    t value of least squares, as statsmodels has it. For logistic and Poisson
    regression ``coef / sqrt((H^-1)_jj)``, the z value of Wald.

    With a penalty, H includes it: the number is then the penalised coefficient divided by the
    standard deviation of the Gaussian approximation in which the penalty is a prior. It has no t
    distribution, and bounds such as 1.96 have no level.

    Parameters
    ----------
    column : str or int
        As for :class:`Coefficient`.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.linear_model import LinearRegression
    >>> from skinfluence import InfluenceExplainer
    >>> from skinfluence.functionals import TValue, functional_value, influence_on
    >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
    >>> explainer = InfluenceExplainer(LinearRegression()).fit(X, y)
    >>> effect = influence_on(explainer, TValue("s5"))
    >>> value = functional_value(explainer, TValue("s5"))
    >>> print(f"{value:.3f}; without row {effect.argmin()} {value + effect.min():.3f}")
    4.370; without row 169 4.045
    """

    def _bound(self, explainer, direction, name):
        check_t_value(explainer.objective_)
        penalised = (
            " (penalised)"
            if explainer.objective_.penalty.value(np.ones_like(explainer.objective_.coef))
            else ""
        )
        return _OfTValue(explainer, direction, f"t value of {name}{penalised}")


def _direction(objective, place):
    """Derivative of one number of the estimator's layout in the coefficients, in their shape."""
    p, shape = objective.n_parameters, objective.coef.shape
    out = np.empty(p)
    for some in row_blocks(p, 32 * p):
        unit = np.eye(some.stop - some.start, p, some.start)
        out[some] = objective.estimator_layout(unit.reshape(-1, *shape))[:, place]
    return out.reshape(shape)


def meant(name, known):
    """A sentence that asks for the known name that is most like one that is not known."""
    near = get_close_matches(name, known, n=1)
    return f" Did you mean {near[0]!r}?" if near else ""


def _place(column, names):
    """Position of a coefficient in the estimator's own order."""
    if isinstance(column, str):
        if column in names:
            return names.index(column)
        raise ValueError(
            f"There is no coefficient {column!r}.{meant(column, names)} Expected one of "
            f"{names[:20]}{' ...' if len(names) > 20 else ''}, or a position."
        )
    if isinstance(column, bool) or not isinstance(column, Integral):
        raise TypeError(
            f"column={column!r}. Expected the name of a coefficient or its position in coef_."
        )
    column = int(column)
    if not -len(names) <= column < len(names):
        raise ValueError(
            f"column={column}: there are {len(names)} coefficients, the intercept included. "
            f"Expected 0 to {len(names) - 1}."
        )
    return column % len(names)


@dataclass
class _OfCoefficient:
    """A coefficient of the explained model."""

    explainer: Any
    direction: np.ndarray
    name: str

    def value(self):
        return self.of(self.explainer.objective_)

    def of(self, objective):
        return float((self.direction * objective.coef).sum())

    def row_effects(self, method, rows):
        return self._effects(
            method, RowEdits.removals(self.explainer.training_rows_.positions(rows)), "rows"
        )

    def group_effects(self, method, groups):
        found = read_groups(groups, self.explainer)
        return self._effects(method, RowEdits.groups(found.rows), "groups")

    def _effects(self, method, edits, kind):
        method, linearization = self._method(method, kind), self.explainer.linearization_
        with linearization.inverse.session():
            _, changes = linearization.changes(method, edits)
            products = changes.products(self.direction.reshape(-1, 1))
            return np.asarray(products(slice(0, changes.n_changes)))[0]

    def _method(self, method, kind):
        method = self.explainer.method if method is None else method
        kinds = () if kind == "rows" else (kind,)
        return resolve_method(method, self.explainer.linearization_, *kinds)

    def after(self, order):
        return self.value() + float((self.direction * order.change).sum())

    def greedy_gains(self, order):
        return order.linear_gains(self.direction)

    def first_order(self):
        return self.row_effects("first_order", None)


class _OfTValue(_OfCoefficient):
    """The t value of a coefficient of the explained model."""

    _factorized: Any = (None, None)

    def of(self, objective):
        return t_value(objective, self._inverse(objective), self.direction, self._counts(objective))

    def _inverse(self, objective):
        """Of its Hessian, factorised once for the value and the effects in one model."""
        if self._factorized[0] is not objective:
            self._factorized = objective, AutoSolver().factorize(objective.hessian())
        return self._factorized[1]

    def _counts(self, objective):
        """What each row counts in n: 1, less where its weight is less than at the fit."""
        base = self.explainer.objective_.weights.base
        now = objective.weights.base
        return np.divide(now, base, out=np.zeros(len(base)), where=base > 0)

    def row_effects(self, method, rows):
        rows = self.explainer.training_rows_.positions(rows)
        method = self._method(method, "rows")
        if EFFECTS[method].converges:
            return self._one_by_one(method, [np.array([row]) for row in rows])
        return self._of_rows(self.explainer.objective_, method == "newton_step")[rows]

    def group_effects(self, method, groups):
        method, found = self._method(method, "groups"), read_groups(groups, self.explainer)
        if EFFECTS[method].linear:
            effects = self.first_order()
            return np.array([effects[np.unique(rows)].sum() for rows in found.rows])
        return self._one_by_one(method, found.rows)

    def _of_rows(self, objective, leverage):
        inverse, counts = self._inverse(objective), self._counts(objective)
        return t_value_effects(objective, inverse, self.direction, counts, leverage=leverage)

    def _one_by_one(self, method, groups):
        """Effects by the value of each model that is left."""
        reference, changes = self.explainer.linearization_.changes(method, RowEdits.groups(groups))
        before, coef = self.of(reference), changes.coef_changes()
        out = np.full(len(groups), np.nan)
        for g in np.flatnonzero(~changes.are_nan()):
            rows = np.asarray(groups[g], dtype=np.intp)
            left = reference.with_weights(rows, np.zeros(len(rows)))
            out[g] = self.of(left.with_coef(reference.coef + coef[g])) - before
        return out

    def greedy_gains(self, order):
        gains = self._of_rows(order.left, leverage=True)
        return np.where(order.free & np.isfinite(gains), gains, 0.0)

    def after(self, order):
        return self.of(order.left)
