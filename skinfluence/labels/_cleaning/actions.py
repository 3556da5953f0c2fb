"""What is done about flagged rows: which rows stay, with which labels and weights."""

from dataclasses import dataclass

import narwhals.stable.v1 as nw
import numpy as np
from sklearn.utils.validation import _check_sample_weight, _num_samples

from skinfluence.labels._inputs.rows import take_rows


@dataclass(frozen=True)
class Decision:
    """What is left of (X, y)."""

    rows: np.ndarray  # positions of the rows that stay, in their order
    y: object  # their labels, in the container that they came in
    weight: np.ndarray  # the sample weight, times the label's quality for "reweight"


def decide(flagger, X, y, sample_weight, action):
    """The Decision of an action on the rows that a fitted flagger has judged, X and y as given.

    Rows of weight zero are absent: they never stay.
    """
    if hasattr(flagger, "flaggers_"):
        raise ValueError(
            f"y has {len(flagger.flaggers_)} columns; expected one label or value a row to act on. "
            "Clean for one column at a time, or look at the flags of all of them with "
            "LabelFlagger().fit(X, y).flagged_."
        )
    weight = _check_sample_weight(sample_weight, np.empty((_num_samples(X), 0)), dtype=np.float64)
    present = weight > 0
    flagged = np.asarray(flagger.flagged_, dtype=bool) & present
    given = _codes(flagger, y)
    quality = np.asarray(flagger.label_quality_, dtype=np.float64)
    if action == "drop":
        spared = _last_of_their_class(given, given, flagged, present, quality)
        present = present & ~(flagged & ~spared)
    elif action == "relabel":
        y = _relabelled(flagger, y, given, flagged, present, quality)
    elif action == "reweight":
        spared = _last_of_their_class(given, given, quality <= 0, present, quality)
        weight = weight * np.where(spared, 1.0, quality)
        present = weight > 0
    rows = np.flatnonzero(present)
    return Decision(rows, take_rows(y, rows), weight[rows])


def _codes(flagger, y):
    """Class of each row; the same for all rows of a regression."""
    if not hasattr(flagger, "classes_"):
        return np.zeros(_num_samples(y), dtype=int)
    return np.unique(np.asarray(y).ravel(), return_inverse=True)[1].ravel()


def _last_of_their_class(before, after, leaving, present, quality):
    """Mask of the best row of each class that has rows before and would have none after."""
    spared = np.zeros(len(before), dtype=bool)
    remaining = after[present & ~leaving]
    for code in np.setdiff1d(before[present], remaining):
        mine = np.flatnonzero((before == code) & present)
        spared[mine[np.argmax(quality[mine])]] = True
    return spared


def _relabelled(flagger, y, given, flagged, present, quality):
    """y with the suggested labels in place of the flagged ones."""
    suggested = np.asarray(flagger.suggested_)
    after = given.copy()
    if hasattr(flagger, "classes_"):
        names = np.unique(np.asarray(y).ravel())
        after[flagged] = np.searchsorted(names, suggested[flagged])
    nobody = np.zeros(len(given), dtype=bool)
    spared = _last_of_their_class(given, after, nobody, present, quality)
    rows = np.flatnonzero(flagged & ~spared)
    return replace_values(y, rows, suggested[rows])


def replace_values(y, rows, values):
    """A copy of y, in its own container, with other values in some rows.

    Integer targets become floats where a value is not whole, as a suggested target mostly is.
    """
    series = nw.from_native(y, allow_series=True, eager_only=True, pass_through=True)
    if isinstance(series, nw.DataFrame):  # of one column
        column = nw.from_native(
            replace_values(series[:, 0].to_native(), rows, values), series_only=True
        )
        return series.with_columns(column.alias(series.columns[0])).to_native()
    if not isinstance(series, nw.Series):
        if isinstance(y, list):
            changed = list(y)
            for row, value in zip(rows.tolist(), values.tolist(), strict=True):
                changed[row] = value
            return changed
        changed = np.array(y)
        if changed.dtype.kind in "iub" and not _fit_into(values, changed.dtype):
            changed = changed.astype(np.float64)
        elif changed.dtype.kind in "US":
            changed = changed.astype(np.result_type(changed.dtype, values.dtype))
        changed.reshape(-1)[rows] = values
        return changed
    if not len(rows):
        return y
    if series.dtype.is_integer() and not _fit_into(values, np.dtype(np.int64)):
        series = series.cast(nw.Float64)
    dtype = getattr(series.to_native(), "dtype", None)
    if isinstance(dtype, np.dtype):  # pandas takes no int64 into int16, whatever the values
        return series.scatter(rows, values.astype(dtype)).to_native()
    return series.scatter(rows.tolist(), values.tolist()).to_native()


def _fit_into(values, dtype):
    """Whether the values are the same in that type."""
    if values.dtype.kind not in "iufb":
        return False
    return bool(np.array_equal(values, values.astype(dtype)))
