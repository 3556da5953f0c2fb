"""Features with derivatives, and the steps that these do not reach."""

from functools import partial

import numpy as np
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import _get_feature_names

from skinfluence._utils.features import SHOWN, n_columns
from skinfluence.perturbation._composite_steps import (
    add_parts,
    column_parts,
    steps_of,
    through_columns,
    union_parts,
    vjp_through,
)
from skinfluence.perturbation._elementwise_steps import kept_by_imputer
from skinfluence.perturbation._vjp import (
    Restricted,
    UnsupportedStepError,
    find_vjp,
    is_linear,
    transformed,
)

#: Steps whose outputs depend on the input in the same place only.
COLUMN_BY_COLUMN = (
    "FunctionTransformer",  # those whose function is known
    "MaxAbsScaler",
    "MinMaxScaler",
    "PowerTransformer",
    "RobustScaler",
    "StandardScaler",
)
#: Columns of a table up to which an error lists those that reach a step.
MOST_COLUMNS = 5000


def restricted_steps(steps, X, first, features, moved=None):
    """Earlier steps of the pipeline, restricted to the columns that the features reach.

    Parameters
    ----------
    steps : list of fitted transformers
    X : training data as the user passed them
    first : one row of them, as the pipeline takes it
    features : ndarray of int
        Positions of the selected columns.
    moved : ndarray of shape (n_out,), bool, or None
        Columns after the steps in which `transform` differs from `fit`.

    Returns
    -------
    list of transformers
        Parts whose derivative is not needed are left out.

    Raises
    ------
    UnsupportedStepError
        Names the step, the selected columns that reach it, and those that do not; also where a
        selected column reaches one of `moved`.
    """
    n = n_columns(X)
    selected = np.zeros((n, 1), dtype=bool)
    selected[features] = True
    refused: list = []
    if selected.all():
        kept = steps
        try:
            [is_linear(step) for step in steps]
        except UnsupportedStepError as error:
            refused.append((error, None))
    else:
        kept, _ = _through(steps, first, selected, refused)
    if refused:
        raise UnsupportedStepError(f"{refused[0][0]} {_advice(steps, X, first, features)}")
    if moved is not None and (moved & _through(steps, first, selected, [])[1][:, 0]).any():
        raise UnsupportedStepError(
            f"The steps {[type(step).__name__ for step in steps]} gave the training rows other "
            "values in fit than transform gives them (as cross-fitted encoders do), and only "
            "transform has a derivative. Select features that do not reach such a column."
        )
    return kept


def _advice(steps, X, first, features):
    """Columns without a derivative, and how to leave them out."""
    n, names = n_columns(X), _get_feature_names(X)
    if n > MOST_COLUMNS:
        return "Select columns that do not reach it: features=[...]."
    refused: list = []
    _through(steps, first, np.eye(n, dtype=bool), refused)
    bad = np.logical_or.reduce([reached for _, reached in refused])
    named = np.arange(n) if names is None else names
    free = named[np.flatnonzero(~bad)].tolist()
    unique = np.unique(features)
    stuck = named[unique[bad[unique]]].tolist()
    message = f"Columns that cannot be differentiated: {_shown(stuck)}."
    if not free:
        return f"{message} All columns of the training data reach such a step."
    return f"{message} Leave them out: features={_shown(free)}."


def _shown(names):
    some = ", ".join(repr(name) for name in names[:SHOWN])
    return f"[{some}]" if len(names) <= SHOWN else f"[{some}, ...] ({len(names)} columns)"


def _through(steps, X, selected, refused):
    """(the restricted steps, mask of the last one's outputs that depend on selected inputs)."""
    kept = []
    for step in steps:
        inner, reached = _restrict(step, X, selected, refused)
        kept.append(inner)
        X, selected = transformed(step, X), reached
    return kept, selected


def _restrict(step, X, selected, refused):
    """(the restricted step, mask of its outputs that depend on selected inputs).

    `selected` (n_in, m) marks inputs for each of m selections, the second result (n_out, m) the
    outputs that depend on them. `refused` collects (error, selections (m,)) of steps without a
    derivative.
    """
    m = selected.shape[1]
    if not selected.any():
        nothing = np.zeros((transformed(step, X).shape[1], m), dtype=bool)
        return Restricted(step, (), partial(_zeros, selected.shape[0])), nothing
    try:
        entry = find_vjp(step)
        if entry.name in _WITHIN:
            return _WITHIN[entry.name](step, X, selected, refused)
        is_linear(step)  # checks the step's settings too
    except UnsupportedStepError as error:
        refused.append((error, selected.any(axis=0)))
        return step, _everything(step, X, selected)
    if entry.name in COLUMN_BY_COLUMN or entry.name == "passthrough":
        return step, selected
    if entry.name == "SelectorMixin":
        return step, selected[step.get_support()]
    if entry.name == "SimpleImputer":
        reached = np.zeros((transformed(step, X).shape[1], m), dtype=bool)
        kept = kept_by_imputer(step)
        reached[: len(kept)] = selected[kept]  # the indicators behind them do not move
        return step, reached
    return step, _everything(step, X, selected)


def _everything(step, X, selected):
    """Every output depends on every input."""
    return np.repeat(selected.any(axis=0)[None], transformed(step, X).shape[1], axis=0)


def _zeros(n_in, X, V):
    return np.zeros((*V.shape[:-1], n_in))


def _in_pipeline(step, X, selected, refused):
    kept, reached = _through(steps_of(step), X, selected, refused)
    return Restricted(step, kept, partial(vjp_through, kept)), reached


def _in_frozen(step, X, selected, refused):
    return _restrict(step.estimator, X, selected, refused)


def _in_union(step, X, selected, refused):
    kept, reached = [], []
    for part, place, weight in union_parts(step, X):
        inner, seen = _restrict(part, X, selected, refused)
        kept.append((inner, place, weight))
        reached.append(seen)
    inner_steps = [part for part, *_ in kept]
    function = partial(add_parts, kept, selected.shape[0])
    return Restricted(step, inner_steps, function), np.concatenate(reached)


def _in_columns(step, X, selected, refused):
    n_out = max((place.stop for place in step.output_indices_.values()), default=0)
    reached = np.zeros((n_out, selected.shape[1]), dtype=bool)
    kept = []
    for part, columns, place, weight in column_parts(step):
        if selected[columns].any():
            mine = _safe_indexing(X, columns, axis=1)
            inner, reached[place] = _restrict(part, mine, selected[columns], refused)
            kept.append((inner, columns, place, weight))
    inner_steps = [part for part, *_ in kept]
    return Restricted(step, inner_steps, partial(through_columns, kept, len(selected))), reached


_WITHIN = {
    "ColumnTransformer": _in_columns,
    "FeatureUnion": _in_union,
    "FrozenEstimator": _in_frozen,
    "Pipeline": _in_pipeline,
}
