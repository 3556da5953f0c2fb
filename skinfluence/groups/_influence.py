"""What the removal of whole groups does."""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import gen_batches

from skinfluence._utils.checks import check_choice
from skinfluence._utils.docs import shared_parameters
from skinfluence._utils.frames import make_frame
from skinfluence._utils.groups import read_groups
from skinfluence._utils.progress import progress
from skinfluence._utils.warnings import user_stacklevel
from skinfluence.effects import (
    WeightChanges,
    group_first_order,
    group_newton_step,
    group_second_order,
    refit,
)
from skinfluence.effects._classes import takes_a_class
from skinfluence.explainer import GROUPS_AT_ONCE, check_explainer, target_changes
from skinfluence.linalg import block_size
from skinfluence.solvers import AutoSolver

METHODS = ("auto", "first_order", "second_order", "newton_step", "refit")
_EFFECTS = {
    "first_order": group_first_order,
    "second_order": group_second_order,
    "newton_step": group_newton_step,
}


@shared_parameters
def group_influence(explainer, groups, X_test, y_test=None, *, target="auto", method=None):
    """Effect of removing whole groups of training rows on each test row.

    A group's effect is not the sum of its rows' effects: rows that are alike stand in for each
    other, and only when all of them are gone does the model notice.

    Parameters
    ----------
    groups : array-like, list, dict or str
        Which rows are removed together:

        - array-like of shape (n_train,): a label for each training row; one group a label, in the
          order of ``np.unique``, for categorical labels in that of the categories, and a last one
          for rows whose label is missing;
        - a list of groups, each a list of row numbers or names, or a boolean mask of shape
          (n_train,);
        - a dict of names and such groups, as pandas' ``X.groupby(...).groups`` is;
        - a boolean array of shape (n_groups, n_train);
        - a str: the column of the training data frame that holds the labels.

        A group is a set: the order of its rows and repetitions mean nothing.
    method : {"auto", "first_order", "second_order", "newton_step", "refit"}, default=None
        None takes the explainer's own `method`.

        - ``"first_order"``: the sum of the rows' influences (Koh et al. 2019);
        - ``"second_order"``: adds what the rows are to each other (Basu et al. 2020);
        - ``"newton_step"``: one Newton step on the objective without the group; exact for squared
          error;
        - ``"refit"``: the converged optimum without the group;
        - ``"auto"``: the Newton step where the Hessian is factorised, else first order; for hinge
          machines the refit.

    Returns
    -------
    ndarray of shape (n_test, n_groups)
        Value without the group minus value with it, in units of the target. Positive for the loss:
        the group helps the test row. Zero for a group without rows.

    Warns
    -----
    RuntimeWarning
        For groups without which there is no model: no row of some class is left, or the
        coefficients are undetermined or infinite. The Newton step and the refit are NaN there; the
        first two methods describe the model as it is and stay finite.

    See Also
    --------
    group_table : The same as a table with the groups' names.
    most_influential_group : The group of a given size with the largest effect.

    References
    ----------
    P. W. Koh, K.-S. Ang, H. Teo and P. Liang, "On the accuracy of influence functions for
    measuring group effects", NeurIPS 2019. S. Basu, X. You and S. Feizi, "On second-order group
    influence functions for black-box predictions", ICML 2020, section 4.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skinfluence import InfluenceExplainer
    >>> from skinfluence.groups import group_influence
    >>> X, y = load_iris(return_X_y=True)
    >>> explainer = InfluenceExplainer(LogisticRegression(max_iter=1000)).fit(X, y)
    >>> wide = X[:, 1] > 3.2
    >>> values = group_influence(explainer, [wide, ~wide], X[:5], y[:5])
    >>> values.shape
    (5, 2)
    """
    check_explainer(explainer)
    method = resolve_method(explainer, method)
    found = read_groups(groups, explainer)
    tests = explainer.test_rows(X_test, y_test, target=target)
    out = np.empty((tests.n_values, len(found.rows)))
    without = np.zeros(len(found.rows), dtype=bool)
    width = _groups_at_once(explainer.objective_, method)
    blocks = gen_batches(len(found.rows), width) if found.rows else ()
    for some in progress(
        blocks,
        total=len(found.rows),
        what="groups",
        unit="groups",
        verbose=explainer.verbose,
        size=lambda some: some.stop - some.start,
    ):
        reference, changes = removal(explainer, found.rows[some], method)
        without[some] = changes.are_lost()
        out[:, some] = target_changes(tests, reference, changes, linear=method == "first_order")
    if without.any():
        _warn(np.array(found.names, dtype=object)[without], len(without))
    return out


