"""Feature values of rows of any table, and the most relevant columns of a test row."""

from functools import cached_property

import narwhals.stable.v1 as nw
import numpy as np
from scipy import sparse

from skinfluence._utils.frames import frame_backend
from skinfluence._utils.tables import Column, value_text
from skinfluence._utils.warnings import warn_user

#: A table of at most so many columns is shown whole; of a wider one so many are chosen.
FEW = 8
#: Training rows among which the typical value of a column is taken.
_SAMPLE = 1000


class FeatureValues:
    """Rows of a table by position, its columns by name; the table is kept by reference.

    Parameters
    ----------
    X : {array-like, sparse matrix, data frame, list of texts}

    Attributes
    ----------
    names : list
        The frame's own names of its columns; x0, x1 and so on without any.
    """

    def __init__(self, X):
        self.X = X
        self.is_frame = frame_backend(X) is not None
        if self.is_frame:
            self._table = nw.from_native(X, eager_only=True)
            self.names = list(self._table.columns)
            return
        if sparse.issparse(X):
            self._table = X if X.format in ("csr", "csc") else X.tocsr()
        else:
            self._table = np.asarray(X)
        if self._table.ndim == 1:  # one text a row, or a Series of them
            self.names = [getattr(X, "name", None) or "value"]
            self._table = self._table[:, None]
        else:
            self.names = [f"x{j}" for j in range(self._table.shape[1])]

    def __len__(self):
        return self._table.shape[0]

    def column(self, place, rows):
        """Values of one column at some rows, in the type of column of the table's own library."""
        rows = np.asarray(rows, dtype=np.intp)
        if self.is_frame:
            found = self._table[rows.tolist(), int(place)].to_native()
            return getattr(found, "array", found)  # of pandas without the index
        if sparse.issparse(self._table):
            return self._table[rows][:, [place]].toarray()[:, 0]
        return self._table[rows, place]

    def values(self, place, rows):
        """Values of one column at some rows, as a list."""
        if self.is_frame:
            rows = np.asarray(rows, dtype=np.intp).tolist()
            return self._table[rows, int(place)].to_list()
        return list(self.column(place, rows))

    def take(self, rows):
        """Some rows, as a table of the same type."""
        taken = self._table[np.array(rows, dtype=np.intp).tolist()]
        return taken.to_native() if self.is_frame else taken

    def kept(self, n_rows):
        """These rows as a copy if they are few, since the user may change the table."""
        return FeatureValues(self.take(range(len(self)))) if len(self) <= n_rows else self

    def places(self, columns):
        """Positions of columns given by name or by number."""
        if isinstance(columns, str | int | np.integer):
            columns = [columns]
        if not np.iterable(columns):
            raise ValueError(f"columns={columns!r}. Expected a list of names or numbers.")
        return [self._place(column) for column in columns]

    def _place(self, column):
        if column in self.names:
            return self.names.index(column)
        whole = isinstance(column, int | np.integer) and not isinstance(column, bool)
        if whole and -len(self.names) <= column < len(self.names):
            return int(column) % len(self.names)
        shown = ", ".join(value_text(name) for name in self.names[:20])
        more = ", ..." if len(self.names) > 20 else ""
        raise ValueError(
            f"columns holds {column!r}, which is no column of the training data and no number of "
            f"one. Expected names or numbers of these {len(self.names)} columns: {shown}{more}."
        )

    @cached_property
    def typical_rows(self):
        """For each column a row that holds its median, or its most frequent value."""
        sample = np.unique(np.linspace(0, len(self) - 1, min(_SAMPLE, len(self))).astype(int))
        columns = range(len(self.names))
        return [int(sample[_typical(self.values(c, sample))]) for c in columns]


def _typical(values):
    """Place of the median of numbers, of the most frequent one of other values."""
    numbers = np.array([np.nan if v is None else v for v in values if np.ndim(v) == 0])
    if numbers.dtype.kind in "iuf" and len(numbers) == len(values) and np.isfinite(numbers).any():
        return int(np.nanargmin(np.abs(numbers - np.nanmedian(numbers))))
    texts = [value_text(v) for v in values]
    _, first, counts = np.unique(texts, return_index=True, return_counts=True)
    return int(first[counts.argmax()])


