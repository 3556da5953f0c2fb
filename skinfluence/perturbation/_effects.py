"""Shared by replacement and relabelling: checks, methods, results in blocks."""

import numpy as np
from scipy import sparse
from sklearn.utils import _safe_indexing

from skinfluence._utils.warnings import warn_user
from skinfluence.effects import EFFECTS, leaves_no_model, resolve_method
from skinfluence.explainer import check_explainer, edit_blocks

#: Training rows that are transformed again, to compare them with the rows that `fit` was given.
LOOKED_AT = 50
#: A difference above this, relative to the largest entry of its column, is not rounding.
MOVED = 1e-6


def rows_of(X, rows):
    """Some rows in the type that the pipeline was fitted on."""
    if sparse.issparse(X) and X.format not in ("csr", "csc", "lil"):
        X = X.tocsr()
    if isinstance(X, list | tuple):
        X = np.asarray(X)
    return _safe_indexing(X, rows)


def columns_moved_by_transform(explainer, rows):
    """Mask of the last step's columns in which `transform` differs from `fit`.

    None where there are none. A few of the training rows are compared: cross-fitted encoders
    change them all.
    """
    fitted_model = explainer.fitted_model_
    if not fitted_model.transformers or not len(rows):
        return None
    rows = np.unique(rows)[:: max(1, len(np.unique(rows)) // LOOKED_AT)]
    now = fitted_model.table(rows_of(explainer.X_train_, rows))
    fitted = fitted_model.X[rows]
    change, size = abs(now - fitted).max(axis=0), abs(fitted).max(axis=0)
    if sparse.issparse(fitted):
        change, size = change.toarray().ravel(), size.toarray().ravel()
    moved = change > MOVED * np.maximum(size, MOVED * size.max())
    return moved if moved.any() else None


def checked(explainer, X_test, y_test, rows, target, method):
    """(method, test rows, training rows) of one call; None is the explainer's own method."""
    check_explainer(explainer)
    method = explainer.method if method is None else method
    method = resolve_method(method, explainer.linearization_, "replacements")
    rows = explainer.training_rows_.positions(rows)
    return method, explainer.test_rows(X_test, y_test, target=target), rows


def encode_new_labels(coding, y_new, n):
    """(targets (n, K), class codes or None) of new labels, one for each of n rows."""
    if np.ndim(y_new) == 0:
        raise ValueError(
            f"y_new is a single value ({y_new!r}). Expected {n} labels, one a row: pass a list."
        )
    if len(y_new) != n:
        raise ValueError(f"y_new has {len(y_new)} entries. Expected {n}, one for each of the rows.")
    return coding.encode_new(y_new, "y_new")


def effect_blocks(explainer, tests, edits, method):
    """Iterate over (slice of test rows, slice of edits, effects (n_tests, n_edits)).

    Warns of edits that leave no model, which are NaN.
    """
    objective = explainer.objective_
    if EFFECTS[method].edited_model:
        last = leaves_no_model(objective, edits)
        if last.any():
            rows = objective.shown_rows(np.unique(edits.row[last]))
            warn_user(
                f"{last.sum()} of {edits.n_edits} changes are NaN: they give another label to the "
                f"last row of a class (rows {rows}), and a refit without that class would be "
                'another model. method="first_order" describes the fitted model and stays '
                "finite.",
                RuntimeWarning,
            )
    return edit_blocks(explainer.linearization_, tests, method, edits)