@shared_parameters
def group_table(explainer, groups, X_test, y_test=None, *, target="auto", method=None):
    """What the removal of each group does to the test rows on average, as a table.

    Parameters
    ----------
    groups : array-like, list, dict or str
        As for :func:`group_influence`.
    method : {"auto", "first_order", "second_order", "newton_step", "refit"}, default=None
        As for :func:`group_influence`.

    Returns
    -------
    DataFrame
        One line a group, in the order of :func:`group_influence`: `group` (label, key or place in
        the list; missing for the rows whose label is), `n_rows`, `influence` (mean over the test
        rows of the value without the group minus the value with it) and `share_positive` (of the
        test rows). Of the library that the training data came in; for arrays the first of pandas,
        polars and pyarrow that is installed, else a numpy record array.

    See Also
    --------
    group_influence : The effect on each test row, as an array.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skinfluence import InfluenceExplainer
    >>> from skinfluence.groups import group_table
    >>> X, y = load_iris(return_X_y=True, as_frame=True)
    >>> explainer = InfluenceExplainer(LogisticRegression(max_iter=1000)).fit(X, y)
    >>> table = group_table(explainer, X["sepal width (cm)"].round(), X, y)
    >>> table["n_rows"].tolist()
    [19, 106, 25]
    """
    values = group_influence(explainer, groups, X_test, y_test, target=target, method=method)
    found = read_groups(groups, explainer)
    columns = {
        "group": _as_column(found.names),
        "n_rows": np.array([len(rows) for rows in found.rows], dtype=np.intp),
        "influence": values.mean(axis=0),
        "share_positive": np.where(np.isnan(values), np.nan, values > 0).mean(axis=0),
    }
    return make_frame(columns, explainer.training_rows_.backend)


def _as_column(names):
    """Names as an array that leaves them what they are: numpy would make one type of several."""
    plain = len({type(name) for name in names}) < 2 and all(np.ndim(name) == 0 for name in names)
    if plain:
        return np.array(names)
    column = np.empty(len(names), dtype=object)
    for i, name in enumerate(names):  # a slice would spread tuples over two axes
        column[i] = name
    return column


def resolve_method(explainer, method):
    """The method that is meant; the explainer's own by default."""
    method = explainer.method if method is None else method
    check_choice("method", method, METHODS)
    inverse = explainer.linearization_.inverse
    if method == "auto" and explainer.objective_.stands_in and inverse.hessian.exact:
        return "refit"
    if method == "auto":
        return "newton_step" if inverse.factorized and inverse.hessian.exact else "first_order"
    if method in ("second_order", "newton_step") and not inverse.hessian.exact:
        raise ValueError(
            f"method={method!r} is made of second derivatives, and this explainer inverts a Fisher "
            'matrix in their place. Use method="first_order" or "refit", or curvature="hessian".'
        )
    return method


def removal(explainer, groups, method):
    """(reference objective, changes of the coefficients without each group).

    NaN where there is no model without a group; nothing is warned of.
    """
    linearization, weights = explainer.linearization_, WeightChanges.groups(groups)
    objective = linearization.optimum if method == "refit" else linearization.objective
    with warnings.catch_warnings():
        # whoever asked is told once, by the groups' names
        warnings.filterwarnings("ignore", r"\d+ of \d+ (refits|changes)", ConvergenceWarning)
        warnings.filterwarnings("ignore", r"\d+ of \d+ (refits|changes)", RuntimeWarning)
        if method == "refit":
            changes = refit(
                objective,
                linearization.optimum_inverse,
                weights,
                solver=AutoSolver.for_newton_steps(),
                n_jobs=explainer.n_jobs,
                width=GROUPS_AT_ONCE,
            )
        else:
            with linearization.inverse.question():
                changes = _EFFECTS[method](objective, linearization.inverse, weights)
    if method in ("newton_step", "refit"):
        changes.forget(takes_a_class(objective, groups))
    return objective, changes


def _groups_at_once(objective, method):
    """Groups whose coefficients are held at a time."""
    width = block_size(32 * objective.n_parameters)
    return max(width, GROUPS_AT_ONCE) if method == "refit" else width


def _warn(names, n_groups):
    shown = [str(name) for name in names[:10]]
    warnings.warn(
        f"{len(names)} of {n_groups} groups are NaN: without them no row of some class is left, or "
        f"the coefficients are undetermined or infinite. Groups: {shown}. Add a penalty, take "
        'smaller groups, or ask for method="first_order", which stays finite.',
        RuntimeWarning,
        stacklevel=user_stacklevel(),
    )