def row_columns(explainer, rows):
    """Columns of a table of training rows: their labels, and features where these are few."""
    columns = [Column("label", list(np.asarray(explainer.y_train_)[rows]))]
    train = FeatureValues(explainer.X_train_)
    if len(train.names) <= FEW:
        columns += [
            Column(name, train.values(c, rows), optional=True) for c, name in enumerate(train.names)
        ]
    return columns


def relevant_columns(train, test, rows, raw_predictions):
    """Columns that set each test row apart and drive its prediction, the strongest first.

    A column counts by how far the raw predictions move when the test row takes the column's typical
    value among the training rows in the place of its own.

    Parameters
    ----------
    train, test : FeatureValues
    rows : list of int
        Test rows.
    raw_predictions : callable
        Raw predictions (n, K) of a table of the test rows' type.

    Returns
    -------
    list of list of int
        For each test row; all columns, in their order, where there are no more than eight.
    """
    if len(train.names) <= FEW:
        return [list(range(len(train.names))) for _ in rows]
    try:
        moved = typical_value_changes(train, test, rows, raw_predictions)
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        warn_user(
            f"The first {FEW} columns are shown: which ones drive a prediction is not known, "
            "as a step does not take rows in which one value is a typical one "
            f"({type(error).__name__}: {error}). Pass columns= to choose.",
        )
        return [list(range(FEW)) for _ in rows]
    far = [(columns, np.abs(change).max(axis=1)) for columns, change in moved]
    return [c[np.argsort(-size, kind="stable")][:FEW].tolist() for c, size in far]


def typical_value_changes(train, test, rows, numbers):
    """Changes of numbers of test rows if one column takes its typical value among training rows.

    Parameters
    ----------
    train, test : FeatureValues
    rows : list of int
        Test rows.
    numbers : callable
        Numbers (n, K) of a table of the test rows' type.

    Returns
    -------
    list of (ndarray of int, ndarray of shape (n_columns, K))
        For each test row the columns, and the changes; of a sparse row the columns that are not
        zero, where zero is typical.

    Raises
    ------
    ArithmeticError, LookupError, TypeError, ValueError
        Where a step does not take rows in which one value is a typical one.
    """
    if sparse.issparse(test.X):
        return [_moved_by_zeros(test, t, numbers) for t in rows]
    return _moved_by_typical_values(train, test, rows, numbers)


def _moved_by_zeros(test, t, numbers):
    """(columns that are not zero in a sparse row, changes of numbers by a zero there)."""
    row = test.take([t]).tocsr()
    row.eliminate_zeros()
    m, columns = row.nnz, row.indices
    if not m:
        return columns, np.zeros((0, 1))
    kept = ~np.eye(m, dtype=bool)
    data, indices = np.tile(row.data, (m, 1))[kept], np.tile(columns, (m, 1))[kept]
    without = sparse.csr_array((data, indices, np.arange(m + 1) * (m - 1)), (m, row.shape[1]))
    raw = numbers(sparse.vstack([row, without], format="csr"))
    return columns, raw[1:] - raw[:1]


def _moved_by_typical_values(train, test, rows, numbers):
    """(all columns, changes of numbers by their typical values) of each row."""
    m = len(train.names)
    typical = [train.values(c, [train.typical_rows[c]])[0] for c in range(m)]
    copies = test.take(np.repeat(rows, m))
    places = np.arange(len(rows)) * m
    if test.is_frame:
        frame = nw.from_native(copies, eager_only=True)
        columns = [
            frame.get_column(name).scatter(places + c, [value] * len(rows))
            for c, (name, value) in enumerate(zip(test.names, typical, strict=True))
        ]
        copies = frame.with_columns(*columns).to_native()
    else:
        for c, value in enumerate(typical):
            copies[places + c, c] = value
    raw = numbers(copies).reshape(len(rows), m, -1)
    own = numbers(test.take(rows))[:, None]
    return [(np.arange(m), change) for change in raw - own]
