"""Columns of a table as users name them."""

import numpy as np
from sklearn.utils.validation import _get_feature_names, _num_features

#: Names that an error lists.
SHOWN = 10


def n_columns(X):
    """Columns of the training data; raw texts are one."""
    try:
        return _num_features(X)
    except TypeError:
        return 1


def check_features(features, X):
    """Positions of the given columns of the training data; all of them for None."""
    n, names = n_columns(X), _get_feature_names(X)
    if features is None:
        return np.arange(n)
    selected = np.asarray(features)
    if selected.ndim != 1:
        raise ValueError(
            f"features={features!r}; expected a list of names or positions of columns, or a mask."
        )
    if selected.dtype == bool:
        if selected.shape != (n,):
            raise ValueError(
                f"features is a mask of {len(selected)} entries; expected {n}, one a column."
            )
        return np.flatnonzero(selected)
    if not selected.size or selected.dtype.kind in "iu":
        if selected.size and (selected.min() < -n or selected.max() >= n):
            raise ValueError(
                f"features holds positions from {selected.min()} to {selected.max()}; expected 0 "
                f"to {n - 1}, the columns of the training data."
            )
        return selected.astype(np.intp) % max(n, 1)
    if names is None:
        raise ValueError(
            f"features={features!r} names columns, but the training data have no column names. "
            f"Expected positions from 0 to {n - 1}."
        )
    place = {name: j for j, name in enumerate(names)}
    unknown = [name for name in selected.tolist() if name not in place]
    if unknown:
        raise ValueError(
            f"features names columns that the training data do not have: {unknown[:SHOWN]}. "
            f"Expected some of {list(names[:20])}."
        )
    return np.array([place[name] for name in selected.tolist()], dtype=np.intp)
