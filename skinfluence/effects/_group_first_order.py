"""Many weights at once, to first order: the sum of the rows' influences."""

import numpy as np

from skinfluence.effects._changes import RefittedChanges
from skinfluence.effects._residuals import weighted_residual
from skinfluence.effects._truncated import is_truncated, truncated_slopes
from skinfluence.objectives import Coupling


def group_first_order(objective, inverse, changes):
    """Effect of changing many weights together to first order: delta_b = H^-1 sum_i l_i s_i g_i.

    l_i = 1 - factor is the share of row i's weight that is lost. Additive over rows (Koh, Ang, Teo
    & Liang 2019, equation 1, times the number of rows).

    Parameters
    ----------
    objective : Objective
    inverse : InverseHessian
    changes : WeightChanges

    Returns
    -------
    RefittedChanges
    """
    if is_truncated(objective, inverse):
        slopes = [
            np.tensordot(lost, truncated_slopes(objective, rows).coef_changes(), 1)
            for rows, lost in parts(changes)
        ]
        return RefittedChanges(np.stack(slopes))
    residual = weighted_residual(objective, inverse)
    slopes = [lost_slope(objective, rows, lost, residual) for rows, lost in parts(changes)]
    pulled = np.stack(slopes, axis=-1)
    return solved_changes(inverse, pulled)


def parts(changes):
    """(rows, lost share of each row's weight) of every change."""
    order = np.argsort(changes.change, kind="stable")
    ends = np.searchsorted(changes.change[order], np.arange(1, changes.n_changes))
    return [(changes.row[mine], 1.0 - changes.factor[mine]) for mine in np.split(order, ends)]


def own_gradient(objective, rows, scale, residual):
    """sum_i scale_i s_i g_i over some rows, in the shape of the coefficients.

    `residual` gives s_i r_i of some rows.
    """
    weighted = residual(rows) * scale[:, None]
    pulled = objective.predictor.take(rows).vjp(weighted[:, :, None])
    return pulled.reshape(objective.coef.shape)


def lost_slope(objective, rows, lost, residual):
    """-dJ'/dt at t = 0, where row i has t lost_i of its weight less, in the shape of coef."""
    out = own_gradient(objective, rows, lost, residual)
    coupling = Coupling(objective)
    if coupling:
        out = out + coupling.directions @ (lost @ coupling.derivative(rows))
    return out


def solved_changes(inverse, pulled):
    """Changes of the coefficients H^-1 pulled; `pulled` has an axis of changes at the end."""
    *shape, n_changes = pulled.shape
    solved = inverse.solve(np.ascontiguousarray(pulled).reshape(-1, n_changes))
    return RefittedChanges(np.ascontiguousarray(solved.T).reshape(n_changes, *shape))
