"""Removals after which a sparse model is predicted to select other columns."""

import numpy as np

from skinfluence.effects._edits import RowEdits
from skinfluence.effects._linear_changes import LinearChanges
from skinfluence.linalg import GroupPenalty, block_size, row_blocks
from skinfluence.objectives import Coupling
from skinfluence.objectives._active_set import on_all_columns

#: Parameters up to which bounds are made of all entries of the inverse Hessian.
FEW = 500
#: Of what a bound allows, for rounding.
LESS = 1.0 - 1e-9
#: Excess of a gradient over its bound that is rounding, relative to the gradient's terms.
ROUNDING = 1e-9


def reselecting_rows(objective, changes, rows):
    """Rows whose removal is predicted to change the selected columns, a mask (n_rows,).

    A coefficient is predicted to change its sign, or the gradient of a column outside the
    selection to exceed what the l1 penalty holds. Exact where the loss is squared error and the
    changes are Newton steps; else to first order.

    Parameters
    ----------
    objective : Objective
        Of a sparse model.
    changes : callable
        ``changes(edits)`` gives the Changes of the coefficients on the selection.
    rows : ndarray of int
    """
    smooth, penalty = on_all_columns(objective), objective.penalty
    coupling, weights = Coupling(smooth), objective.weights
    crossed = _crossed_curvature(objective, smooth).T  # shape: (p, K q)
    before, room = smooth.gradient().ravel(), ROUNDING * objective.gradient_scale
    out = np.zeros(len(rows), dtype=bool)
    shared = coupling.directions.reshape(smooth.n_parameters, -1)
    doubtful = _doubtful(objective, smooth, changes, rows, crossed, before, shared)
    step = block_size(24 * smooth.n_parameters)
    for start in range(0, len(doubtful), step):
        place = doubtful[start : start + step]
        some = rows[place]
        edits = RowEdits.removals(some)
        delta = changes(edits).coef_changes()
        flat = delta.reshape(len(some), -1)
        gone = objective.weighted_residual(some) + objective.row_curvature(some).apply(
            objective.predictor.take(some).row_changes(delta)
        )
        gradient = before + flat @ crossed - smooth.predictor.take(some).row_vjp(gone).T
        ratio = np.ones(len(some))
        if coupling:
            counts = edits.count_changes(weights) if weights.balanced else None
            coefs = coupling.low_rank_coefs(counts, edits.weight_changes(weights))
            gradient -= coefs @ shared.T
        if objective.penalty_scaling == "mean":
            ratio += edits.weight_changes(weights) / weights.amounts.sum()
        moved = penalty.leaves(objective.coef.ravel() + flat)
        out[place] = moved | penalty.enters(gradient, ratio, room)
    return out


def _doubtful(objective, smooth, changes, rows, crossed, before, shared):
    """Positions of the rows whose removal may change the selection, by bounds of what it moves.

    A row moves the coefficients by ``H^-1 (v + B a)`` with ``v = J' rho`` no longer than the row
    times its residual rho, and a gradient by no more than that allows. All positions where the
    bounds are not known or cost as much as the changes.
    """
    made, curvature = changes(RowEdits.removals(rows)), objective.row_curvature(rows)
    p = objective.n_parameters
    if not (isinstance(made, LinearChanges) and curvature.separable and p <= FEW):
        return np.arange(len(rows))
    penalty, widened = objective.penalty, objective.predictor.widened

    def size(entries):
        """Of numbers for all entries (K q,): those that are zero together by their norm."""
        if isinstance(penalty, GroupPenalty):
            return np.linalg.norm(entries.reshape(objective.n_outputs, -1), axis=0)
        return np.abs(entries).ravel()

    inverse = made.inverse.solve(np.eye(p))
    most = np.abs(made.low_rank_coefs).max(axis=0, initial=0.0)
    fixed = np.abs(inverse @ made.directions.reshape(p, -1)) @ most  # H^-1 B a, (p,)
    length = np.sqrt(smooth.design.take(rows).square_norms()[:, 0])
    moved = length * np.linalg.norm(made.residual, axis=1)  # of v, (n_rows,)
    gone = np.linalg.norm(objective.weighted_residual(rows), axis=1)
    along = np.linalg.norm(inverse) * moved + np.linalg.norm(fixed)
    gone = length * (gone + curvature.values.max(axis=1) * length * along)
    l1 = penalty.l1.reshape(objective.n_outputs, -1)
    l1 = l1[0] if isinstance(penalty, GroupPenalty) else l1.ravel()
    there = size(widened(objective.coef).ravel()) > 0.0
    kinked, outside = there & (l1 > 0.0), ~there & (l1 > 0.0)
    room = size(widened(objective.coef).ravel()) - size(widened(_shaped(objective, fixed)).ravel())
    reach = size(widened(_shaped(objective, np.linalg.norm(inverse, axis=1))).ravel())
    doubtful = moved >= LESS * np.min(room[kinked] / reach[kinked], initial=np.inf)
    ratio = 1.0
    if objective.penalty_scaling == "mean":
        weights = objective.weights.amounts
        ratio -= weights[rows].max() / weights.sum()
    fixed = np.abs(crossed).T @ fixed + np.abs(shared) @ most
    room = ratio * l1 - size(before) - size(fixed)
    reach = size(np.linalg.norm(inverse @ crossed, axis=0))
    for j in np.flatnonzero(outside):
        doubtful |= moved * reach[j] + gone >= LESS * room[j]
    return np.flatnonzero(doubtful)


def _shaped(objective, parameters):
    """Numbers for the parameters (p,) in the shape of the coefficients."""
    return parameters.reshape(objective.coef.shape)


def _crossed_curvature(objective, smooth):
    """Second derivative of the losses in all columns and the selected ones, (K q, p)."""
    unit = np.eye(objective.n_parameters)
    out = np.zeros((smooth.n_parameters, len(unit)))
    for rows in row_blocks(objective.n_rows, 24 * objective.n_outputs * len(unit)):
        raw = objective.predictor.take(rows).jvp(unit)  # shape: (n_rows, K, p)
        curved = objective.row_curvature(rows).apply(raw)
        out += smooth.predictor.take(rows).vjp(curved)
    return out
