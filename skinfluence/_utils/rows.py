"""Conversion between positions and names of training rows."""

from contextlib import suppress
from numbers import Integral

import numpy as np
from sklearn.utils.validation import _num_samples

from skinfluence._utils.frames import column_of, frame_backend, make_frame


class NamedRows:
    """Names of the training rows, and their positions by name.

    The names are those of the pandas index of X, or of that of y where X has none (an array, a
    sparse matrix, a list). Without an index, positions are the names.

    Attributes
    ----------
    n : int
        Number of rows.
    index : pandas.Index or None
    """

    def __init__(self, X, y=None):
        self.n = _num_samples(X)
        self.backend = frame_backend(X)
        self.index = _index_of(X, self.backend, y)
        if self.index is not None and len(self.index) != self.n:
            self.index = None

    @property
    def array(self):
        """The names as a column of a table has them; positions are made when asked for."""
        return np.arange(self.n) if self.index is None else self.index.to_numpy()

    def names(self, positions=slice(None)):
        """Names of the rows at some positions, all by default.

        Returns
        -------
        pandas.Index or ndarray
            The index at these positions, called "row" where it has no name of its own, so that
            `positions` knows its integers for names; positions without an index.
        """
        if self.index is None:
            return self.array[positions]
        chosen = self.index[positions]
        return chosen.rename("row") if chosen.nlevels == 1 and chosen.name is None else chosen

    def frame(self, columns):
        """A table with one line per training row, in the frame type and with the index of X."""
        frame = make_frame({"row": self.array, **columns}, self.backend)
        if self.index is not None and hasattr(frame, "set_index"):
            frame.index = self.index
        return frame

    def table(self, positions, columns):
        """A table with one line per row at `positions`: its name, and `columns`.

        With its position behind the name, where these are not the same.
        """
        names = column_of(self.names(positions))
        named = not np.array_equal(self.array, np.arange(self.n))
        where = {"position": positions} if named else {}
        return make_frame({"row": names, **where, **columns}, self.backend)

    def positions(self, rows, *, named=False):
        """Positions of training rows that are given by position, by name, or by a mask.

        - Integers are positions, negative ones count from the end.
        - Strings, dates, tuples and other labels are names.
        - Integers in a pandas Index or Series, where the index of the training data holds integers
          too: names where the object is called "row" or as the training index is; positions where
          it is called "position"; names where some cannot be positions; else refused, unless both
          readings give the same rows.

        Parameters
        ----------
        rows : array-like, or None for all rows
        named : bool
            Whether integers in a pandas Index or Series are known to be names.

        Returns
        -------
        ndarray of int
        """
        if rows is None:
            return np.arange(self.n)
        values = _entries(rows)
        if values.dtype == bool:
            return self._marked(rows, values)
        if values.ndim != 1 or values.dtype.kind == "c":
            raise self._meaningless(rows, values)
        if values.size == 0:
            return np.empty(0, np.intp)
        if values.dtype.kind in "iu":
            return self._of_integers(rows, values, named)
        plain = not _is_pandas(rows)
        if self.index is None or (plain and values.dtype.kind == "f" != self.index.dtype.kind):
            raise self._meaningless(rows, values)
        if plain and (_mixes(values) or (isinstance(rows, list | tuple) and _mixes(rows))):
            raise ValueError("rows mixes integers and names. Pass positions only, or names only.")
        return self._named(values)

    def prove_names(self, rows):
        """Whether these integers of a pandas object are names because no row is at some of them."""
        if self.index is None or not _is_pandas(rows):
            return False
        values = _entries(rows)
        whole = values.dtype.kind in "iu" and _outside(values, self.n)
        return bool(whole and (self._lookup(values) >= 0).all())

    def in_order(self, values, positions=None, *, what, foreign=False, table="X"):
        """Raise where the index of a pandas object names other rows, or these in another order.

        Parameters
        ----------
        values : object
            One entry per training row, or per row at `positions`. Only pandas objects are looked
            at; a default index (0, 1, 2 ...) says nothing, unless these are the rows' names.
        positions : ndarray of int, default=None
        what : str
            Name of the argument, for messages.
        foreign : bool
            Whether the index may name other rows, from elsewhere.
        table : str
            Name of the argument that has the right order, for messages.
        """
        mine, given = self.index, getattr(values, "index", None)
        if mine is None or not hasattr(values, "iloc") or given is None:
            return
        mine = mine if positions is None else mine[positions]
        if len(given) != len(mine) or given.equals(mine):
            return
        same = not mine.has_duplicates and len(given.intersection(mine)) == len(mine)
        if not same and (foreign or np.array_equal(given, np.arange(len(given)))):
            return
        which = "the names of its rows in another order" if same else "names of other rows"
        first = "rows"
        if positions is None:
            first = "training rows" if table == "X" else f"rows of {table}"
        order = f"{table}.index" + ("" if positions is None else "[positions]")
        repair = f"{what}.loc[{order}] to put it in order, " if same else ""
        raise ValueError(
            f"{what} is a pandas object whose index holds {which}: {given[:3].tolist()} first, "
            f"where the {first} are {mine[:3].tolist()}. Pass {repair}or {what}.to_numpy() if its "
            f"entries are in the order of the {first}."
        )

    def pairs_with(self, values, what, table="X"):
        """Raise where a pandas object of one entry per row has the rows' names in another order.

        A default index (0, 1, 2 ...) is no names.
        """
        index = getattr(values, "index", None)
        if hasattr(values, "iloc") and not np.array_equal(index, np.arange(len(index))):
            self.in_order(values, what=what, foreign=True, table=table)

    def _marked(self, rows, mask):
        if mask.shape != (self.n,):
            raise ValueError(
                f"rows is a mask of shape {mask.shape}; expected ({self.n},), one entry a "
                "training row."
            )
        self.in_order(rows, what="rows")
        return np.flatnonzero(mask)

    def _of_integers(self, rows, values, named):
        if self.index is not None and _is_pandas(rows) and rows.name != "position":
            found = self._lookup(values)
            known = named or self._is_called_as_names(rows.name) or _outside(values, self.n)
            if (found >= 0).any() or self.index.dtype.kind in "iu":
                if known or (found < 0).any():
                    return self._named(values)
                if not np.array_equal(found, values):
                    raise self._ambiguous(rows, values)
        if _outside(values, self.n):
            raise ValueError(
                f"rows holds numbers from {values.min()} to {values.max()}; expected 0 to "
                f"{self.n - 1}, positions in the training data."
            )
        values = values.astype(np.intp)
        return np.where(values < 0, values + self.n, values)

    def _is_called_as_names(self, name):
        """Whether a column of this name has names of rows: in our tables, or in the user's."""
        ours = isinstance(name, str) and (name == "row" or name.startswith("against_"))
        return ours or (name is not None and name == self.index.name)

    def _named(self, values):
        """Positions of names; raise for names that no row or several rows have."""
        found = self._lookup(values)
        if (found >= 0).all():
            return found
        wrong = values[found < 0][:5].tolist()
        if self.index.isin(values[found < 0]).any():
            raise ValueError(
                f"rows holds {wrong}, names that several training rows have. Pass positions."
            )
        positions = ""
        if values.dtype.kind in "iu":  # in a pandas object, or they would not be here
            positions = " Pass rows.to_numpy() if they are positions."
        raise ValueError(
            f"rows holds {wrong}, which no training row is called. Expected names such as "
            f"{self.index[:3].tolist()}, positions from 0 to {self.n - 1}, or a boolean mask."
            f"{positions}"
        )

    def _lookup(self, values):
        """Position of the one row of each name, -1 where there is none or several."""
        from pandas import Index

        index, wanted = self.index, Index(values)
        if wanted.dtype == object or wanted.dtype.kind in "OU":
            if index.dtype.kind in "mM" and all(isinstance(v, str) for v in values):
                wanted = type(index)(values)  # dates as people write them
        once = ~index.duplicated(keep=False)
        if once.all():
            return index.get_indexer(wanted)
        found = index[once].get_indexer(wanted)
        return np.where(found >= 0, np.flatnonzero(once)[found], -1)

    def _ambiguous(self, rows, values):
        kind = type(rows).__name__
        return ValueError(
            f"rows is a pandas {kind} of integers ({values[:3].tolist()} ...), which are both "
            "names in the index of the training data and positions there, of different rows. Pass "
            f"X.index.get_indexer(rows) if they are names, rows.to_numpy() if they are "
            'positions; or name the index before fit (X.index.name = "id"), which it passes on.'
        )

    def _meaningless(self, rows, values):
        given = f"rows has shape {values.shape} and type {values.dtype}"
        names = "" if self.index is None else "names of their index, "
        single = f" Pass [{rows!r}] for one row." if np.isscalar(rows) else ""
        if values.ndim == 0 and values.dtype == object:  # a set, a slice, a generator
            given = f"rows is a {type(rows).__name__}"
            single = " Pass list(rows)." if hasattr(rows, "__iter__") else ""
        return ValueError(
            f"{given}; expected a list of training row numbers, {names}or a boolean mask.{single}"
        )


