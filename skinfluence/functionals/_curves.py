"""A functional while rows are removed, or labels repaired, in the order of their influence."""

from dataclasses import dataclass, field

import numpy as np
from sklearn.base import clone
from sklearn.utils import check_random_state

from skinfluence._utils.checks import check_number, check_whole
from skinfluence._utils.docs import shared_parameters
from skinfluence._utils.frames import make_frame
from skinfluence.adapters import is_frozen
from skinfluence.explainer import check_explainer
from skinfluence.functionals._bound import bind


@dataclass(frozen=True, eq=False)
class FunctionalCurve:
    """Values of a functional along one or more orders of the training rows.

    Attributes
    ----------
    name : str
        What changes.
    n_rows : ndarray of int of shape (n_points,)
        Rows removed or labels inspected, from 0.
    values : dict of str to ndarray of shape (n_points,)
        Value of the refitted model at each point, by order.
    n_train : int
        Number of training rows.
    done : str
        "removed" or "repaired".
    """

    name: str
    n_rows: np.ndarray = field(repr=False)
    values: dict = field(repr=False)
    n_train: int
    done: str
    _backend: str | None = field(default=None, repr=False)

    def frame(self):
        """The curve as a table.

        Returns
        -------
        DataFrame
            A column `n_rows` and one for each order, in the frame type of the training data.
        """
        return make_frame({"n_rows": self.n_rows, **self.values}, self._backend)


@shared_parameters
def removal_curve(
    explainer,
    functional,
    X_test=None,
    y_test=None,
    *,
    orders=None,
    max_share=0.3,
    n_points=7,
    random_state=0,
):
    """Value of a functional by refits while rows are removed in the order of their effect on it.

    Parameters
    ----------
    functional : str, Target, Coefficient or TValue
        As for :func:`influence_on`.
    X_test : {array-like, sparse matrix, data frame} of shape (n_test, n_features), default=None
        Test rows; None for functionals of the coefficients.
    orders : dict of str to array-like of int, default=None
        Positions of training rows by name of the order, the first to remove first. By default
        "largest increase first" and "largest decrease first", by :func:`influence_on`, and
        "random".
    max_share : float, default=0.3
        Share of the training rows that is removed at the last point.
    n_points : int, default=7
        Points from no row to that share; each costs a refit for every order.
    random_state : int, RandomState instance or None, default=0
        For the random order.

    Returns
    -------
    FunctionalCurve
        NaN where there is no model without the rows.

    See Also
    --------
    repair_curve : The same for corrected labels.
    skinfluence.displays.FunctionalCurveDisplay : The figure.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.preprocessing import scale
    >>> from skinfluence import InfluenceExplainer
    >>> from skinfluence.functionals import removal_curve
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> X = scale(X)
    >>> explainer = InfluenceExplainer(LogisticRegression()).fit(X[:300], y[:300])
    >>> curve = removal_curve(explainer, "neg_log_loss", X[300:], y[300:], n_points=3)
    >>> for name, values in curve.values.items():
    ...     print(f"{name}: {values.round(3)}")
    largest increase first: [-0.071 -0.034 -0.039]
    largest decrease first: [-0.071 -0.337 -0.504]
    random: [-0.071 -0.087 -0.094]
    """
    check_explainer(explainer, removals=True)
    bound = bind(explainer, functional, X_test, y_test)
    n = explainer.objective_.n_rows
    n_rows = _points(n, max_share, n_points)
    if orders is None:
        effect = bound.row_effects(None, None)
        orders = {
            "largest increase first": np.argsort(-effect, kind="stable"),  # NaN comes last
            "largest decrease first": np.argsort(effect, kind="stable"),
            "random": _shuffled(n, random_state),
        }
    orders = _checked(orders, n, n_rows[-1])
    value = bound.value()
    prefixes = [rows[:size] for rows in orders.values() for size in n_rows[1:]]
    changes = bound.group_effects("refit", prefixes).reshape(len(orders), -1)
    values = {
        name: np.concatenate([[value], value + own])
        for name, own in zip(orders, changes, strict=True)
    }
    return FunctionalCurve(
        bound.name, n_rows, values, n, "removed", explainer.training_rows_.backend
    )


