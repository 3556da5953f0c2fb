"""Conditions on one column of a table: a category, a quantile bin, a missing value."""

import math
from dataclasses import dataclass, field
from itertools import pairwise
from numbers import Real
from typing import Any

import numpy as np

from skinfluence._utils.tables import is_missing, value_text

#: Numeric columns of at most so many distinct values have one condition for each.
FEW_VALUES = 10


@dataclass(frozen=True)
class Condition:
    """One category of a column, an interval of its numbers, or a missing value.

    Attributes
    ----------
    column : object
        Name of the column.
    value : object
        The category; None for intervals and missing values.
    low, high : float
        Bounds of the interval ``low < x <= high``; NaN for a missing value.
    """

    column: Any
    value: Any = None
    low: float = -math.inf
    high: float = math.inf
    _place: int = field(default=0, repr=False)

    def __str__(self):
        name = str(self.column)
        if self.value is not None:
            return f"{name} = {value_text(self.value)}"
        if math.isnan(self.low):
            return f"{name} is missing"
        if self.low == -math.inf:
            return f"{name} <= {self.high:g}"
        if self.high == math.inf:
            return f"{name} > {self.low:g}"
        return f"{self.low:g} < {name} <= {self.high:g}"

    def holds(self, table):
        """Rows of a table for which it holds.

        Parameters
        ----------
        table : FeatureValues
            With the same columns; those of a frame in any order.

        Returns
        -------
        ndarray of bool of shape (n,)
            Mask of the rows.
        """
        numbers, values = read_column(table, self._place_in(table))
        if self.value is not None:
            if numbers is not None and isinstance(self.value, Real):
                return numbers == self.value
            return np.array([v == self.value for v in values or numbers], dtype=bool)
        if math.isnan(self.low):
            if numbers is not None:
                return np.isnan(numbers)
            return np.array([v is None for v in values], dtype=bool)
        if numbers is None:
            raise ValueError(
                f"Column {self.column!r} holds other values than numbers; expected numbers, as in "
                f"the table that the condition {self} was made from."
            )
        return (numbers > self.low) & (numbers <= self.high)

    def _place_in(self, table):
        """Position of the column: by name where the table has names, as it was made from one."""
        names, place = table.names, self._place
        by_place = not table.is_frame or self.column == f"x{place}"
        if place < len(names) and (by_place or names[place] == self.column):
            return place
        if self.column in names:
            return names.index(self.column)
        raise ValueError(
            f"The table has no column {self.column!r}, as the condition {self} needs. Expected the "
            f"columns of the table that it was made from; got {names[:20]}."
        )


def read_column(table, place):
    """(numbers as floats, None) of a numeric column, (None, list of values) of any other.

    Missing entries are NaN or None.
    """
    rows = np.arange(len(table))
    plain = np.asarray(table.column(place, rows))
    if plain.dtype.kind in "iuf":
        return plain.astype(np.float64), None
    values = [None if is_missing(v) else v for v in table.values(place, rows)]
    present = [v for v in values if v is not None]
    if present and all(isinstance(v, Real) and not isinstance(v, bool) for v in present):
        return np.array([np.nan if v is None else v for v in values], dtype=np.float64), None
    return None, values


def make_conditions(table, n_bins, min_size):
    """Conditions that hold for at least `min_size` rows, and those that hold for each row.

    Parameters
    ----------
    table : FeatureValues
    n_bins : int
        Quantile bins of a numeric column with many values.
    min_size : int

    Returns
    -------
    conditions : list of Condition
    codes : ndarray of shape (n, n_columns)
        Position of the condition of each column that holds for each row; -1 for none.
    """
    conditions: list[Condition] = []
    columns = []
    for place, name in enumerate(table.names):
        made, codes = column_conditions(name, place, read_column(table, place), n_bins)
        sizes = np.bincount(codes, minlength=len(made))
        kept = np.flatnonzero(sizes >= min_size)
        if len(kept) < 2 and sizes.max(initial=0) == len(codes):
            continue  # a constant column divides no rows
        position = np.full(len(made), -1, dtype=np.int32)
        position[kept] = len(conditions) + np.arange(len(kept))
        conditions += [made[k] for k in kept]
        columns.append(position[codes])
    n = len(table)
    return conditions, np.column_stack(columns) if columns else np.empty((n, 0), np.int32)


def column_conditions(name, place, column, n_bins):
    """Conditions of one column, and the one that holds for each row.

    Parameters
    ----------
    name : object
    place : int
        Position in its table.
    column : (ndarray of float of shape (n,), None) or (None, list)
        Numbers, or values of any other type; see :func:`read_column`.
    n_bins : int
        Quantile bins of numbers of many different values.

    Returns
    -------
    conditions : list of Condition
    codes : ndarray of int of shape (n,)
    """
    numbers, values = column
    if numbers is None:
        places: dict[Any, int] = {}
        codes = [places.setdefault(_hashable(v), len(places)) for v in values]
        made = [_category(name, place, v) for v in places]
        return made, np.array(codes, dtype=np.intp)
    missing = np.isnan(numbers)
    distinct = np.unique(numbers[~missing])
    if len(distinct) <= FEW_VALUES:
        codes = np.searchsorted(distinct, numbers)
        made = [Condition(name, float(v), _place=place) for v in distinct]
    else:
        steps = np.arange(1, n_bins) / n_bins
        cuts = np.quantile(numbers[~missing], steps, method="inverted_cdf")
        cuts = np.unique(cuts[cuts < distinct[-1]])
        codes = np.searchsorted(cuts, numbers, side="left")
        bounds = pairwise([-math.inf, *map(float, cuts), math.inf])
        made = [Condition(name, low=low, high=high, _place=place) for low, high in bounds]
    if missing.any():
        codes[missing] = len(made)
        made.append(Condition(name, low=math.nan, high=math.nan, _place=place))
    return made, codes


def _hashable(value):
    try:
        hash(value)
    except TypeError:
        return str(value)
    return value


def _category(name, place, value):
    if value is None:
        return Condition(name, low=math.nan, high=math.nan, _place=place)
    return Condition(name, value, _place=place)
