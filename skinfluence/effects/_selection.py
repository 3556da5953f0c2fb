"""Removals after which a sparse model is predicted to select other columns."""

import numpy as np

from skinfluence.effects._edits import RowEdits
from skinfluence.effects._first_order import low_rank_coefs
from skinfluence.effects._linear_changes import LinearChanges
from skinfluence.linalg import block_size
from skinfluence.objectives import Coupling
from skinfluence.objectives._active_set import curvature_of_all, on_all_columns

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
    out = np.zeros(len(rows), dtype=bool)
    doubtful = _doubtful(objective, changes(RowEdits.removals(rows)), rows)
    if not len(doubtful):
        return out
    smooth, penalty = on_all_columns(objective), objective.penalty
    coupling = Coupling(smooth)
    crossed = curvature_of_all(objective).T  # shape: (p, K q)
    before, room = smooth.gradient().ravel(), ROUNDING * objective.gradient_scale
    shared = coupling.directions.reshape(smooth.n_parameters, -1)
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
        if coupling:
            gradient -= low_rank_coefs(coupling, edits) @ shared.T
        moved = penalty.leaves(objective.coef.ravel() + flat)
        out[place] = moved | penalty.enters(gradient, edits.penalty_ratio(objective), room)
    return out


def _doubtful(objective, made, rows):
    """Positions of the rows whose removal may change the selection, by bounds of what it moves.

    A row moves the coefficients by ``H^-1 (v + B a)`` with ``v = J' rho`` no longer than the row
    times its residual rho, and a gradient by no more than that allows. All positions where the
    bounds are not known or cost as much as the changes.
    """
    p, whole = objective.n_parameters, slice(0, objective.n_rows)
    some = whole if np.array_equal(rows, np.arange(objective.n_rows)) else rows
    known = isinstance(made, LinearChanges) and p <= FEW
    if not known or not objective.row_curvature(slice(0, 1)).separable:
        return np.arange(len(rows))
    smooth, size = on_all_columns(objective), _sizes(objective)
    inverse = made.inverse.solve(np.eye(p))
    most = np.abs(made.low_rank_coefs).max(axis=0, initial=0.0)
    fixed = np.abs(inverse @ made.directions.reshape(p, -1)) @ most  # H^-1 B a, (p,)
    length = np.sqrt(smooth.design.take(some).square_norms()[:, 0])
    moved = length * _lengths(made.residual)  # of v, (n_rows,)
    l1 = objective.penalty.l1[: len(size(smooth.coef))]
    there = size(smooth.coef) > 0.0
    kinked, outside = there & (l1 > 0.0), np.flatnonzero(~there & (l1 > 0.0))
    room = size(smooth.coef) - size(objective.predictor.widened(_shaped(objective, fixed)))
    reach = size(objective.predictor.widened(_shaped(objective, np.linalg.norm(inverse, axis=1))))
    doubtful = moved >= LESS * np.min(room[kinked] / reach[kinked], initial=np.inf)
    if not len(outside):
        return np.flatnonzero(doubtful)
    gone = _lengths(objective.weighted_residual(some))
    along = np.linalg.norm(inverse) * moved + np.linalg.norm(fixed)
    curvature = objective.row_curvature(some).values.max(axis=1)
    gone = length * (gone + curvature * length * along)
    ratio = 1.0
    if objective.penalty_scaling == "mean":
        weights = objective.weights.amounts
        ratio -= weights[some].max(initial=0.0) / weights.sum()
    shared = np.abs(Coupling(smooth).directions.reshape(smooth.n_parameters, -1)) @ most
    crossed = curvature_of_all(objective)
    room = (ratio * l1 - size(smooth.gradient()) - size(np.abs(crossed) @ fixed + shared))[outside]
    reach = size(np.linalg.norm(crossed @ inverse, axis=1))[outside]
    farthest, largest = (np.fmax.reduce(part, initial=0.0) for part in (moved, gone))
    for j in np.flatnonzero(farthest * reach + largest >= LESS * room):
        doubtful |= moved * reach[j] + gone >= LESS * room[j]
    return np.flatnonzero(doubtful)


def _sizes(objective):
    """Function of numbers for all entries (K q,): those that are zero together by their norm."""
    in_columns = objective.penalty.in_columns
    return lambda entries: np.linalg.norm(in_columns(entries.ravel()), axis=0)


def _lengths(rows):
    """Norms of rows (n, K), (n,)."""
    return np.sqrt(np.einsum("nk,nk->n", rows, rows))


def _shaped(objective, parameters):
    """Numbers for the parameters (p,) in the shape of the coefficients."""
    return parameters.reshape(objective.coef.shape)
