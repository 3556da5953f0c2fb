"""Training tables of any type, of which the columns of numbers can be read and written."""

import copy

import narwhals.stable.v1 as nw
import numpy as np
from scipy import sparse
from sklearn.utils import _safe_indexing

from skinfluence._utils.changed_rows import RowsOfTable
from skinfluence._utils.features import check_features, n_columns
from skinfluence._utils.frames import frame_backend


class NumericTable:
    """Columns of numbers of a training table.

    Parameters
    ----------
    X : {array-like, sparse matrix, data frame} of shape (n_train, n_features)
    features : array-like or None
        Columns that may change; all columns of numbers by default.

    Attributes
    ----------
    columns : ndarray of int, shape (n_columns,)
        Their positions.
    names : list
    integer : ndarray of bool, shape (n_columns,)
        Whether their type is one of whole numbers.
    """

    def __init__(self, X, features):
        self.backend = frame_backend(X)
        if self.backend is None and not sparse.issparse(X):
            X = np.asarray(X)
        if sparse.issparse(X) and X.format != "csr":
            X = sparse.csr_array(X)
        self.X, dtypes = X, _dtypes(X, self.backend)
        kinds = np.array([_kind(dtype) for dtype in dtypes])
        numbers = np.isin(kinds, ("integer", "float"))
        if features is None:
            self.columns = np.flatnonzero(numbers)
        else:
            self.columns = check_features(features, X)
            other = self.columns[~numbers[self.columns]]
            if len(other):
                raise ValueError(
                    f"features names columns that hold no numbers: {self._names(other)[:10]}. Only "
                    "numbers can change by a little; leave these columns out."
                )
        if not len(self.columns):
            raise ValueError("No column of the training table holds numbers that may change.")
        self.names = self._names(self.columns)
        self.integer = kinds[self.columns] == "integer"
        self.n_columns = len(self.columns)

    def _names(self, columns):
        if self.backend is None:
            return [f"x{j}" for j in columns]
        names = list(nw.from_native(self.X, eager_only=True).columns)
        return [names[j] for j in columns]

    def only(self, columns):
        """The same with some of the columns, a mask."""
        out = copy.copy(self)
        out.columns, out.integer = self.columns[columns], self.integer[columns]
        out.names = [name for name, kept in zip(self.names, columns, strict=True) if kept]
        out.n_columns = len(out.columns)
        return out

    def values(self, rows):
        """Numbers of some rows, (n_rows, n_columns) floats."""
        return _numbers(_safe_indexing(self.X, rows), self.backend, self.columns)

    def spread(self):
        """Standard deviation of each column, without missing entries; 0 where it is rounding."""
        return self._over_blocks(_spread)

    def observed(self):
        """Least and largest value of each column."""
        with np.errstate(invalid="ignore"):
            ends = self._over_blocks(lambda part: [np.nanmin(part, 0), np.nanmax(part, 0)])
        return ends[0], ends[1]

    def _over_blocks(self, function):
        """Function of all rows of some columns at a time."""
        n = self.X.shape[0]
        width = max(1, 2**23 // max(n, 1))
        parts = []
        for start in range(0, self.n_columns, width):
            part = _numbers(self.X, self.backend, self.columns[start : start + width])
            parts.append(np.asarray(function(part)))
        return np.concatenate(parts, axis=-1)

    def moving(self, rows, whole):
        """A MovingRows of a private copy of the table."""
        return MovingRows(self, rows, whole)


class MovingRows:
    """A private copy of a table in which the numbers of some rows are written over."""

    def __init__(self, table, rows, whole):
        self.table, self.rows = table, rows
        X, self.backend = table.X, table.backend
        if self.backend is not None:
            self._columns = [_column(X, self.backend, j) for j in table.columns]
            self._plain = [
                np.int64 if is_integer and on_grid and np.isfinite(column).all() else None
                for is_integer, on_grid, column in zip(
                    table.integer, whole, self._columns, strict=True
                )
            ]
            return
        if X.dtype.kind in "iub" and not whole.all():
            X = X.astype(float)
        self._copy = RowsOfTable(X, rows)
        part = X[rows]
        self._part = part.toarray() if sparse.issparse(part) else np.array(part)

    def write(self, values):
        """(whole table, its changed rows) with these numbers, (n_rows, n_columns)."""
        columns = self.table.columns
        if self.backend is None:
            self._part[:, columns] = values
            part = self._part
            if sparse.issparse(self.table.X):
                part = sparse.csr_array(part)
            whole = self._copy.with_rows(part)
            return whole, part.copy()
        made = []
        for column, plain, numbers in zip(self._columns, self._plain, values.T, strict=True):
            column[self.rows] = numbers
            made.append(column.copy() if plain is None else column.astype(plain))
        whole = _with_columns(self.table.X, self.backend, columns, made)
        return whole, _safe_indexing(whole, self.rows)


def _dtypes(X, backend):
    if backend is None:
        return [X.dtype] * n_columns(X)
    return list(nw.from_native(X, eager_only=True).schema.values())


def _kind(dtype):
    """ "integer", "float" or "other" of a numpy or narwhals type."""
    if isinstance(dtype, np.dtype):
        return {"i": "integer", "u": "integer", "f": "float", "O": "float"}.get(dtype.kind, "other")
    if dtype.is_integer():
        return "integer"
    return "float" if dtype.is_numeric() else "other"


def _numbers(X, backend, columns):
    """Some columns of a table as an array of floats."""
    if backend is not None:
        return np.column_stack([_column(X, backend, j) for j in columns])
    part = X[:, columns]
    return (part.toarray() if sparse.issparse(part) else part).astype(float)


def _column(X, backend, j):
    """Column j of a frame as floats."""
    if backend == "pandas":
        return X.iloc[:, j].to_numpy(dtype=float, na_value=np.nan).copy()
    frame = nw.from_native(X, eager_only=True)
    return np.array(frame[frame.columns[j]].cast(nw.Float64).to_numpy(), dtype=float)


def _with_columns(X, backend, positions, columns):
    if backend == "pandas":
        X = X.copy(deep=False)
        for j, column in zip(positions, columns, strict=True):
            X.isetitem(j, column)
        return X
    frame = nw.from_native(X, eager_only=True)
    space = nw.get_native_namespace(frame)
    made = [
        nw.new_series(frame.columns[j], column, native_namespace=space)
        for j, column in zip(positions, columns, strict=True)
    ]
    return frame.with_columns(*made).to_native()


def _spread(part):
    with np.errstate(invalid="ignore"):
        out, size = np.nanstd(part, axis=0), np.nanmax(np.abs(part), axis=0)
    return np.where(out > 1e-12 * size, out, 0.0)
