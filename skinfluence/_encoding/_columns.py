"""Columns of a table of any library: what they hold, and their entries."""

from numbers import Real

import narwhals.stable.v1 as nw
import numpy as np
from sklearn.utils import check_array

from skinfluence._utils.frames import frame_backend, without_column
from skinfluence._utils.tables import is_missing as _is_missing

#: Strings of more different values than these, and than half of the rows, may be free text ...
MOST_CATEGORIES = 30
#: ... if they have so many words on the mean.
WORDS_OF_TEXT = 3
FLOATS = [np.float64, np.float32]


def columns_of(X):
    """Columns of a frame (of narwhals), or of an array of objects."""
    known = nw.from_native(X, eager_only=True, pass_through=True)
    return list(known.iter_columns()) if isinstance(known, nw.DataFrame) else list(X.T)


def entries(column):
    """The entries of one column of any library as a list."""
    known = nw.from_native(column, pass_through=True, eager_only=True, allow_series=True)
    if isinstance(known, list | tuple):
        return list(known)
    return known.to_list() if isinstance(known, nw.Series) else np.asarray(column).tolist()


def is_missing(values):
    """Mask of the entries of a list that are None, NaN, or a missing value of pandas."""
    return np.array([_is_missing(v) for v in values], dtype=bool)


def is_documents(X):
    """Whether X is a sequence of texts, in place of a table."""
    if len(getattr(X, "shape", ())) > 1 or frame_backend(X):
        return False
    if isinstance(X, list | tuple) and len(X) and not (X[0] is None or isinstance(X[0], str)):
        return False
    if isinstance(X, np.ndarray) and X.dtype.kind not in "OUT":
        return False
    values = entries(X)
    texts = sum(isinstance(value, str) for value in values)
    return texts > 0 and texts + is_missing(values).sum() == len(values)


def is_free_text(strings):
    """Whether the strings of a column are texts of several words, hardly one of them twice."""
    many = len(set(strings)) > min(MOST_CATEGORIES, len(strings) / 2)
    return many and np.mean([len(v.split()) for v in strings[:1000]]) >= WORDS_OF_TEXT


def kind_of(column, X):
    """What a column holds: numbers, stored as sparse ones or not, categories or text."""
    if isinstance(column, nw.Series):
        dtype = column.dtype
        if _is_numeric(dtype):
            return "numbers"
        if _is_sparse(column):
            return "sparse"
        if dtype not in (nw.String, nw.Categorical, nw.Enum, nw.Object):
            raise ValueError(
                f"Column {column.name!r} holds {dtype}. Expected numbers, booleans, strings or "
                "categories. Make it one of them, or leave it out: "
                f"fit({without_column(X, column.name)}, y)."
            )
    values = entries(column)
    there = [v for v, gap in zip(values, is_missing(values).tolist(), strict=True) if not gap]
    for v in there:
        if not isinstance(v, str | Real):
            raise TypeError(
                f"X holds a {type(v).__name__}: argument must be a string or a real number."
            )
    if not any(isinstance(v, str) for v in there):
        return "numbers"
    all_strings = all(isinstance(v, str) for v in there)
    return "text" if all_strings and is_free_text(there) else "categories"


def _is_numeric(dtype):
    return dtype.is_numeric() or dtype == nw.Boolean


def _is_sparse(column):
    """Whether it is a column of pandas that holds only what is not zero."""
    return type(getattr(column.to_native(), "dtype", None)).__name__ == "SparseDtype"


def numbers(X, columns=None):
    """Numbers of some columns, NaN for gaps: array or CSR, in single precision where all are."""
    settings = {"dtype": FLOATS, "ensure_all_finite": "allow-nan", "input_name": "X"}
    if columns is None:
        return check_array(X, accept_sparse="csr", **settings)
    all_columns, single = columns_of(X), np.float32
    chosen = [all_columns[j] for j in columns]
    if frame_backend(X) and all(_is_sparse(column) for column in chosen):
        return check_array(X.iloc[:, columns], accept_sparse="csr", **settings)
    for j, column in enumerate(chosen):
        if isinstance(column, nw.Series) and _is_numeric(column.dtype):
            single = single if column.dtype == nw.Float32 else np.float64
            chosen[j] = column.cast(nw.Float64).to_numpy()
        else:
            single, values = np.float64, entries(column)
            chosen[j] = np.where(is_missing(values), np.nan, np.array(values, dtype=object))
    return check_array(np.column_stack(chosen).astype(single, copy=False), **settings)


def categories(X, columns):
    """Categories as strings, None for gaps: what a column of mixed objects holds has no order."""
    out, all_columns = np.empty((X.shape[0], len(columns)), dtype=object), columns_of(X)
    for j, column in enumerate(columns):
        values = entries(all_columns[column])
        gaps = is_missing(values).tolist()
        out[:, j] = [None if gap else str(v) for v, gap in zip(values, gaps, strict=True)]
    return out


def documents(X, columns=None):
    """Texts as a list of strings, empty ones for gaps."""
    values = entries(X if columns is None else columns_of(X)[columns[0]])
    return [v if isinstance(v, str) else "" for v in values]
