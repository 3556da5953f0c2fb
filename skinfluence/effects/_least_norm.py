"""The optimum of least norm, if an edit leaves least squares with many."""

import numpy as np

from skinfluence.effects._truncated import crossing_refits, drops_more, truncated_change
from skinfluence.linalg import SOLVED_MIB, row_blocks
from skinfluence.solvers import EighSolver

#: A new row that leaves the free directions by less than this, relative to its length, does not.
PULLS = 1e-8
#: Rows of less leverage bring no singular value below the cut that was not near it before.
HIGH = 0.99
#: Rounding of a leverage near one.
EPSILON = 1e-12


def takes_least_norm(objective, inverse):
    """Whether the estimator's optimum is the one of the smallest coefficients among all.

    Least squares without a penalty; known where its undamped Hessian is factorised.
    """
    if not objective.quadratic:
        return False
    known = inverse.factorized and not inverse.hessian.penalty.any()
    return known and not objective.penalty.any()


def full_leverage(objective, inverse, rows):
    """Mask (n_rows,) of rows that least squares fits exactly whatever their value."""
    system = inverse.leverage_system(rows, objective.row_curvature(rows))
    return system.solve(np.zeros((len(rows), objective.n_outputs)))[1]


def crossing_rows(objective, inverse, rows, *, replaced=False):
    """Places among `rows` of those without which LinearRegression may drop a singular value.

    Without row i the smallest is at least sqrt(1 - h_i) times what it was. A row of leverage one
    takes its direction along, and the others stay: it is none of these, unless it is `replaced` by
    one that may have a little of that direction. (In tables that leave directions free, such as
    wide ones, all rows may be of leverage one: replaced rows are then left to least norm.)
    """
    none = np.empty(0, dtype=np.intp)
    known = objective.refit_cut is not None and objective.cut is None
    if not known or not takes_least_norm(objective, inverse):
        return none
    leverage = inverse.leverage_blocks(rows)[:, 0, 0] * objective.sample_weight[rows, 0]
    high = np.flatnonzero(leverage > HIGH)
    if not len(high):
        return none
    least = 0.0
    if hasattr(inverse, "roots"):  # a bound, as in drops_more
        least = 1.0 / (inverse.roots[0] ** 2).sum()
    largest = inverse.hessian.diagonal()[: inverse.hessian.n_columns].sum()
    few = (1.0 - leverage[high]) * least <= objective.refit_cut**2 * largest + EPSILON * least
    high = high[few]
    if not len(high) or (replaced and not inverse.report.null_space.shape[1]):
        return high
    return high[~full_leverage(objective, inverse, rows[high])]


def free_directions(objective, inverse):
    """Directions of one output's coefficients that the data leave free, (q, m).

    Without the intercept they are orthonormal: LinearRegression keeps the norm of the others small.
    """
    K, q = objective.coef.shape
    own = inverse.report.null_space.reshape(K, q, -1)[0]  # the outputs have one Hessian
    if K > 1:
        left, sizes, _ = np.linalg.svd(own, full_matrices=False)
        own = left[:, sizes > 0.5]  # 1 for the directions of this output, 0 for those of others
    _, triangle = np.linalg.qr(own[: objective.design.n_features])
    return np.linalg.solve(triangle.T, own.T).T


def least_norm_residuals(objective, inverse, rows):
    """r of rows of leverage one, (n_rows, K): H^-1 (r_i (x) z_i) takes the least norm.

    Such a row alone determines the direction ``u = H^+ z_i``; without the row the coefficients have
    no part along it.
    """
    K, q = objective.coef.shape
    f = objective.design.n_features
    out = np.empty((len(rows), K))
    for some in row_blocks(len(rows), 24 * K * q, cache_mib=SOLVED_MIB):
        unit = np.zeros((len(rows[some]), K))
        unit[:, 0] = 1.0  # the outputs have one Hessian
        own = inverse.solve_rows(rows[some], unit).reshape(K, q, -1)[0, :f]
        with np.errstate(divide="ignore", invalid="ignore"):
            out[some] = -(objective.coef[:, :f] @ own / (own**2).sum(axis=0)).T
    return out


