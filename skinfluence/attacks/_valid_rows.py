"""Valid values of training rows that are attacked: steps, projections, and the best move."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np


@dataclass(frozen=True)
class ValidRows:
    """Values that changed rows may take: a box, a grid, and a ball around each row.

    Attributes
    ----------
    low, high : ndarray of shape (n_columns,)
        The box; a row that is outside may stay where it is.
    whole : ndarray of bool, shape (n_columns,)
        Columns that change by whole numbers.
    unit : ndarray of shape (n_columns,)
        Length one in each column.
    norm : {"max", "l2", "l1"}
    radius, step : float
        In these units.
    """

    low: np.ndarray
    high: np.ndarray
    whole: np.ndarray
    unit: np.ndarray
    norm: str
    radius: float
    step: float

    def can_move(self):
        """Mask (n_columns,) of columns in which any change is valid."""
        least = np.where(self.whole, 1.0, 0.0)
        return (self.unit > 0) & (self.high > self.low) & (self.radius * self.unit >= least)

    def only(self, columns):
        """The same for some of the columns, a mask."""
        names = ("low", "high", "whole", "unit")
        return replace(self, **{name: getattr(self, name)[columns] for name in names})

    def stepped(self, original, values, slopes):
        """Values (n_rows, n_columns) after one step of steepest ascent, projected.

        Steepest in the norm: the sign of the slopes for "max", as in Koh & Liang; the one best
        column of each row for "l1".
        """
        pull = slopes * self.unit
        if self.norm == "l1":
            return self._best_column(original, values, pull)
        if self.norm == "max":
            move = np.sign(pull)
        else:
            length = np.linalg.norm(pull, axis=1, keepdims=True)
            move = pull / np.where(length > 0, length, 1.0)
        return self.projected(original, values + self.step * self.unit * move)

    def projected(self, original, values):
        """The nearest values in the ball of each row and in the box, nearly."""
        change = np.nan_to_num(values - original) / np.where(self.unit > 0, self.unit, np.inf)
        if self.norm == "max":
            change = np.clip(change, -self.radius, self.radius)
        elif self.norm == "l2":
            length = np.linalg.norm(change, axis=1, keepdims=True)
            change = change * (self.radius / np.maximum(length, self.radius))
        change = change * self.unit
        return original + np.clip(change, *self._room(original))

    def on_grid(self, original, values):
        """Values whose change is a whole number where it has to be, rounded towards none."""
        change = values - original
        rounded = np.trunc(change * (1 + 1e-9))
        return original + np.where(self.whole, rounded, change)

    def gains(self, original, slopes):
        """Rise (n_rows,) of a number with these slopes by the best valid change of each row."""
        low, high = self._room(original)
        pull = slopes * self.unit
        with np.errstate(divide="ignore", invalid="ignore"):
            room = np.where(pull > 0, high, -low) / self.unit
        room = np.where((self.unit > 0) & (pull != 0), room, 0.0)
        pull = np.abs(pull)
        if self.norm == "max":
            return (pull * np.minimum(room, self.radius)).sum(axis=1)
        if self.norm == "l2":
            length = np.linalg.norm(pull, axis=1, keepdims=True)
            share = pull / np.where(length > 0, length, 1.0)
            return (pull * np.minimum(room, self.radius * share)).sum(axis=1)
        room = np.minimum(room, self.radius)
        if self.whole.any():
            room = np.where(self.whole, np.floor(room * self.unit) / self.unit, room)
        return _fill(pull, room, self.radius)

    def _room(self, original):
        """Least and largest valid change, (n_rows, n_columns) each."""
        return np.minimum(self.low - original, 0.0), np.maximum(self.high - original, 0.0)

    def _best_column(self, original, values, pull):
        out, rows = values.copy(), np.arange(len(values))
        change, (low, high) = np.nan_to_num(values - original), self._room(original)
        length = np.maximum(self.step * self.unit, np.where(self.whole, 1.0, 0.0))
        after = change + length * np.sign(pull)
        size = np.abs(change) / np.where(self.unit > 0, self.unit, np.inf)
        after_size = np.abs(after) / np.where(self.unit > 0, self.unit, np.inf)
        left = self.radius * (1 + 1e-9) - size.sum(axis=1, keepdims=True)
        valid = (after >= low) & (after <= high) & (after_size - size <= left) & (self.unit > 0)
        best = np.argmax(np.where(valid, np.abs(pull), 0.0), axis=1)
        moves = valid[rows, best] & (pull[rows, best] != 0)
        rows, best = rows[moves], best[moves]
        out[rows, best] = (original + after)[rows, best]
        return out


def _fill(pull, room, radius):
    """Sum of the largest `pull` of each row, each up to its `room`, `radius` in all."""
    n_columns = pull.shape[1]
    few = min(n_columns, 64)
    while True:
        score = np.where(room > 0, pull, -1.0)
        top = np.argpartition(-score, few - 1, axis=1)[:, :few]
        top = np.take_along_axis(top, np.argsort(-np.take_along_axis(score, top, 1), axis=1), 1)
        space = np.take_along_axis(room, top, 1)
        filled = np.cumsum(space, axis=1)
        if few == n_columns or (filled[:, -1] >= radius).all():
            taken = np.clip(radius - (filled - space), 0.0, space)
            return (np.take_along_axis(pull, top, 1) * taken).sum(axis=1)
        few = min(n_columns, 8 * few)


def valid_rows(table, *, bounds, integer, unit, norm, max_change, step):
    """ValidRows of the columns of a NumericTable, from the settings of an attack."""
    low, high = _box(table, bounds)
    whole = table.integer if _is_word(integer, "auto") else _per_column(integer, table, "integer")
    if _is_word(unit, "std"):
        units = table.spread()
    else:
        units = np.asarray(_per_column(unit, table, "unit"), dtype=float)
        if not (np.isfinite(units).all() and (units >= 0).all()):
            raise ValueError("unit holds negative or infinite entries. Expected lengths >= 0.")
    step = max_change / 10 if step is None else step
    whole = np.asarray(whole, dtype=bool)
    return ValidRows(low, high, whole, units, norm, float(max_change), float(step))


def _is_word(value, word):
    return isinstance(value, str) and value == word


def _box(table, bounds):
    if bounds is None:
        return np.full(table.n_columns, -np.inf), np.full(table.n_columns, np.inf)
    if _is_word(bounds, "observed"):
        return table.observed()
    if not (isinstance(bounds, tuple | list) and len(bounds) == 2):
        raise ValueError(f"bounds={bounds!r}. Expected 'observed', None or a pair (low, high).")
    low, high = (
        np.asarray(_per_column(-sign * np.inf if end is None else end, table, "bounds"), float)
        for end, sign in zip(bounds, (1, -1), strict=True)
    )
    if (low > high).any() or np.isnan(low).any() or np.isnan(high).any():
        raise ValueError("bounds has a low end above its high end. Expected low <= high.")
    return low, high


def _per_column(value: Any, table, what):
    """One entry for each column that may move, for a single value or an array."""
    if isinstance(value, str):
        raise ValueError(
            f"{what}={value!r} is not known. Expected the default, one value, or one for each of "
            f"the {table.n_columns} columns that may move."
        )
    values = np.asarray(value)
    if values.ndim == 0:
        return np.broadcast_to(values, table.n_columns)
    if values.shape == (table.n_columns,):
        return values
    raise ValueError(
        f"{what} has shape {values.shape}. Expected one value, or {table.n_columns}, one for each "
        "column that may move, in their order."
    )
