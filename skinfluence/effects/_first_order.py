"""The influence function: the derivative in the rows' weights."""

import numpy as np

from skinfluence.effects._linear_changes import LinearChanges, solved_changes
from skinfluence.effects._registry import register_effect
from skinfluence.effects._residuals import weighted_residual
from skinfluence.effects._truncated import is_truncated, truncated_first_order
from skinfluence.objectives import Coupling


@register_effect("first_order", linear=True)
def first_order(objective, inverse, edits):
    """Effect of each edit to first order: delta_b = H^-1 (sum of s g that leave - s' g' that come).

    Row i leaves with the part of s_i that the edit takes; a new row comes with its gradient g' at
    the coefficients as they are. For the removal of a row that is equation (1) of Koh & Liang
    (2017) times -s_i / sum(s), for a replaced row equation (3), for a group the sum over its rows
    (Koh, Ang, Teo & Liang 2019, equation 1, times the number of rows). The coupled weights of other
    rows (see :class:`~skinfluence.objectives.Coupling`) are differentiated too.

    Parameters
    ----------
    objective : Objective
    inverse : InverseHessian
    edits : RowEdits

    Returns
    -------
    Changes
    """
    if is_truncated(objective, inverse):  # what LinearRegression keeps moves too
        return truncated_first_order(objective, edits)
    if edits.single_rows is None:
        return solved_changes(inverse, lost_slopes(objective, inverse, edits))
    return linear_first_order(objective, inverse, edits)


def linear_first_order(objective, inverse, edits):
    """First-order LinearChanges for edits of single rows; dropped directions stay dropped."""
    rows, coupling = edits.row, Coupling(objective)
    residual, new = weighted_residual(objective, inverse), None
    if edits.factor.any():
        residual = residual(rows) * (1.0 - edits.factor)[:, None]
    if edits.new is not None:
        gained = new_residual(objective, edits)
        if edits.new.same_features:
            residual = residual(rows) - gained
        else:
            new = (edits.new.predictor.at(objective.predictor), gained)
    coefs = low_rank_coefs(coupling, edits)
    return LinearChanges(inverse, rows, residual, coupling.directions, coefs, new=new)


def new_residual(objective, edits):
    """s' r' of the new rows at the coefficients as they are, (n_edits, K)."""
    raw = objective.raw_predictions(edits.new.predictor)
    return edits.new_sample_weight(objective) * objective.loss.gradient(edits.new.y, raw)


def lost_slopes(objective, inverse, edits):
    """-dJ'/dt at t = 0, where row i has t (1 - factor_i) of its weight less: (..., n_edits)."""
    residual, coupling = weighted_residual(objective, inverse), Coupling(objective)
    own = [own_gradient(objective, rows, lost, residual) for rows, lost in edits.parts()]
    out = np.stack(own, axis=-1)
    return out + coupling.directions @ low_rank_coefs(coupling, edits).T if coupling else out


def own_gradient(objective, rows, scale, residual):
    """sum_i scale_i s_i g_i over some rows, in the shape of the coefficients.

    `residual` gives s_i r_i of some rows.
    """
    if not len(rows):
        return np.zeros(objective.coef.shape)
    weighted = residual(rows) * scale[:, None]
    pulled = objective.predictor.take(rows).vjp(weighted[:, :, None])
    return pulled.reshape(objective.coef.shape)


def low_rank_coefs(coupling, edits):
    """Coefficients (n_edits, m) of the coupling's directions, to first order."""
    weights = coupling.objective.weights
    counts = edits.count_changes(weights) if weights.balanced else None
    return coupling.low_rank_coefs(counts, edits.weight_changes(weights))
