"""Actions on flagged rows: the remaining rows, their labels and weights."""

import narwhals.stable.v1 as nw
import numpy as np

from skinfluence.labels._inputs.rows import take_rows


def decide(flagger, y, weight, action):
    """(positions, labels, weights) of the rows that an action leaves of those of a fitted flagger.

    Labels in the container that they came in, weights times the quality for "reweight". Rows of
    weight zero are absent: they never stay.
    """
    if hasattr(flagger, "flaggers_"):
        raise ValueError(
            f"y has {len(flagger.flaggers_)} columns; expected one label or value a row to act on. "
            "Clean for one column at a time, or look at the flags of all of them with "
            "LabelFlagger().fit(X, y).flagged_."
        )
    present, is_classes = weight > 0, hasattr(flagger, "classes_")
    flagged = np.asarray(flagger.flagged_, dtype=bool) & present
    quality = np.asarray(flagger.label_quality_, dtype=np.float64)
    suggested = np.asarray(flagger.suggested_)
    # the values of a regression are all of one class
    before = after = np.asarray(y).ravel() if is_classes else np.zeros(len(weight))
    factor = {"drop": ~flagged, "reweight": quality}.get(action, np.ones(len(weight)))
    if action == "relabel" and is_classes:
        after = np.where(flagged, suggested, before)
    spared = np.zeros(len(weight), dtype=bool)
    for label in np.setdiff1d(before[present], after[present & (factor > 0)]):
        own = np.flatnonzero((before == label) & present)
        spared[own[np.argmax(quality[own])]] = True  # a class would vanish
    if action == "relabel":
        changed = np.flatnonzero(flagged & ~spared)
        y = replace_values(y, changed, suggested[changed])
    weight = weight * np.where(spared, 1.0, factor)
    rows = np.flatnonzero(weight > 0)
    return rows, take_rows(y, rows), weight[rows]


def replace_values(y, rows, values):
    """A copy of y, in its own container, with other values in some rows.

    Integer targets become floats where a value is not whole, as a suggested target mostly is.
    """
    if not len(rows):
        return y
    known = nw.from_native(y, allow_series=True, eager_only=True, pass_through=True)
    if isinstance(known, nw.DataFrame):  # of one column
        column = replace_values(known[:, 0].to_native(), rows, values)
        column = nw.from_native(column, series_only=True).alias(known.columns[0])
        return known.with_columns(column).to_native()
    if isinstance(known, nw.Series):
        if known.dtype.is_integer() and (values != np.round(values)).any():
            known = known.cast(nw.Float64)
        dtype = getattr(known.to_native(), "dtype", None)
        # pandas takes no int64 into int16, whatever the values
        new = values.astype(dtype) if isinstance(dtype, np.dtype) else values.tolist()
        return known.scatter(rows.tolist(), new).to_native()
    if isinstance(y, list):
        replaced = dict(zip(rows.tolist(), values.tolist(), strict=True))
        return [replaced.get(row, value) for row, value in enumerate(y)]
    copy = np.array(y)
    if copy.dtype.kind in "iubUS" and (values != values.astype(copy.dtype)).any():
        copy = copy.astype(np.result_type(copy, values))
    copy.reshape(-1)[rows] = values
    return copy
