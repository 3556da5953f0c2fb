"""Result of a training-set attack: the changed rows, and what they do to predictions."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from skinfluence._utils.frames import make_frame
from skinfluence._utils.tables import (
    Column,
    Readable,
    ReadableList,
    Table,
    counted,
    first_names,
    value_text,
)

#: Changed columns that the text shows.
SHOWN = 10


@dataclass(frozen=True, eq=False, repr=False)
class AttackResult(Readable):
    """Training rows as an attack changed them, and the predictions of refits.

    Prints as text and shows as HTML in notebooks.

    Attributes
    ----------
    rows : ndarray of int, shape (n_rows,)
        Positions of the changed training rows.
    row_names : pandas.Index or ndarray of shape (n_rows,)
        Their names in the index of the training data; their positions without one.
    X_original, X_changed : {ndarray, sparse matrix, data frame} of shape (n_rows, n_features)
        These rows before and after, as the training table has them.
    change : ndarray of shape (n_rows, n_columns)
        After minus before, in the columns' own units.
    column_names : list of length n_columns
        The columns that could change.
    unit : ndarray of shape (n_columns,)
        Length one in each column, such as its standard deviation.
    predictions : ndarray of shape (n_test,)
        Of the model as it is.
    new_predictions : ndarray of shape (n_test,)
        Of the estimator fitted to the changed training table, all steps of it.
    flipped : ndarray of bool, shape (n_test,)
        Predictions that flip in the refit of the search, with the steps of a pipeline held fixed.
    confirmed : ndarray of bool, shape (n_test,)
        Predictions that flip by the estimator's own fit.
    n_steps : int
        Steps up to these rows; all steps where none changed a prediction for the better.
    """

    rows: np.ndarray
    row_names: Any
    X_original: Any
    X_changed: Any
    change: np.ndarray
    column_names: list
    unit: np.ndarray
    predictions: np.ndarray
    new_predictions: np.ndarray
    flipped: np.ndarray
    confirmed: np.ndarray
    n_steps: int
    _original: np.ndarray = field(repr=False)
    _backend: Any = field(repr=False)

    @property
    def change_in_units(self):
        """`change` in units of `unit`, (n_rows, n_columns); 0 where it is 0."""
        return self.change / np.where(self.unit > 0, self.unit, np.inf)

    @property
    def largest_change(self):
        """Largest absolute entry of `change`."""
        return float(np.nanmax(np.abs(self.change), initial=0.0))

    def frame(self):
        """A table with one line for each changed entry, the largest change in units first.

        Returns
        -------
        data frame
            Columns "row", "column", "before", "after", "change" and "change_in_units", in the frame
            type of the training data.
        """
        return make_frame(self._entries(), self._backend)

    def _entries(self):
        i, j = self._changed_entries()
        return {
            "row": np.asarray(self.row_names)[i],
            "column": np.array(self.column_names, dtype=object)[j],
            "before": self._original[i, j],
            "after": (self._original + self.change)[i, j],
            "change": self.change[i, j],
            "change_in_units": self.change_in_units[i, j],
        }

    def _changed_entries(self):
        i, j = np.nonzero(np.nan_to_num(self.change))
        order = np.argsort(-np.abs(self.change_in_units[i, j]), kind="stable")
        return i[order], j[order]

    def _parts(self):
        i, j = self._changed_entries()
        i, j, n_more = i[:SHOWN], j[:SHOWN], max(0, len(i) - SHOWN)
        columns = [
            Column("row", [list(self.row_names)[k] for k in i], "name"),
            Column("column", [self.column_names[k] for k in j]),
            Column("before", [f"{v:.4g}" for v in self._original[i, j]]),
            Column("after", [f"{v:.4g}" for v in (self._original + self.change)[i, j]]),
            Column("change", [f"{v:+.3g}" for v in self.change[i, j]]),
            Column("in units", self.change_in_units[i, j], "signed"),
        ]
        parts = [self._title(), Table(columns, "The largest changes:", empty="No change.")]
        if n_more:
            parts.append(f"... and {counted(n_more, 'smaller change')}")
        return parts

    def _title(self):
        n, k = len(self.predictions), int(self.confirmed.sum())
        rows, steps = counted(len(self.rows), "training row"), counted(self.n_steps, "step")
        if n > 1:
            return (
                f"{k} of {n} predictions flip by changes to {rows}, in {steps}, confirmed by a fit "
                "of the estimator."
            )
        before = value_text(self.predictions[0])
        if not k:
            held = " except with the earlier steps held fixed" if self.flipped[0] else ""
            return f"The prediction {before} stays{held} under changes to {rows}, in {steps}."
        return (
            f"The prediction {before} becomes {value_text(self.new_predictions[0])} by changes to "
            f"{rows}, in {steps}, confirmed by a fit of the estimator."
        )


class AttackResults(ReadableList):
    """A list of AttackResult, one for each test row; prints as one table."""

    def frame(self):
        """A table with one line for each test row, in the frame type of the training data."""
        columns = {
            "test_row": np.asarray(self._names),
            "prediction": np.array([found.predictions[0] for found in self]),
            "new_prediction": np.array([found.new_predictions[0] for found in self]),
            "confirmed": np.array([bool(found.confirmed[0]) for found in self]),
            "n_steps": np.array([found.n_steps for found in self]),
            "largest_change": np.array([found.largest_change for found in self]),
            "largest_change_in_units": np.array([_largest(found) for found in self]),
        }
        return make_frame(columns, self[0]._backend if self else None)

    def _parts(self):
        columns = [
            Column("test row", list(self._names), "name"),
            Column("prediction", [found.predictions[0] for found in self]),
            Column("becomes", [_becomes(found) for found in self]),
            Column("changed rows", [first_names(found.row_names) for found in self]),
            Column("steps", [found.n_steps for found in self]),
            Column("largest change", [found.largest_change for found in self], "number"),
            Column("in units", [_largest(found) for found in self], "number"),
        ]
        k = sum(bool(found.confirmed[0]) for found in self)
        title = f"{k} of {len(self)} predictions flip, confirmed by fits of the estimator"
        return [Table(columns, title)]


def _largest(found):
    return float(np.nanmax(np.abs(found.change_in_units), initial=0.0))


def _becomes(found):
    return found.new_predictions[0] if found.confirmed[0] else "stays"
