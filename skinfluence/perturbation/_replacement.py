"""Effect of replacing a training row by another."""

import numpy as np

from skinfluence._utils.docs import shared_parameters
from skinfluence._utils.warnings import warn_user
from skinfluence.effects import RowEdits
from skinfluence.perturbation._effects import (
    checked,
    columns_moved_by_transform,
    effect_blocks,
    encode_new_labels,
)


@shared_parameters
def replacement_influence(
    explainer, rows, X_new, y_new, X_test, y_test=None, *, target="auto", method=None
):
    """Effect of replacing a training row by another row on each test row.

    One row at a time, by any other row: another category, another label, the same patient a year
    later. The new row has the sample weight of the old one; class weights are those of the new
    label, and balanced ones are computed again.

    Parameters
    ----------
    rows : array-like of int or of names, shape (n_rows,), or bool mask
        Training rows that are replaced, each in a change of its own. A row may be named several
        times, with different replacements.
    X_new : {array-like, sparse matrix, data frame} of shape (n_rows, n_features) or None
        Their replacements; None keeps the features.
    y_new : array-like of shape (n_rows,) or (n_rows, n_outputs), or None
        The new labels or values; None keeps them.
    method : {"auto", "first_order", "newton_step", "refit"}, default=None
        "first_order" is the influence of the new row minus that of the old one; "newton_step" takes
        a few conjugate Newton steps on the changed objective with the factorisation at hand (exact
        for squared error); "refit" iterates until convergence. None takes the explainer's own
        `method`; "auto" is the Newton step wherever the Hessian is factorised, and the refit for
        hinge machines. Labels are large changes: the relative error of first order is often one
        half, and it includes no change along null directions (more columns than rows, columns that
        repeat others), where the other two follow the optimum of least norm.

    Returns
    -------
    ndarray of shape (n_test, n_rows)
        Value after the replacement minus value before it, in units of the target. Positive for
        the loss: the replacement harms the test row.

    Raises
    ------
    ValueError
        For wrong shapes, NaN, labels that the model does not know, or nothing that changes.

    Warns
    -----
    RuntimeWarning
        For changes that give another label to the last row of a class: the refitted model would not
        know that class. They are NaN, except for "first_order". Also where earlier steps gave the
        training rows other values in `fit` than `transform` gives (cross-fitted encoders): the new
        rows are those of `transform`.

    See Also
    --------
    relabel_influence : The same for labels only, all classes at once.
    perturbation_influence : The derivative, for small changes of the features.

    References
    ----------
    Koh & Liang (2017), section 2.2, equation (3), of which "first_order" is the change of the loss:
    (I_up,loss(z_delta) - I_up,loss(z)) / n for rows of weight one.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.linear_model import Ridge
    >>> from skinfluence import InfluenceExplainer
    >>> from skinfluence.perturbation import replacement_influence
    >>> X, y = load_diabetes(return_X_y=True)
    >>> explainer = InfluenceExplainer(Ridge()).fit(X[:400], y[:400])
    >>> older = X[[0, 1]].copy()
    >>> older[:, 0] += 0.1
    >>> effect = replacement_influence(explainer, [0, 1], older, None, X[400:])
    >>> moved = X[:400].copy()
    >>> moved[1] = older[1]
    >>> refitted = Ridge().fit(moved, y[:400]).predict(X[400:])
    >>> bool(np.allclose(effect[:, 1], refitted - explainer.predict(X[400:])))
    True
    """
    method, tests, rows = checked(explainer, X_test, y_test, rows, target, method)
    objective = explainer.objective_
    out = np.empty((len(tests), len(rows)), objective.predictor.dtype)
    for given, name in ((X_new, "X_new"), (y_new, "y_new")):
        explainer.training_rows_.in_order(given, rows, what=name, foreign=True)
    changed = _new_rows(explainer, X_new, y_new, len(rows))
    if X_new is not None and columns_moved_by_transform(explainer, rows) is not None:
        warn_user(
            "The earlier steps gave the training rows other values in fit than transform gives "
            "them (as cross-fitted encoders do). The new rows are those of transform, so that part "
            "of the effect is this difference: compare with X_new that repeats the old rows.",
            RuntimeWarning,
        )
    if len(rows):
        edits = RowEdits.replacements(objective, rows, **changed)
        for part, some, values in effect_blocks(explainer, tests, edits, method):
            out[part, some] = values
    return out


def _new_rows(explainer, X_new, y_new, n):
    """Predictor, targets and class codes of the new rows, those that were given."""
    if X_new is None and y_new is None:
        raise ValueError("X_new and y_new are both None: nothing changes. Expected one of them.")
    changed = {}
    if y_new is not None:
        changed["y"], changed["codes"] = encode_new_labels(explainer.objective_.coding, y_new, n)
    if X_new is not None and (n or len(np.atleast_1d(np.asarray(X_new, dtype=object)))):
        table = explainer.fitted_model_.table(X_new)
        _check_columns(explainer.fitted_model_, table)
        changed["predictor"] = explainer.objective_.predictor.of(table)
        if changed["predictor"].n_rows != n:
            raise ValueError(
                f"X_new has {changed['predictor'].n_rows} rows. Expected {n}, one for each of the "
                "rows that are replaced."
            )
    return changed


def _check_columns(fitted_model, table):
    """Raise where new rows are outside of the kernel columns, which are those of training rows.

    The function of a new row's kernel would be a further column. With a limited rank training rows
    are outside too, as a warning said.
    """
    columns = fitted_model.objective.predictor.columns
    if not hasattr(columns, "left_out") or columns.is_limited:
        return
    outside = np.flatnonzero(columns.left_out(table))
    if len(outside):
        raise ValueError(
            f"{type(fitted_model.model).__name__} is explained on kernel columns of its training "
            f"rows, which do not describe {len(outside)} of {table.shape[0]} rows of X_new (the "
            f"first is row {outside[0]}). Pass rows like training rows, fit the estimator to the "
            "changed table, or put the kernel before a linear model, as in "
            "make_pipeline(Nystroem(), Ridge())."
        )
