"""Features with derivatives, and the steps that these do not reach."""

from functools import partial

import numpy as np
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import _get_feature_names, _num_features

from skinfluence.perturbation._composite_steps import (
    add_parts,
    column_parts,
    pull_back_through,
    steps_of,
    through_columns,
    union_parts,
)
from skinfluence.perturbation._elementwise_steps import kept_by_imputer
from skinfluence.perturbation._pull_back import (
    Restricted,
    UnsupportedStepError,
    find_pull_back,
    is_constant,
    transformed,
)

#: Steps each of whose outputs looks at one input, that in its own place.
COLUMN_BY_COLUMN = (
    "FunctionTransformer",  # those whose function is known
    "MaxAbsScaler",
    "MinMaxScaler",
    "PowerTransformer",
    "RobustScaler",
    "StandardScaler",
)
#: Columns of a table for which an error says one by one where they go.
MOST_COLUMNS = 5000
#: Names that an error lists.
SHOWN = 10


def n_columns(X):
    """Columns of the training data; raw texts are one."""
    try:
        return _num_features(X)
    except TypeError:
        return 1


def check_features(features, X):
    """Positions of the given columns of the training data; all of them for None."""
    n, names = n_columns(X), _get_feature_names(X)
    if features is None:
        return np.arange(n)
    asked = np.asarray(features)
    if asked.ndim != 1:
        raise ValueError(
            f"features={features!r}; expected a list of names or positions of columns, or a mask."
        )
    if asked.dtype == bool:
        if asked.shape != (n,):
            raise ValueError(
                f"features is a mask of {len(asked)} entries; expected {n}, one a column."
            )
        return np.flatnonzero(asked)
    if not asked.size or asked.dtype.kind in "iu":
        if asked.size and (asked.min() < -n or asked.max() >= n):
            raise ValueError(
                f"features holds positions from {asked.min()} to {asked.max()}; expected 0 to "
                f"{n - 1}, the columns of the training data."
            )
        return asked.astype(np.intp) % max(n, 1)
    if names is None:
        raise ValueError(
            f"features={features!r} names columns, but the training data have no column names. "
            f"Expected positions from 0 to {n - 1}."
        )
    place = {name: j for j, name in enumerate(names)}
    unknown = [name for name in asked.tolist() if name not in place]
    if unknown:
        raise ValueError(
            f"features names columns that the training data do not have: {unknown[:SHOWN]}. "
            f"Expected some of {list(names[:20])}."
        )
    return np.array([place[name] for name in asked.tolist()], dtype=np.intp)


def asked_steps(steps, X, first, features, moved=None):
    """The pipeline's earlier steps, restricted to the given features.

    Parameters
    ----------
    steps : list of fitted transformers
    X : training data as the user passed them
    first : one row of them, as the pipeline takes it
    features : ndarray of int
        Positions of the asked columns.
    moved : ndarray of shape (n_out,), bool, or None
        Which columns behind the steps `transform` makes otherwise than `fit` did.

    Returns
    -------
    list of transformers
        Those that need not be asked for a derivative are replaced.

    Raises
    ------
    UnsupportedStepError
        Names the step, the asked columns that reach it, and those that do not; also where an asked
        column reaches one of `moved`.
    """
    n = n_columns(X)
    asked = np.zeros((n, 1), dtype=bool)
    asked[features] = True
    refused: list = []
    if asked.all():
        kept = steps
        try:
            [is_constant(step) for step in steps]
        except UnsupportedStepError as error:
            refused.append((error, None))
    else:
        kept, _ = _through(steps, first, asked, refused)
    if refused:
        raise UnsupportedStepError(f"{refused[0][0]} {_advice(steps, X, first, features)}")
    if moved is not None and (moved & _through(steps, first, asked, [])[1][:, 0]).any():
        raise UnsupportedStepError(
            f"The steps {[type(step).__name__ for step in steps]} gave the training rows other "
            "values in fit than transform gives them (as cross-fitted encoders do), and only "
            "transform has a derivative. Ask for features that do not reach such a column."
        )
    return kept


