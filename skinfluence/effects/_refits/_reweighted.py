"""Optima after changes of row weights: steps by one metric, with Anderson acceleration."""

import numpy as np

from skinfluence.effects._refits._anderson import Anderson
from skinfluence.effects._refits._problems import EditedProblems, Metric
from skinfluence.linalg import block_size

#: Stop when the step, in the norm of H, is this small relative to the first one.
TOLERANCE = 1e-10
MAX_ITER = 80
#: The same with another tolerance: Newton's method takes the few that are left in less time.
FEW_ITER = 20


def reweighted_width(objective):
    """Edits that iterate together: wide matrix products, and a history that stays small."""
    return int(np.clip(block_size(64 * objective.n_parameters), 16, 256))


def reweighted_optima(objective, inverse, edits, update, tolerance=None):
    """Optimum after each of a block of edits without new rows, as far as the metric leads.

    All edits iterate together: their gradients are two matrix products, the Newton direction
    reuses the factorised Hessian, downdated by the leverage identity where an edit touches one
    row, and is accelerated where the Hessian moves (Anderson).

    Parameters
    ----------
    objective : Objective
        At its optimum.
    inverse : InverseHessian
    edits : RowEdits
    update : callable
        Called with the number of edits that are done, in parts: by how far they have fallen.
    tolerance : float or None
        In place of TOLERANCE; then at most FEW_ITER steps.

    Returns
    -------
    delta : ndarray of shape (n_edits, K, q)
        Changes of the coefficients.
    failed : ndarray of bool, shape (n_edits,)
        Edits that have not converged.
    """
    B = edits.n_edits
    delta, failed = np.zeros((B, *objective.coef.shape)), np.zeros(B, dtype=bool)
    active = np.flatnonzero(edits.moves(objective))
    if not len(active):
        return delta, failed
    problems = EditedProblems(objective, inverse, edits.take(active))
    metric, history = Metric(problems), Anderson()
    gradient, first = problems.gradient_at_start(), None
    most = MAX_ITER if tolerance is None else FEW_ITER
    tolerance = TOLERANCE if tolerance is None else tolerance
    for _ in range(most):
        step = -metric.direction(gradient)
        energy = np.sqrt(np.abs(np.einsum("bkq,bkq->b", step, gradient)))
        first = energy if first is None else first
        bad = ~np.isfinite(energy) | (energy > 1e3 * first)
        small = np.abs(gradient).max(axis=(1, 2)) <= problems.rounding
        done = ((energy <= tolerance * first) | small) & ~bad
        delta[active[done]] += step[done]
        failed[active[bad]] = True
        keep = ~(done | bad)
        if not keep.any():
            return delta, failed
        if not keep.all():
            active, step, energy, first = active[keep], step[keep], energy[keep], first[keep]
            for part in problems, metric, history:
                part.keep(keep)
        fallen = np.log(energy / first) / np.log(tolerance)
        update(B - len(active) + fallen.clip(0.0, 1.0).sum())
        moved = history.advance(delta[active], step)
        delta[active] = moved
        gradient = problems.gradient_at(moved)
    failed[active] = True
    return delta, failed