@shared_parameters
def repair_curve(
    explainer,
    functional,
    y_right,
    X_test=None,
    y_test=None,
    *,
    orders=None,
    max_share=0.3,
    n_points=7,
    random_state=0,
):
    """Value of a functional by refits while training labels are inspected and corrected.

    Parameters
    ----------
    functional : str, Target, Coefficient or TValue
        As for :func:`influence_on`.
    y_right : array-like of shape (n_train,)
        What an inspection finds: the right label or value of each training row.
    X_test : {array-like, sparse matrix, data frame} of shape (n_test, n_features), default=None
        Test rows; None for functionals of the coefficients.
    orders : dict of str to array-like of int, default=None
        As for :func:`removal_curve`. By default "self-influence", the rows that the others
        contradict first (Koh & Liang 2017, section 5.4), and "random".
    max_share : float, default=0.3
        Share of the training labels that is inspected at the last point.
    n_points : int, default=7
        Points from no label to that share; each costs a fit for every order.
    random_state : int, RandomState instance or None, default=0
        For the random order.

    Returns
    -------
    FunctionalCurve
        Of models that are fitted anew, earlier steps of a pipeline included.

    See Also
    --------
    removal_curve : The same for removed rows.
    skinfluence.displays.LabelFixCurveDisplay : Share of the wrong labels that is found.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.preprocessing import scale
    >>> from skinfluence import InfluenceExplainer
    >>> from skinfluence.datasets import flip_labels
    >>> from skinfluence.functionals import repair_curve
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> X = scale(X)
    >>> given, _ = flip_labels(y[:300], 0.1, random_state=0)
    >>> explainer = InfluenceExplainer(LogisticRegression()).fit(X[:300], given)
    >>> curve = repair_curve(explainer, "roc_auc", y[:300], X[300:], y[300:], n_points=3)
    >>> print(curve.values["self-influence"].round(4))
    [0.9869 0.9999 0.9999]
    """
    check_explainer(explainer, removals=True)
    bound = bind(explainer, functional, X_test, y_test)
    if is_frozen(explainer.estimator):
        raise ValueError(
            "repair_curve fits the estimator to corrected labels, and a FrozenEstimator is never "
            "fitted. Explain the estimator itself: InfluenceExplainer(estimator).fit(X, y)."
        )
    explainer.training_rows_.in_order(y_right, what="y_right")
    given, right = np.asarray(explainer.y_train_), np.asarray(y_right)
    if right.shape == (len(given), 1) and given.ndim == 1:
        right = right.ravel()
    if right.shape != given.shape:
        raise ValueError(
            f"y_right has shape {right.shape}; expected {given.shape}, the right label of each "
            "training row."
        )
    n = len(given)
    n_rows = _points(n, max_share, n_points)
    if orders is None:
        own = np.argsort(-explainer.self_influence(), kind="stable")
        orders = {"self-influence": own, "random": _shuffled(n, random_state)}
    orders = _checked(orders, n, n_rows[-1])
    value, values = bound.value(), {}
    for name, rows in orders.items():
        values[name] = np.full(len(n_rows), value)
        for j, size in enumerate(n_rows[1:], start=1):
            values[name][j] = values[name][j - 1]
            some = rows[n_rows[j - 1] : size]
            if (given[some] != right[some]).any():  # otherwise the model stays
                repaired = given.astype(np.promote_types(given.dtype, right.dtype))
                repaired[rows[:size]] = right[rows[:size]]
                fitted = clone(explainer).fit(
                    explainer.X_train_, repaired, explainer.sample_weight_train_
                )
                values[name][j] = bind(fitted, functional, X_test, y_test).value()
    return FunctionalCurve(
        bound.name, n_rows, values, n, "repaired", explainer.training_rows_.backend
    )


def _points(n, max_share, n_points):
    """Numbers of rows at the points of a curve, each once."""
    check_number("max_share", max_share, above=0.0, most=1.0)
    check_whole("n_points", n_points, least=2)
    return np.unique(np.rint(np.linspace(0.0, max_share, n_points) * n).astype(int))


def _shuffled(n, random_state):
    return check_random_state(random_state).permutation(n)


def _checked(orders, n, most):
    """Orders as arrays of different positions that are long enough."""
    if not isinstance(orders, dict):
        raise TypeError(
            f"orders is a {type(orders).__name__}. Expected a dict of positions of training rows "
            'by name of the order, such as {"my order": rows}.'
        )
    made = {}
    for name, rows in orders.items():
        made[name] = rows = np.asarray(rows)
        whole = rows.ndim == 1 and rows.dtype.kind in "iu"
        if not whole or len(np.unique(rows)) != len(rows) or len(rows) < most:
            raise ValueError(
                f"The order {name!r} has {rows.size} entries. Expected positions of at least "
                f"{most} training rows, each at most once; or a smaller max_share."
            )
        if len(rows) and not (rows.min() >= 0 and rows.max() < n):
            raise ValueError(f"The order {name!r} has positions outside 0 to {n - 1}.")
    return made
