"""Groups of training rows in any form that users give them."""

from collections.abc import Mapping
from dataclasses import dataclass

import narwhals.stable.v1 as nw
import numpy as np

from skinfluence._utils.tables import is_missing


@dataclass(frozen=True)
class Groups:
    """Sets of training rows with a name each: the label, the key, or the position in the list."""

    names: list
    rows: list


def read_groups(groups, explainer):
    """The groups that a user named, in any of the forms of `group_influence`."""
    training = explainer.training_rows_
    n = training.n
    if isinstance(groups, str):
        column = _column(groups, explainer.X_train_)
        labels = np.asarray(column.to_list(), dtype=_type_of(column))
        return _in_category_order(_by_label(labels, f"Column {groups!r}"), column)
    if isinstance(groups, Mapping):
        # what pandas' groupby(...).groups is, and nothing else: its integers are names
        named = type(groups).__name__ == "PrettyDict"
        return _listed(list(groups), list(groups.values()), training, named)
    if isinstance(groups, list | tuple):
        nested = [np.ndim(group) > 0 for group in groups]
        if all(nested):
            return _listed(list(range(len(groups))), groups, training)
        if any(nested):
            raise ValueError(
                f"groups mixes lists and single values (entry {nested.index(False)} is "
                f"{groups[nested.index(False)]!r}). Expected a list of groups, each a list of row "
                f"numbers or a mask, or one label for each of the {n} training rows."
            )
    labels = _as_labels(groups)
    if labels.ndim == 0:
        raise ValueError(
            f"groups is {type(groups).__name__}; expected one label for each of the {n} training "
            "rows, a list or dict of groups, masks, or the name of a column."
        )
    if labels.ndim == 2 and labels.dtype == bool:
        return _listed(list(range(len(labels))), labels, training)
    if labels.shape != (n,):
        raise ValueError(
            f"groups has shape {labels.shape}; expected ({n},), one label for each training row, "
            f"or masks of shape (n_groups, {n}), or a list of groups."
        )
    if labels.dtype == bool:
        raise ValueError(
            f"groups is one mask of {n} entries. Pass [mask] for the one group that it marks, or "
            "numbers or strings as the labels of two groups."
        )
    training.in_order(groups, what="groups")
    return _in_category_order(_by_label(labels, "groups"), groups)


def _as_labels(groups):
    """Labels as an array; numpy would convert None, NaN and numbers among strings to strings."""
    labels = np.asarray(groups)
    mixed = isinstance(groups, list | tuple) and labels.ndim == 1 and labels.dtype.kind in "US"
    return np.array(groups, dtype=object) if mixed else labels


def _listed(names, groups, training, named=False):
    """Groups given by their rows; integers of pandas are names if those of any group are."""
    named = named or any(training.prove_names(group) for group in groups)
    pairs = zip(names, groups, strict=True)
    return Groups(names, [_rows_of(name, group, training, named) for name, group in pairs])


def _rows_of(name, group, training, named):
    """The rows of one group, each once, in rising order."""
    try:
        return np.unique(training.positions(group, named=named))
    except ValueError as error:
        raise ValueError(f"Group {name!r}: {error}") from None


def _column(name, X):
    """A column of the training data frame."""
    frame = nw.from_native(X, pass_through=True, eager_only=True)
    if not isinstance(frame, nw.DataFrame):
        raise ValueError(
            f"groups={name!r} names a column, but the training data came as {type(X).__name__}. "
            "Pass the labels themselves, or fit the explainer on a data frame."
        )
    if name not in frame.columns:
        raise ValueError(
            f"groups={name!r} is no column of the training data. Its columns: "
            f"{[str(c) for c in frame.columns[:20]]}."
        )
    return frame[name]


def _in_category_order(found, labels):
    """Groups by label in the order of the categories, where the labels are categorical."""
    column = nw.from_native(labels, series_only=True, pass_through=True)
    if not isinstance(column, nw.Series):
        categories = getattr(labels, "categories", None)  # pandas' array and index have them
    elif column.dtype in (nw.Categorical, nw.Enum):
        categories = column.cat.get_categories().to_list()
    else:
        categories = None
    if categories is None:
        return found
    place = {name: i for i, name in enumerate(categories)}
    order = sorted(
        range(len(found.names)), key=lambda g: place.get(found.names[g], len(categories))
    )
    return Groups([found.names[g] for g in order], [found.rows[g] for g in order])


def _type_of(column):
    """Object where entries may be missing or of any type, else what numpy takes it for."""
    return None if column.dtype.is_numeric() and column.null_count() == 0 else object


def _by_label(labels, what):
    """One group a label, in the order of np.unique; rows without a label are the last group."""
    labels = np.asarray(labels)
    # as a list, dates in nanoseconds would be whole numbers
    entries = list(labels) if labels.dtype.kind in "mM" else labels.tolist()
    missing = np.array([is_missing(label) for label in entries], dtype=bool)
    present, absent = np.flatnonzero(~missing), np.flatnonzero(missing)
    kept = labels[present]
    try:
        names, codes = np.unique(kept, return_inverse=True)
    except TypeError:
        kinds = sorted({type(label).__name__ for label in kept.tolist()})
        raise ValueError(
            f"{what} has labels of several types ({', '.join(kinds)}), which have no order. Make "
            "them of one type."
        ) from None
    order = np.argsort(codes, kind="stable")
    rows = np.split(present[order], np.searchsorted(codes[order], np.arange(1, len(names))))
    names = list(names) if names.dtype.kind in "mM" else names.tolist()
    rows = rows if names else []
    if len(absent):
        gap = entries[absent[0]] if labels.dtype.kind in "fmM" else None  # NaN, NaT, None
        names, rows = [*names, gap], [*rows, absent]
    return Groups(names, rows)
