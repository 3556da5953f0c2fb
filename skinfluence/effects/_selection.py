"""Removals after which a sparse model is predicted to select other columns."""

import numpy as np

from skinfluence.effects._edits import RowEdits
from skinfluence.linalg import block_size, row_blocks
from skinfluence.objectives import Coupling
from skinfluence.objectives._active_set import on_all_columns

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
    out = np.empty(len(rows), dtype=bool)
    step = block_size(24 * smooth.n_parameters)
    for start in range(0, len(rows), step):
        some = rows[start : start + step]
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
            gradient -= coefs @ coupling.directions.reshape(-1, coefs.shape[1]).T
        if objective.penalty_scaling == "mean":
            ratio += edits.weight_changes(weights) / weights.amounts.sum()
        moved = penalty.leaves(objective.coef.ravel() + flat)
        out[start : start + step] = moved | penalty.enters(gradient, ratio, room)
    return out


def _crossed_curvature(objective, smooth):
    """Second derivative of the losses in all columns and the selected ones, (K q, p)."""
    unit = np.eye(objective.n_parameters)
    out = np.zeros((smooth.n_parameters, len(unit)))
    for rows in row_blocks(objective.n_rows, 24 * objective.n_outputs * len(unit)):
        raw = objective.predictor.take(rows).jvp(unit)  # shape: (n_rows, K, p)
        curved = objective.row_curvature(rows).apply(raw)
        out += smooth.predictor.take(rows).vjp(curved)
    return out
