"""Removals after which a sparse model is predicted to select other columns."""

import numpy as np

from skinfluence.effects._edits import RowEdits
from skinfluence.linalg import block_size
from skinfluence.objectives import Coupling
from skinfluence.objectives._active_set import on_all_columns

#: Room beside the bound of a gradient that is rounding, relative to the gradient's terms.
ROUNDING = 1e-9


def reselecting_rows(objective, changes, rows):
    """Rows whose removal is predicted to change the selected columns, a mask (n_rows,).

    A coefficient is predicted to change its sign, or the gradient of a column beside the
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
    curved = objective.row_curvature().values * objective.design.to_dense()  # shape: (n, m)
    crossed = smooth.design.rmatmul(curved).T  # shape: (m, q)
    before, room = smooth.gradient()[0], ROUNDING * objective.gradient_scale
    kinked = penalty.l1[penalty.selected] > 0.0
    outside = penalty.l1 > 0.0
    outside[penalty.selected] = False
    out = np.empty(len(rows), dtype=bool)
    step = block_size(24 * smooth.n_parameters)
    for start in range(0, len(rows), step):
        some = rows[start : start + step]
        edits = RowEdits.removals(some)
        delta = changes(edits).coef_changes()
        moved = np.sign(objective.coef + delta)[:, 0]
        flipped = ((moved != penalty.signs) & kinked).any(axis=1)
        gone = objective.weighted_residual(some) + objective.row_curvature(some).apply(
            objective.predictor.take(some).row_changes(delta)
        )
        gradient = before + delta[:, 0] @ crossed - gone * smooth.design.take(some).to_dense()
        l1 = penalty.l1[None]
        if coupling:
            counts = edits.count_changes(weights) if weights.balanced else None
            coefs = coupling.low_rank_coefs(counts, edits.weight_changes(weights))
            gradient -= coefs @ coupling.directions[0].T
        if objective.penalty_scaling == "mean":
            l1 = l1 * (1.0 + edits.weight_changes(weights) / weights.amounts.sum())[:, None]
        above = (np.abs(gradient) > l1 + room) & outside
        out[start : start + step] = flipped | above.any(axis=1)
    return out
