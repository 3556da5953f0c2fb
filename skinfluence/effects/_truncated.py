"""Effects where LinearRegression drops small singular values: refits that drop them again."""

import numpy as np

from skinfluence._utils.warnings import warn_user
from skinfluence.effects._changes import StoredChanges
from skinfluence.objectives._truncated import FEW_DIGITS, NEAR


def is_truncated(objective, inverse):
    """Whether effects are those of least squares that drops singular values; damping is none."""
    return objective.cut is not None and not inverse.hessian.penalty.any()


def truncated_refits(objective, edits):
    """Refits after each edit, which are the Newton step too: StoredChanges."""
    found, afresh = objective.truncated, objective.truncated.precise
    if edits.new is not None:
        delta = found.replaced(edits.row, _features(edits.new), edits.new.y)
    elif edits.removed_rows is not None:
        delta = found.without(edits.row)
    else:
        delta, afresh = np.full((edits.n_edits, *objective.coef.shape), np.nan), True
    for b in np.flatnonzero(np.isnan(delta).any(axis=(1, 2)) & afresh):
        delta[b] = truncated_change(edits.edited(objective, b).with_coef(found.coef))
    return _stored(objective, edits, delta)


def truncated_first_order(objective, edits):
    """Derivatives in the rows' weights, times what the edits take and bring: StoredChanges."""
    found = objective.truncated
    if edits.single_rows is None:
        sums = [np.tensordot(lost, found.slopes(rows), 1) for rows, lost in edits.parts()]
        return StoredChanges(np.stack(sums))
    slopes = found.slopes(edits.row) * (1.0 - edits.factor)[:, None, None]
    if edits.new is not None:
        weight = found.weight[edits.row]
        slopes += found.slopes_of_new(_features(edits.new), edits.new.y, weight)
    return StoredChanges(slopes, objective.predictor.take(edits.row))


def crossing_refits(objective, edits):
    """Refits after edits of :func:`~._least_norm.crossing_rows`: StoredChanges."""
    delta = [truncated_change(edits.edited(objective, b)) for b in range(edits.n_edits)]
    return _stored(objective, edits, np.stack(delta))


def drops_more(left, inverse):
    """Whether LinearRegression may drop a singular value of what an edit leaves.

    By bounds on the smallest and the largest, from the inverse Hessian of what is left.
    """
    hessian = inverse.hessian
    if left.refit_cut is None or hessian.penalty.any() or not hasattr(inverse, "roots"):
        return False
    least = 1.0 / (inverse.roots[0] ** 2).sum()
    largest = hessian.diagonal()[: hessian.n_columns].sum()
    return bool(least < max(NEAR * left.refit_cut, FEW_DIGITS) ** 2 * largest)


def truncated_change(left):
    """Change of the coefficients (K, q) to its own least squares, which may drop more than before.

    NaN where that is not clear. `left` is at the coefficients before the edit.
    """
    changed = left.replace(cut=left.refit_cut) if left.cut is None else left
    if not left.weights.base.any() or not changed.truncated.clear:
        return np.full(left.coef.shape, np.nan)
    return changed.truncated.coef - left.coef


def _features(new):
    design = new.predictor.design
    return design.X.toarray() if design.is_sparse else design.X


def _stored(objective, edits, delta):
    """The changes, after a warning of those that are NaN."""
    unknown, rows = np.flatnonzero(np.isnan(delta).any(axis=(1, 2))), edits.single_rows
    if len(unknown):
        which = unknown[:10].tolist()
        if rows is not None:
            which = f"of rows {objective.shown_rows(rows[unknown])}"
        warn_user(
            f"{len(unknown)} of {edits.n_edits} changes are NaN (changes {which}): their refit "
            "has a singular value on the edge of those that LinearRegression drops, or fewer than "
            "three digits of its coefficients are more than rounding. Scale the features "
            "(StandardScaler), or use Ridge.",
            RuntimeWarning,
        )
    return StoredChanges(delta, None if rows is None else objective.predictor.take(rows))
