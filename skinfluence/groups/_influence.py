"""Effects of removing whole groups."""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skinfluence._utils.docs import shared_parameters
from skinfluence._utils.frames import make_frame
from skinfluence._utils.groups import read_groups
from skinfluence._utils.progress import progress
from skinfluence._utils.warnings import warn_user
from skinfluence.effects import EFFECTS, RowEdits, resolve_method
from skinfluence.explainer import GROUPS_AT_ONCE, check_explainer, target_changes
from skinfluence.linalg import block_size, slices


@shared_parameters
def group_influence(explainer, groups, X_test, y_test=None, *, target="auto", method=None):
    """Effect of removing whole groups of training rows on each test row.

    The effect of a group is not the sum of the effects of its rows: similar rows compensate for
    each other until all of them are removed.

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

        A group is a set: the order of its rows and repetitions have no effect.
    method : str, default=None
        "auto" or the name of an effect; None takes the explainer's own `method`.

        - ``"first_order"``: the sum of the rows' influences (Koh et al. 2019);
        - ``"second_order"``: adds interactions between the rows (Basu et al. 2020);
        - ``"rescaled"``: the sum of the rows' own Newton steps, each corrected for the row's
          leverage (Rubinstein & Hopkins 2025);
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
        coefficients are undetermined or infinite. The Newton step and the refit are NaN there, and
        "rescaled" where a row alone determines a coefficient; the first two methods describe the
        fitted model and stay finite.

    See Also
    --------
    group_table : The same as a table with the groups' names.
    most_influential_group : The group of a given size with the largest effect.

    References
    ----------
    P. W. Koh, K.-S. Ang, H. Teo and P. Liang, "On the accuracy of influence functions for
    measuring group effects", NeurIPS 2019. S. Basu, X. You and S. Feizi, "On second-order group
    influence functions for black-box predictions", ICML 2020, section 4. I. Rubinstein and S. B.
    Hopkins, "Rescaled influence functions: accurate data attribution in high dimension", NeurIPS
    2025.

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
    check_explainer(explainer, removals=True)
    method = explainer.method if method is None else method
    method = resolve_method(method, explainer.linearization_, "groups")
    found = read_groups(groups, explainer)
    tests = explainer.test_rows(X_test, y_test, target=target)
    out = np.empty((tests.n_values, len(found.rows)))
    without = np.zeros(len(found.rows), dtype=bool)
    width = _groups_at_once(explainer.objective_, method)
    blocks = slices(len(found.rows), width)
    for some in progress(
        blocks,
        total=len(found.rows),
        what="groups",
        unit="groups",
        verbose=explainer.verbose,
        size=lambda some: some.stop - some.start,
    ):
        reference, changes = removal(explainer, found.rows[some], method)
        without[some] = changes.are_nan()
        out[:, some] = target_changes(tests, reference, changes, linear=EFFECTS[method].linear)
    if without.any():
        _warn(np.array(found.names, dtype=object)[without], len(without))
    return out


@shared_parameters
def group_table(explainer, groups, X_test, y_test=None, *, target="auto", method=None):
    """Mean effect of removing each group on the test rows, as a table.

    Parameters
    ----------
    groups : array-like, list, dict or str
        As for :func:`group_influence`.
    method : str, default=None
        As for :func:`group_influence`.

    Returns
    -------
    DataFrame
        One row per group, in the order of :func:`group_influence`: `group` (label, key or place in
        the list; missing for the rows whose label is), `n_rows`, `influence` (mean over the test
        rows of the value without the group minus the value with it) and `share_positive` (of the
        test rows). In the frame type of the training data; for arrays the first of pandas, polars
        and pyarrow that is installed, else a numpy record array.

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


def removal(explainer, groups, method):
    """(reference objective, changes of the coefficients without each group).

    NaN where there is no model without a group; nothing is warned of.
    """
    linearization, edits = explainer.linearization_, RowEdits.groups(groups)
    with warnings.catch_warnings():
        # one warning, by the groups' names, takes the place of these
        warnings.filterwarnings("ignore", r"\d+ of \d+ (refits|changes)", ConvergenceWarning)
        warnings.filterwarnings("ignore", r"\d+ of \d+ (refits|changes)", RuntimeWarning)
        warnings.filterwarnings("ignore", r"\d+ training row\(s\) have leverage", RuntimeWarning)
        if EFFECTS[method].converges:
            return linearization.changes(method, edits, width=GROUPS_AT_ONCE, verbose=0)
        inverse = linearization.inverse
        with inverse.session():
            return linearization.changes(method, edits, inverse)


def _groups_at_once(objective, method):
    """Groups whose coefficients are stored at a time."""
    width = block_size(32 * objective.n_parameters)
    return max(width, GROUPS_AT_ONCE) if EFFECTS[method].converges else width


def _warn(names, n_groups):
    shown = [str(name) for name in names[:10]]
    warn_user(
        f"{len(names)} of {n_groups} groups are NaN: without them no row of some class is left, or "
        f"the coefficients are undetermined or infinite. Groups: {shown}. Add a penalty, take "
        'smaller groups, or use method="first_order", which stays finite.',
        RuntimeWarning,
    )