def _advice(steps, X, first, features):
    """Columns without a derivative, and how to leave them out."""
    n, names = n_columns(X), _get_feature_names(X)
    if n > MOST_COLUMNS:
        return "Ask for columns that do not reach it: features=[...]."
    refused: list = []
    _through(steps, first, np.eye(n, dtype=bool), refused)
    bad = np.logical_or.reduce([reached for _, reached in refused])
    named = np.arange(n) if names is None else names
    free = named[np.flatnonzero(~bad)].tolist()
    unique = np.unique(features)
    stuck = named[unique[bad[unique]]].tolist()
    said = f"Columns that cannot be differentiated: {_shown(stuck)}."
    if not free:
        return f"{said} All columns of the training data reach such a step."
    return f"{said} Leave them out: features={_shown(free)}."


def _shown(names):
    some = ", ".join(repr(name) for name in names[:SHOWN])
    return f"[{some}]" if len(names) <= SHOWN else f"[{some}, ...] ({len(names)} columns)"


def _through(steps, X, asked, refused):
    """Steps one after another: (what is left of each, what the last one's outputs see)."""
    kept = []
    for step in steps:
        inner, reached = _restrict(step, X, asked, refused)
        kept.append(inner)
        X, asked = transformed(step, X), reached
    return kept, asked


def _restrict(step, X, asked, refused):
    """(the step without what is not asked, which of its outputs see what is asked).

    `asked` (n_in, m) marks the inputs of m questions, the second result (n_out, m) the outputs
    that depend on them. `refused` collects (error, questions (m,)) of steps without a derivative.
    """
    m = asked.shape[1]
    if not asked.any():
        nothing = np.zeros((transformed(step, X).shape[1], m), dtype=bool)
        return Restricted(step, (), partial(_zeros, asked.shape[0])), nothing
    try:
        entry = find_pull_back(step)
        if entry.name in _WITHIN:
            return _WITHIN[entry.name](step, X, asked, refused)
        is_constant(step)  # asks for the step's settings too
    except UnsupportedStepError as error:
        refused.append((error, asked.any(axis=0)))
        return step, _everything(step, X, asked)
    if entry.name in COLUMN_BY_COLUMN or entry.name == "passthrough":
        return step, asked
    if entry.name == "SelectorMixin":
        return step, asked[step.get_support()]
    if entry.name == "SimpleImputer":
        reached = np.zeros((transformed(step, X).shape[1], m), dtype=bool)
        kept = kept_by_imputer(step)
        reached[: len(kept)] = asked[kept]  # the indicators behind them do not move
        return step, reached
    return step, _everything(step, X, asked)


def _everything(step, X, asked):
    """Every output sees every input."""
    return np.repeat(asked.any(axis=0)[None], transformed(step, X).shape[1], axis=0)


def _zeros(n_in, X, V):
    return np.zeros((*V.shape[:-1], n_in))


def _in_pipeline(step, X, asked, refused):
    kept, reached = _through(steps_of(step), X, asked, refused)
    return Restricted(step, kept, partial(pull_back_through, kept)), reached


def _in_frozen(step, X, asked, refused):
    return _restrict(step.estimator, X, asked, refused)


def _in_union(step, X, asked, refused):
    kept, reached = [], []
    for part, place, weight in union_parts(step, X):
        inner, seen = _restrict(part, X, asked, refused)
        kept.append((inner, place, weight))
        reached.append(seen)
    inner_steps = [part for part, *_ in kept]
    function = partial(add_parts, kept, asked.shape[0])
    return Restricted(step, inner_steps, function), np.concatenate(reached)


def _in_columns(step, X, asked, refused):
    n_out = max((place.stop for place in step.output_indices_.values()), default=0)
    reached = np.zeros((n_out, asked.shape[1]), dtype=bool)
    kept = []
    for part, columns, place, weight in column_parts(step):
        if asked[columns].any():
            mine = _safe_indexing(X, columns, axis=1)
            inner, reached[place] = _restrict(part, mine, asked[columns], refused)
            kept.append((inner, columns, place, weight))
    inner_steps = [part for part, *_ in kept]
    return Restricted(step, inner_steps, partial(through_columns, kept, len(asked))), reached


_WITHIN = {
    "ColumnTransformer": _in_columns,
    "FeatureUnion": _in_union,
    "FrozenEstimator": _in_frozen,
    "Pipeline": _in_pipeline,
}
