"""Tables in the user's own frame type, through narwhals."""

import importlib
import os

import narwhals.stable.v1 as nw
import numpy as np
from narwhals.exceptions import DuplicateError
from scipy import sparse
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import _num_samples

#: pandas function that reads a file, by its extension.
_READERS = {".parquet": "read_parquet", ".feather": "read_feather", ".json": "read_json"}

#: What a table is made of where the data came as arrays: the first one that is installed.
FALLBACKS = ("pandas", "polars", "pyarrow")


def frame_backend(X):
    """Name of the frame library of X ("pandas", "polars", "pyarrow"), or None for arrays."""
    if isinstance(X, np.ndarray):
        return None
    try:
        frame = nw.from_native(X, pass_through=True, eager_only=True)
    except DuplicateError as error:
        names = list(X.columns)
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(
            f"The table has {names.count(twice)} columns that are called {twice!r}. Expected "
            "different names: leave copies out, or pass X.set_axis(range(X.shape[1]), axis=1)."
        ) from error
    if isinstance(frame, nw.DataFrame):
        return nw.get_native_namespace(frame).__name__.split(".")[0]
    return None


def row_labels(X):
    """The index of a pandas frame; row numbers for anything else."""
    index = getattr(X, "index", None)
    if frame_backend(X) == "pandas" and index is not None:
        return index.to_numpy()
    return np.arange(_num_samples(X))


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
    known = nw.from_native(X, pass_through=True, eager_only=True, allow_series=True)
    if isinstance(known, nw.DataFrame | nw.Series):
        return known[rows].to_native()
    return np.asarray(X)[rows]


def column_of(names):
    """Names of rows as the array that a column of a table is made of."""
    return names.to_numpy() if hasattr(names, "to_numpy") else np.asarray(names)


def make_frame(columns, backend):
    """A frame from a dict of arrays, in the library `backend`.

    Where `backend` is None (the data came as arrays) the first installed of pandas, polars and
    pyarrow is taken, and without any of them a numpy record array with the same columns.
    """
    for name in (backend,) if backend else FALLBACKS:
        try:
            namespace = importlib.import_module(name)
        except ImportError:
            continue
        if name != "pandas":  # which keeps objects of any type, such as the tuples of an index
            columns = {name: _plain(values) for name, values in columns.items()}
        return nw.from_dict(columns, native_namespace=namespace).to_native()
    return np.rec.fromarrays(list(columns.values()), names=list(columns))


def _plain(values):
    """Object arrays of one plain type as that type: pyarrow takes no mixed objects.

    None stays None among values of one type: a missing entry.
    """
    values = np.asarray(values)
    if values.dtype == object:
        kinds = {type(v) for v in values}
        if type(None) in kinds and len(kinds) <= 2:
            return [v.item() if isinstance(v, np.generic) else v for v in values]
        if len(kinds) > 1 or any(np.ndim(v) for v in values):
            values = np.array([str(v) for v in values])
        else:
            values = np.array(values.tolist())
    return values


def refuse_file(X, name):
    """Raise where a table is None or the name of a file."""
    if X is None:
        raise ValueError(f"{name} is None; expected a table of shape (n_rows, n_features).")
    if isinstance(X, str | os.PathLike):
        path = os.fspath(X)
        reader = _READERS.get(os.path.splitext(path)[1], "read_csv")
        raise ValueError(
            f"{name} is {path!r}, the name of a file; expected a table of shape (n_rows, "
            f"n_features). Read it first, for instance with pandas.{reader}({path!r})."
        )


def without_column(X, name):
    """Code that drops a column of a frame, in its library."""
    words = {"pandas": f"X.drop(columns={name!r})", "polars": f"X.drop({name!r})"}
    return words.get(frame_backend(X), f"X.drop_columns([{name!r}])")


def n_dimensions(X):
    shape = getattr(X, "shape", None)
    if shape is not None:
        return len(shape)
    if isinstance(X, list | tuple) and len(X):
        return np.ndim(X[0]) + 1
    return np.asarray(X).ndim
