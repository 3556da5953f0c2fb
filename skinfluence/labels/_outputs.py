"""Several labels or values per row: one flagger per column of y."""

import narwhals.stable.v1 as nw
import numpy as np
from scipy import sparse
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from skinfluence.labels._inputs.settings import read_table

#: What is put side by side, one column an output.
SIDE_BY_SIDE = ("scores_", "label_quality_", "flagged_", "ranking_", "suggested_", "row_weight_")


def columns_of(y):
    """The columns of y, each as an array or a column of its frame; [y] where there is one."""
    if sparse.issparse(y):  # as indicators of several labels a row may come
        y = y.toarray()
    known = nw.from_native(y, eager_only=True, pass_through=True)
    if isinstance(known, nw.DataFrame):
        columns = [column.to_native() for column in known.iter_columns()]
    else:
        values = np.asarray(y)
        columns = list(values.T) if values.ndim == 2 else []
    return columns if len(columns) > 1 else [y]


def fit_outputs(flagger, X, y, sample_weight):
    """Fit a flagger for each column of y, where there are several; return whether there are.

    Their arrays stand side by side.
    """
    columns = columns_of(y)
    if len(columns) == 1:
        return False
    X, flagger.flaggers_ = read_table(flagger, X, y), []
    for number, column in enumerate(columns):
        one = clone(flagger)
        one._judged_for = getattr(flagger, "_judged_for", None)
        try:
            one.fit(X, column, sample_weight)
        except ValueError as error:
            raise ValueError(f"Column {number} of y: {error}") from error
        flagger.flaggers_.append(one)
    for name in SIDE_BY_SIDE:
        setattr(flagger, name, np.column_stack([getattr(one, name) for one in flagger.flaggers_]))
    return True


def each_output(flagger, method, X, y):
    """Results of a method for each column of y."""
    columns = columns_of(y)
    if len(columns) != len(flagger.flaggers_):
        raise ValueError(
            f"y has {len(columns)} columns; expected {len(flagger.flaggers_)}, as fit has seen."
        )
    pairs = zip(flagger.flaggers_, columns, strict=True)
    return [getattr(one, method)(X, column) for one, column in pairs]


def check_one_output(flagger):
    """Raise for a flagger that is not fitted, or to several columns of y."""
    check_is_fitted(flagger)
    if hasattr(flagger, "flaggers_"):
        raise AttributeError(
            f"y has {len(flagger.flaggers_)} columns, each evaluated by itself. Use the "
            "flagger of a column, for instance flagger.flaggers_[0].report()."
        )
