"""The effect of another label of a training row, for one label or for all classes."""

import numpy as np

from skinfluence._settings import check_rows
from skinfluence._tasks import check_explainer
from skinfluence.effects import Replacement
from skinfluence.perturbation._answers import (
    Effects,
    check_method,
    encode_new_labels,
)

AGGREGATES = (None, "mean")


def relabel_influence(
    explainer,
    X_test,
    y_test=None,
    y_new=None,
    *,
    rows=None,
    target="auto",
    method=None,
    aggregate=None,
):
    """What another label of each training row would do to each test row.

    Which labels would it pay to check, and what would an attacker change? Every label is changed
    on its own. Computed in blocks: nothing is held beyond the answer.

    Parameters
    ----------
    explainer : InfluenceExplainer
        Fitted.
    X_test : {array-like, sparse matrix, data frame} of shape (n_test, n_features)
    y_test : array-like of shape (n_test,) or (n_test, n_outputs), default=None
        As for :meth:`~skinfluence.InfluenceExplainer.influence`.
    y_new : label, or array-like of shape (n_rows,) or (n_rows, n_outputs), default=None
        The label that each row gets, one for all or one a row. None asks about all classes;
        regression needs values.
    rows : array-like of int or bool mask, default=None
        Training rows whose labels change; all by default.
    target : {"auto", "loss", "predict", "decision_function", "predict_proba"}, default="auto"
        As for :meth:`~skinfluence.InfluenceExplainer.influence`.
    method : {"auto", "first_order", "newton_step", "refit"}, default=None
        As for :func:`replacement_influence`. The Newton steps read the training data some dozen
        times for every label; first order costs a product of matrices for all, and is often wrong
        by half.
    aggregate : {None, "mean"}, default=None
        "mean" gives the mean over the test rows, for tables whose full answer does not fit.

    Returns
    -------
    ndarray of shape (n_test, n_rows, n_classes), or (n_test, n_rows) if `y_new` is given
        Value with the other label minus value as it is, in units of the target; 0 at a row's own
        label. Negative for the loss: the other label would help the test row. Without the first
        axis for ``aggregate="mean"``. Classes are in the order of the estimator's `classes_`.

    Raises
    ------
    ValueError
        For a regressor without `y_new`, labels that the model does not know, wrong shapes.

    Warns
    -----
    RuntimeWarning
        For changes that give another label to the last row of a class: the refitted model would
        not know that class. They are NaN, save for "first_order".

    See Also
    --------
    replacement_influence : Changes of features and labels.
    skinfluence.LabelFlagger : Which labels are probably wrong.

    References
    ----------
    Koh & Liang (2017), section 2.2, equation (3).

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skinfluence import InfluenceExplainer
    >>> from skinfluence.perturbation import relabel_influence
    >>> X, y = load_iris(return_X_y=True)
    >>> explainer = InfluenceExplainer(LogisticRegression()).fit(X[::2], y[::2])
    >>> effect = relabel_influence(explainer, X[1::2], y[1::2], aggregate="mean")
    >>> effect.shape
    (75, 3)
    >>> bool((effect[y[::2] == 0, 0] == 0).all())
    True
    """
    check_explainer(explainer)
    method = check_method(explainer, method)
    if aggregate is not None and not (isinstance(aggregate, str) and aggregate in AGGREGATES):
        raise ValueError(
            f"aggregate={aggregate!r} is not known. Expected one of {list(AGGREGATES)}."
        )
    objective = explainer.objective_
    rows = check_rows(rows, objective.n_rows)
    tests = explainer.test_rows(X_test, y_test, target=target)
    shape = (len(rows),) if aggregate else (len(tests), len(rows))
    effects = Effects(explainer, method)
    if y_new is not None:
        out = np.zeros(shape, objective.design.dtype)
        y, codes = encode_new_labels(objective.coding, _one_a_row(y_new, len(rows)), len(rows))
        replacement = Replacement.of(objective, rows, y=y, codes=codes)
        _fill(out, effects, tests, replacement, np.arange(len(rows)), aggregate)
        return out
    if not objective.coding.is_classification:
        raise ValueError(
            "y_new is None, which asks about all classes. Regression has none: pass "
            "the new values, one for all rows or one a row."
        )
    out = np.zeros((*shape, len(objective.coding.classes)), objective.design.dtype)
    for k, place, replacement in _other_classes(explainer, rows):
        _fill(out[..., k], effects, tests, replacement, place, aggregate)
    return out


def _one_a_row(y_new, n):
    return np.repeat(np.asarray(y_new)[None], n) if np.ndim(y_new) == 0 else y_new


def _other_classes(explainer, rows):
    """(class, positions in `rows` of other classes, their replacement by it), class by class."""
    objective = explainer.objective_
    coding = objective.coding
    own = coding.codes(np.asarray(explainer.y_train_))[rows]
    for k in range(len(coding.classes)):
        place = np.flatnonzero(own != k)
        codes = np.full(len(place), k)
        yield (
            k,
            place,
            Replacement.of(objective, rows[place], y=coding.encode_codes(codes), codes=codes),
        )


def _fill(out, effects, tests, replacement, place, aggregate):
    """Write (or average) the effects of a replacement at its places among the asked rows."""
    for part, some, values in effects.blocks(tests, replacement):
        if aggregate:
            out[place[some]] += values.sum(axis=0) / len(tests)
        else:
            out[part, place[some]] = values
