"""Effect of another label of a training row, for one label or for all classes."""

import numpy as np
from sklearn import get_config

from skinfluence._utils.checks import check_choice
from skinfluence._utils.docs import shared_parameters
from skinfluence.effects import EFFECTS, RowEdits
from skinfluence.linalg import SOLVED_MIB, row_blocks
from skinfluence.perturbation._effects import checked, effect_blocks, encode_new_labels

AGGREGATES = (None, "mean")


@shared_parameters
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
    """Effect of another label of each training row on each test row.

    Every label is changed separately. The result is computed in blocks, and nothing else of its
    size is held.

    Parameters
    ----------
    y_new : label, or array-like of shape (n_rows,) or (n_rows, n_outputs), default=None
        New label of each row, one for all or one per row. None: all classes; regression needs
        values.
    rows : array-like of int, of names, or bool mask, default=None
        Training rows whose labels change; all by default.
    method : {"auto", "first_order", "newton_step", "refit"}, default=None
        As for :func:`replacement_influence`. The Newton steps read the training data about a dozen
        times for every label; first order costs one matrix product for all, and its relative error
        is often one half.
    aggregate : {None, "mean"}, default=None
        "mean" returns the mean over the test rows, if the full result does not fit into memory.

    Returns
    -------
    ndarray of shape (n_test, n_rows, n_classes), or (n_test, n_rows) if `y_new` is given
        Value with the other label minus value with the given one, in units of the target; 0 at a
        row's own label. Negative for the loss: the other label would help the test row. Without the
        first axis for ``aggregate="mean"``. Classes are in the order of the estimator's `classes_`.

    Raises
    ------
    ValueError
        For a regressor without `y_new`, labels that the model does not know, wrong shapes.

    Warns
    -----
    RuntimeWarning
        For changes that give another label to the last row of a class: the refitted model would not
        know that class. They are NaN, except for "first_order".

    See Also
    --------
    relabel_influence_blocks : The same for all classes, in blocks.
    replacement_influence : Changes of features and labels.
    skinfluence.LabelFlagger : Labels that are probably wrong.

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
    method, tests, rows = checked(explainer, X_test, y_test, rows, target, method)
    check_choice("aggregate", aggregate, AGGREGATES)
    objective = explainer.objective_
    shape = (len(rows),) if aggregate else (len(tests), len(rows))
    if y_new is not None:
        explainer.training_rows_.in_order(y_new, rows, what="y_new", foreign=True)
        out = np.zeros(shape, objective.predictor.dtype)
        y, codes = encode_new_labels(objective.coding, _one_a_row(y_new, len(rows)), len(rows))
        edits = RowEdits.relabellings(objective, rows, y, codes)
        _fill(out, explainer, method, tests, edits, np.arange(len(rows)), aggregate)
        return out
    _check_classes(objective)
    out = np.zeros((*shape, len(objective.coding.classes)), objective.predictor.dtype)
    _fill_classes(out, explainer, method, tests, rows, aggregate)
    return out


@shared_parameters
def relabel_influence_blocks(
    explainer, X_test, y_test=None, *, rows=None, target="auto", method=None
):
    """Result of :func:`relabel_influence` for all classes, one block at a time.

    For tables whose n_test x n_train x n_classes result does not fit into memory: each block is
    about as large as scikit-learn's setting ``working_memory``.

    Parameters
    ----------
    explainer : InfluenceExplainer
        Fitted on classes.
    rows : array-like of int, of names, or bool mask, default=None
        Training rows whose labels change; all by default.
    method : {"auto", "first_order", "newton_step", "refit"}, default=None
        As for :func:`relabel_influence`.

    Returns
    -------
    iterator of (slice, ndarray of int, ndarray)
        Test rows, training rows (n_block,), and value with the other label minus value with the
        given one, (n_tests, n_block, n_classes), in units of the target; negative for the loss: the
        other label would help. To first order blocks have some test rows and all training rows,
        else all test rows and some training rows.

    Raises
    ------
    ValueError
        For a regressor, and as :func:`relabel_influence`; at once, before the first block.

    Warns
    -----
    RuntimeWarning
        As :func:`relabel_influence`, with the block that holds the last row of a class.

    See Also
    --------
    relabel_influence : The same as one array, or its mean over the test rows.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skinfluence import InfluenceExplainer
    >>> from skinfluence.perturbation import relabel_influence_blocks
    >>> X, y = load_iris(return_X_y=True)
    >>> explainer = InfluenceExplainer(LogisticRegression()).fit(X[::2], y[::2])
    >>> worst = np.zeros(75)
    >>> for tests, rows, effects in relabel_influence_blocks(explainer, X[1::2], y[1::2]):
    ...     worst[rows] = np.maximum(worst[rows], effects.max(axis=(0, 2)))
    >>> bool((worst > 0).all())
    True
    """
    method, tests, rows = checked(explainer, X_test, y_test, rows, target, method)
    _check_classes(explainer.objective_)
    return _class_blocks(explainer, method, tests, rows)


def _class_blocks(explainer, method, tests, rows):
    objective = explainer.objective_
    n_classes, dtype = len(objective.coding.classes), objective.predictor.dtype
    first = EFFECTS[method].linear
    size = 8 * n_classes * (len(rows) if first else len(tests))
    for some in row_blocks(
        len(tests) if first else len(rows), size, get_config()["working_memory"]
    ):
        part = some if first else slice(0, len(tests))
        mine = rows if first else rows[some]
        out = np.zeros((part.stop - part.start, len(mine), n_classes), dtype)
        _fill_classes(out, explainer, method, tests.take(part), mine, None)
        yield part, mine, out


def _check_classes(objective):
    if not isinstance(objective.coding.classes, np.ndarray):
        raise ValueError(
            "y_new is None, which stands for all classes. Regression has none, and rows of several "
            "labels have no one class: pass the new values, one for all rows or one a row."
        )


def _one_a_row(y_new, n):
    return np.repeat(np.asarray(y_new)[None], n) if np.ndim(y_new) == 0 else y_new


def _fill_classes(out, explainer, method, tests, rows, aggregate):
    """Write the effects of all classes into `out` (..., n_rows, n_classes)."""
    objective = explainer.objective_
    coding = objective.coding
    own = coding.codes(np.asarray(explainer.y_train_))[rows]
    K = len(coding.classes)
    flat = out.reshape(*out.shape[:-2], -1)
    other = np.arange(K) != own[:, None]  # shape: (n_rows, K)
    for place in _together(objective, other, EFFECTS[method].linear):
        codes = place % K
        edits = RowEdits.relabellings(
            objective, rows[place // K], coding.encode_codes(codes), codes
        )
        _fill(flat, explainer, method, tests, edits, place, aggregate)


def _together(objective, other, linear):
    """Places row * K + class of the changes that go together."""
    n_rows, K = other.shape
    places = np.arange(n_rows * K).reshape(n_rows, K)
    if linear:  # no row twice: its features are stored for each change
        return [places[other[:, k], k] for k in range(K)]
    # all labels of a row: what its removal takes is solved for once
    blocks = row_blocks(n_rows, 8 * objective.n_parameters, SOLVED_MIB)
    return [places[some][other[some]] for some in blocks]


def _fill(out, explainer, method, tests, edits, place, aggregate):
    """Write (or average) the effects of edits at their places among the given rows."""
    for part, some, values in effect_blocks(explainer, tests, edits, method):
        if aggregate:
            out[place[some]] += values.sum(axis=0, dtype=np.float64) / len(tests)
        else:
            out[part, place[some]] = values
