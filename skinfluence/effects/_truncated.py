"""Effects where LinearRegression drops small singular values: its own refit, which cuts again."""

import warnings

import numpy as np

from skinfluence._utils.warnings import user_stacklevel
from skinfluence.effects._changes import RefittedChanges
from skinfluence.objectives._truncated import FEW_DIGITS, NEAR


def is_truncated(objective, inverse):
    """Whether changes are those of least squares that drops singular values; damping is none."""
    return objective.cut is not None and not inverse.hessian.penalty.any()


def truncated_removals(objective, rows):
    """Refits without each row, which are the Newton step too: RefittedChanges."""
    rows, found = np.asarray(rows), objective.truncated
    delta = found.without(rows)
    for b in np.flatnonzero(np.isnan(delta).any(axis=(1, 2)) & found.precise):
        delta[b] = _afresh(objective, objective.with_weights(rows[[b]], np.zeros(1)))
    return _told(RefittedChanges(delta, objective.predictor.take(rows)), objective, rows)


def truncated_groups(objective, parts):
    """Refits with other weights, for (rows, lost share of each row's weight) of every change."""
    delta = np.empty((len(parts), *objective.coef.shape))
    for b, (rows, lost) in enumerate(parts):
        delta[b] = _afresh(objective, objective.with_weights(rows, 1.0 - lost))
    return _told(RefittedChanges(delta))


def truncated_replacements(objective, replacement):
    """Refits with another row in the place of each."""
    rows, found = replacement.rows, objective.truncated
    delta = found.replaced(rows, _features(replacement), replacement.y)
    for b in np.flatnonzero(np.isnan(delta).any(axis=(1, 2)) & found.precise):
        one = replacement.take(slice(b, b + 1))
        changed = objective.with_rows_replaced(one.rows, one.predictor, one.y, one.codes)
        delta[b] = _afresh(objective, changed)
    return _told(RefittedChanges(delta), objective, rows)


def truncated_slopes(objective, rows):
    """The derivatives in each row's weight, times minus the weight: RefittedChanges."""
    slopes = objective.truncated.slopes(np.asarray(rows))
    return RefittedChanges(slopes, objective.predictor.take(rows))


def truncated_replacement_slopes(objective, replacement):
    """To first order the old row leaves and the new one comes: RefittedChanges."""
    found, rows = objective.truncated, replacement.rows
    gained = found.slopes_of_new(_features(replacement), replacement.y, found.weight[rows])
    return RefittedChanges(found.slopes(rows) + gained)


def drops_more(left, inverse):
    """Whether LinearRegression may drop a singular value of what a change leaves.

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

    NaN where that is not clear. `left` is at the coefficients before the change.
    """
    changed = left.with_cut(left.refit_cut) if left.cut is None else left
    if not left.weights.base.any() or not changed.truncated.clear:
        return np.full(left.coef.shape, np.nan)
    return changed.truncated.coef - left.coef


def crossing_removals(objective, rows):
    """Refits without each of the :func:`~._least_norm.crossing_rows`: RefittedChanges."""
    left = (objective.with_weights(rows[[b]], np.zeros(1)) for b in range(len(rows)))
    delta = np.stack([truncated_change(one) for one in left])
    return _told(RefittedChanges(delta, objective.predictor.take(rows)), objective, rows)


def crossing_replacements(objective, replacement):
    """The same with another row in the place of each: changes of the coefficients (B, K, q)."""
    delta = np.empty((len(replacement), *objective.coef.shape))
    for b in range(len(delta)):
        one = replacement.take(slice(b, b + 1))
        left = objective.with_rows_replaced(one.rows, one.predictor, one.y, one.codes)
        delta[b] = truncated_change(left)
    return _told(RefittedChanges(delta), objective, replacement.rows).coef_changes()


def _features(replacement):
    X = replacement.predictor.design.X
    return X.toarray() if replacement.predictor.design.is_sparse else X


def _afresh(objective, changed):
    """Change of the coefficients to another objective's own, NaN where these are not clear."""
    return truncated_change(changed.with_coef(objective.truncated.coef))


def _told(changes, objective=None, rows=None):
    """The changes, of one row each where these are given, after a warning of those that are NaN."""
    unknown = np.flatnonzero(np.isnan(changes.coef_changes()).any(axis=(1, 2)))
    if len(unknown):
        which = unknown[:10].tolist()
        if rows is not None:
            which = f"of rows {objective.shown_rows(rows[unknown])}"
        warnings.warn(
            f"{len(unknown)} of {changes.n_changes} changes are NaN (changes {which}): their refit "
            "has a singular value on the edge of those that LinearRegression drops, or fewer than "
            "three digits of its coefficients are more than rounding. Scale the features "
            "(StandardScaler), or use Ridge.",
            RuntimeWarning,
            stacklevel=user_stacklevel(),
        )
    return changes
