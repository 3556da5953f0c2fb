"""Optima when rows are replaced: conjugate Newton steps, a block of edits at once."""

import numpy as np

from skinfluence.effects._refits._replaced_problems import ReplacedProblems, Steps
from skinfluence.linalg import block_size

#: A refit stops when a step, in the norm of H, is this small relative to the first one.
TOLERANCE = 1e-10
MAX_ITER = 60
#: The Newton answer stops when a step is this small relative to the first one, or after so many. A
#: wrong label is no small change: one step, even of the best length, is not enough (see
#: benchmarks/relabelling.py).
NEWTON_TOLERANCE = 0.005
NEWTON_STEPS = 12
#: Memory of a block of changes: a few arrays of raw predictions and of coefficients.
BLOCK_MIB = 64.0


def replaced_width(objective):
    """Edits that go together: wide matrix products, but few arrays of raw predictions."""
    K = objective.n_outputs
    bytes_per_edit = 40 * objective.n_rows * K + 8 * (6 + 2 * K) * objective.n_parameters
    return int(np.clip(block_size(bytes_per_edit, BLOCK_MIB), 1, 256))


def replaced_optima(objective, inverse, edits, reach):
    """Changes of the coefficients (B, K, q) to converged optima, and a mask of edits that failed.

    They fail where a new row pulls along a direction in which the data had no curvature (constant
    or duplicated columns without a penalty): the inverse knows nothing of it.
    """
    delta, failed, unfinished = _descend_from(objective, inverse, edits, MAX_ITER, TOLERANCE)
    return delta, failed | unfinished


def few_steps(objective, inverse, edits, reach):
    """The same by a few steps; one, and a few where class weights follow, for squared error."""
    stop = NEWTON_STEPS, NEWTON_TOLERANCE
    if objective.loss.quadratic:
        stop = MAX_ITER, TOLERANCE
    return _descend_from(objective, inverse, edits, *stop)[:2]


def _descend_from(objective, inverse, edits, max_iter, tolerance):
    problems = ReplacedProblems(objective, inverse, edits)
    if problems.loses_digits:
        failed = np.ones(edits.n_edits, dtype=bool)
        return np.zeros((edits.n_edits, *objective.coef.shape)), failed, failed
    rounding = 4 * np.finfo(float).eps * objective.gradient_scale
    return descend(problems, rounding, max_iter, tolerance)


def descend(problems, rounding, max_iter, tolerance):
    """Minimise a block of objectives by conjugate Newton steps.

    Parameters
    ----------
    problems : ReplacedProblems
        Only those that run longest are left in it at the end.
    rounding : float
        A gradient that is no larger is zero.
    max_iter : int
    tolerance : float
        Stop when a step, in the norm of H, is this small relative to the first one.

    Returns
    -------
    delta : ndarray of shape (B, K, q)
        Change of the coefficients.
    failed : ndarray of bool, shape (B,)
        What cannot be solved this way.
    unfinished : ndarray of bool, shape (B,)
        What would have gone on after `max_iter` steps.
    """
    B = len(problems)
    delta = np.zeros((B, *problems.objective.coef.shape))
    failed, unfinished = np.zeros((2, B), dtype=bool)
    place = np.arange(B)  # of what still goes on
    running = problems.edits.moves(problems.objective)
    state, first = Steps(problems), None
    failed |= running & state.pulls_where_nothing_holds()
    running &= ~failed
    for _ in range(max_iter):
        downhill = state.newton_direction()
        energy = np.sqrt(np.abs(np.einsum("bkq,bkq->b", downhill, state.gradient)))
        first = energy if first is None else first
        small = np.abs(state.gradient).max(axis=(1, 2)) <= rounding
        failed[place[~np.isfinite(energy)]] = True
        running &= ~((energy <= tolerance * first) | small | ~np.isfinite(energy))
        if not running.any():
            break
        if 2 * running.sum() <= len(running):
            delta[place] = state.delta
            state.keep(running)
            place, first, downhill = place[running], first[running], downhill[running]
            running = np.ones(len(place), dtype=bool)
        state.step(downhill, running)
    delta[place] = state.delta
    unfinished[place] = running
    return delta, failed, unfinished