def to_least_norm(objective, inverse, edits, delta):
    """Move changes of the coefficients to the optima that LinearRegression takes.

    Nothing moves unless it is least squares without a penalty.

    Parameters
    ----------
    objective : Objective
    inverse : InverseHessian
        Of its undamped Hessian.
    edits : RowEdits
    delta : ndarray of shape (n_edits, K, q)
        Changes to any of the optima; moved in place.
    """
    if not takes_least_norm(objective, inverse):
        return
    if edits.single_rows is None:
        _groups_to_least_norm(objective, inverse, edits, delta)
        return
    gone = np.flatnonzero(edits.factor == 0.0)  # the others leave no direction free
    edits, moved = edits.take(gone), delta[gone]
    _rows_to_least_norm(objective, inverse, edits, moved)
    some = crossing_rows(objective, inverse, edits.row, replaced=edits.new is not None)
    if len(some):
        moved[some] = crossing_refits(objective, edits.take(some)).coef_changes()
    delta[gone] = moved


def _rows_to_least_norm(objective, inverse, edits, delta):
    """Move changes by single rows that leave, or are replaced, along free directions.

    Free after the edit is what was free before and, where the old row was fitted exactly (leverage
    one), the direction ``s_i H^-1 z_i`` that it alone determined; less what the new row sees of
    them.
    """
    rows = edits.row
    exact = full_leverage(objective, inverse, rows)
    free = free_directions(objective, inverse)
    if not (exact.any() or free.shape[1]) or not len(rows):
        return
    own = _own_directions(objective, inverse, rows, exact, free)  # shape: (B, q)
    f = objective.design.n_features
    coef = (objective.coef + delta)[..., :f]
    along = coef @ free[:f]  # shape: (B, K, m)
    along_own = np.einsum("bkf,bf->bk", coef, own[:, :f])
    if edits.new is not None:
        new = edits.new.predictor.design.to_dense()
        seen, seen_own = new @ free, np.einsum("bq,bq->b", new, own)
        size = (seen**2).sum(axis=1) + seen_own**2
        pulls = size > PULLS**2 * (new**2).sum(axis=1)
        size = np.where(pulls, size, np.inf)
        share = np.einsum("bkm,bm->bk", along, seen) + along_own * seen_own[:, None]
        share /= size[:, None]
        along -= share[:, :, None] * seen[:, None]
        along_own -= share * seen_own[:, None]
    there = objective.sample_weight[rows, 0] > 0.0  # without the others nothing changes
    delta[there] -= along[there] @ free.T
    delta[there] -= along_own[there, :, None] * own[there, None]


def _own_directions(objective, inverse, rows, exact, free):
    """Direction that each exactly fitted row determines alone, of length one; 0 for the others."""
    K, q = objective.coef.shape
    f = objective.design.n_features
    out = np.zeros((len(rows), q))
    if not exact.any():
        return out
    right = np.zeros((K, q, int(exact.sum())))
    right[0] = objective.design.take(rows[exact]).to_dense().T
    own = inverse.solve(right.reshape(K * q, -1)).reshape(right.shape)[0].T
    own -= (own[:, :f] @ free[:f]) @ free.T
    length = np.linalg.norm(own[:, :f], axis=1, keepdims=True)
    out[exact] = np.divide(own, length, out=np.zeros_like(own), where=length > 0.0)
    return out


def _groups_to_least_norm(objective, inverse, edits, delta):
    """Move changes by groups of rows, with the free directions of the Hessian that is left."""
    rows = edits.row
    own = inverse.leverage_blocks(rows)[:, 0, 0] * objective.sample_weight[rows, 0]
    # no group fits anything exactly whose leverages sum up to less than one
    whole = np.bincount(edits.edit_of_term, own * (1.0 - edits.factor), minlength=edits.n_edits)
    doubtful = whole > 0.99  # or hardly anything is left of some direction
    if inverse.report.null_space.shape[1]:
        doubtful[:] = True
    for b in np.flatnonzero(doubtful & np.isfinite(delta).all(axis=(1, 2))):
        left = edits.edited(objective, b)
        found = EighSolver().factorize(left.hessian())
        if drops_more(left, found):
            delta[b] = truncated_change(left)
        else:
            onto_least_norm(left, found, delta[b])


def onto_least_norm(left, inverse, delta):
    """Move one change of the coefficients (K, q), in place, to the optimum of least norm.

    `left` is the objective after the change, at the coefficients before it.
    """
    free, f = free_directions(left, inverse), left.design.n_features
    delta -= ((left.coef + delta)[:, :f] @ free[:f]) @ free.T
