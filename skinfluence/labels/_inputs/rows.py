"""Some rows of a table or a column of any type, and their values put back among all rows."""

import narwhals.stable.v1 as nw
import numpy as np
from scipy import sparse
from sklearn.utils import _safe_indexing


def _known(X):
    """X as narwhals knows it: a DataFrame, a Series, or X itself."""
    return nw.from_native(X, pass_through=True, eager_only=True, allow_series=True)


def take_rows(X, rows):
    """Some rows of a table or of labels, in the type that was given.

    Frames keep their index, sparse matrices their format. `rows` is a mask, positions or a slice.
    """
    if isinstance(rows, np.ndarray) and rows.dtype == bool:
        rows = np.flatnonzero(rows)
    if sparse.issparse(X):
        return X.tocsr()[rows].asformat(X.format)
    if isinstance(X, list | tuple):
        return _safe_indexing(list(X), rows)
    known = _known(X)
    if isinstance(known, nw.DataFrame | nw.Series):
        return known[rows].to_native()
    return np.asarray(X)[rows]


def entries(column):
    """The entries of one column of any library as a list."""
    known = _known(column)
    if isinstance(known, list | tuple):
        return list(known)
    return known.to_list() if isinstance(known, nw.Series) else np.asarray(column).tolist()


def is_missing(values):
    """Mask of the entries of a list that are None, NaN, or a missing value of pandas."""
    # pandas.NA answers a comparison with itself, which has no truth value: known by name
    return np.array(
        [v is None or type(v).__name__ == "NAType" or bool(v != v) for v in values], dtype=bool
    )


def spread(values, where, others):
    """Array of all rows from the values of those in the mask `where` and those of the others."""
    out = np.empty((len(where), *values.shape[1:]), values.dtype)
    out[where], out[~where] = values, others
    return out