def _index_of(X, backend, y):
    if backend == "pandas" or _is_pandas(X):
        return X.index
    return y.index if backend is None and hasattr(y, "iloc") else None


def _is_pandas(rows):
    """Whether these are an Index or a Series of pandas."""
    return hasattr(rows, "get_indexer") or (hasattr(rows, "iloc") and getattr(rows, "ndim", 0) == 1)


def _entries(rows):
    """`rows` as an array: tuples stay whole, columns of one plain type get that type."""
    if isinstance(rows, list) and rows and all(isinstance(row, tuple) for row in rows):
        values = np.empty(len(rows), dtype=object)
        for i, row in enumerate(rows):  # a slice would spread tuples over two axes
            values[i] = row
        return values
    values = np.asarray(rows)
    if values.dtype == object and values.ndim == 1 and values.size:
        for plain, kind in ((bool | np.bool_, bool), (Integral, np.intp)):
            if all(isinstance(value, plain) for value in values):
                with suppress(OverflowError):  # a number that is far outside
                    return values.astype(kind)
    return values


def _mixes(values):
    """Whether there are integers among entries of other types."""
    whole = [isinstance(value, Integral) for value in values]
    return any(whole) and not all(whole)


def _outside(values, n):
    """Whether some integers are no positions among n rows."""
    return bool(values.size) and bool(values.min() < -n or values.max() >= n)
