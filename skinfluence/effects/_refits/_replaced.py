"""Optima when rows are replaced: conjugate Newton steps, a block of edits at once."""

import numpy as np

from skinfluence.effects._refits._problems import EditedProblems, Metric, PerEdit
from skinfluence.effects._refits._step_lengths import find_lengths
from skinfluence.linalg import block_size, row_blocks

#: A refit stops when a step, in the norm of H, is this small relative to the first one.
TOLERANCE = 1e-10
MAX_ITER = 60
#: The Newton step stops when a step is this small relative to the first one, or after so many. A
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


def replaced_optima(objective, inverse, edits, update):
    """Changes of the coefficients (B, K, q) to converged optima, and a mask of edits that failed.

    They fail where a new row pulls along a direction in which the data had no curvature (constant
    or duplicated columns without a penalty): the inverse knows nothing of it.
    """
    delta, failed, unfinished = _descend_from(objective, inverse, edits, MAX_ITER, TOLERANCE)
    return delta, failed | unfinished


def few_steps(objective, inverse, edits, update):
    """(changes, failed) by a few steps; for squared error until they converge."""
    stop = NEWTON_STEPS, NEWTON_TOLERANCE
    if objective.loss.quadratic:
        stop = MAX_ITER, TOLERANCE
    return _descend_from(objective, inverse, edits, *stop)[:2]


def _descend_from(objective, inverse, edits, max_iter, tolerance):
    """Minimise a block of edited objectives by conjugate Newton steps.

    Parameters
    ----------
    objective : Objective
    inverse : InverseHessian
    edits : RowEdits
        With new rows.
    max_iter : int
    tolerance : float
        Stop when a step, in the norm of H, is this small relative to the first one.

    Returns
    -------
    delta : ndarray of shape (B, K, q)
        Change of the coefficients.
    failed : ndarray of bool, shape (B,)
        Edits that cannot be solved by these steps.
    unfinished : ndarray of bool, shape (B,)
        Edits that would have gone on after `max_iter` steps.
    """
    B = edits.n_edits
    delta = np.zeros((B, *objective.coef.shape))
    failed, unfinished = np.zeros((2, B), dtype=bool)
    if inverse.nearly_interpolates and not edits.new.same_features and not inverse.hessian.damping:
        return delta, ~failed, unfinished  # updates of the inverse would lose their digits
    place = np.arange(B)  # of the edits that still go on
    running = edits.moves(objective)
    problems = EditedProblems(objective, inverse, edits)
    state, first = Steps(problems), None
    failed |= running & state.leaves_curvature()
    running &= ~failed
    for _ in range(max_iter):
        downhill = -state.metric.direction(state.gradient, state.raw_new)
        energy = np.sqrt(np.abs(np.einsum("bkq,bkq->b", downhill, state.gradient)))
        first = energy if first is None else first
        small = np.abs(state.gradient).max(axis=(1, 2)) <= problems.rounding
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


class Steps(PerEdit):
    """State of a block of problems and its conjugate steps; raw predictions are carried along.

    Attributes
    ----------
    delta : ndarray of shape (B, K, q)
        Change of the coefficients so far.
    gradient : ndarray of shape (B, K, q)
    """

    per_edit = ("delta", "gradient", "raw_new", "_direction", "_downhill", "_before")

    def __init__(self, problems):
        self.problems = problems
        objective = problems.objective
        B = len(problems)
        self.metric = Metric(problems)
        self.delta = np.zeros((B, *objective.coef.shape))
        self.raw = np.repeat(objective.raw_prediction[:, None, :], B, axis=1)  # shape: (n, B, K)
        self.raw_new = objective.raw_predictions(problems.edits.new.predictor)  # shape: (B, K)
        self.gradient = problems.gradient_at_start(self.raw_new)
        self._direction = self._downhill = self._before = None  # of the last step, and its gradient

    def keep(self, some):
        super().keep(some)
        self.problems.keep(some)
        self.metric.keep(some)
        self.raw = self.raw[:, some]

    def leaves_curvature(self):
        """Mask (B,) of gradients that leave the directions in which the data had curvature."""
        null_space = self.metric.inverse.report.null_space  # shape: (p, m)
        flat = self.gradient.reshape(len(self.gradient), -1)
        outside = np.abs(flat @ null_space).max(axis=1, initial=0.0)
        return outside > 1e-8 * np.abs(flat).max(axis=1)

    def step(self, downhill, running):
        """One conjugate step of those that are `running`, a mask (B,)."""
        direction = self._conjugate(downhill)
        direction[~running] = 0.0
        length, residual = self._move(direction)
        self.delta += length[:, None, None] * direction
        self._direction, self._downhill, self._before = direction, downhill, self.gradient
        self.gradient = self._gradient(residual)

    def _conjugate(self, downhill):
        if self._before is None:
            return downhill.copy()
        change = np.einsum("bkq,bkq->b", downhill, self.gradient - self._before)
        size = np.einsum("bkq,bkq->b", self._downhill, self._before)
        with np.errstate(divide="ignore", invalid="ignore"):
            beta = np.maximum(0.0, change / size)  # Polak and Ribiere
        beta[~np.isfinite(beta)] = 0.0
        out = downhill + beta[:, None, None] * self._direction
        uphill = np.einsum("bkq,bkq->b", out, self.gradient) >= 0.0
        out[uphill] = downhill[uphill]
        return out

    def _gradient(self, known):
        """By the weighted derivatives (n, B, K) of the losses here, where these are known."""

        def residuals(rows):
            if known is None:
                return self.problems.residuals(self.raw[rows], rows)
            return known[rows]

        return self.problems.gradient(self.delta, residuals, self.raw_new)

    def _move(self, direction):
        """Go along the direction as far as it goes down.

        Gives the length of each step (B,), and the weighted derivatives of the losses there
        (n, B, K), or None where they were not evaluated.
        """
        problems, objective = self.problems, self.problems.objective
        B, K, q = direction.shape
        moved = objective.design.matmul(direction.reshape(B * K, q).T).reshape(-1, B, K)
        moved_new = np.einsum("bkq,bq->bk", direction, problems.new)
        pulled = problems.penalised(objective.coef + self.delta) - problems.left_over
        base = np.einsum("bkq,bkq->b", direction, pulled)
        curved = np.einsum("bkq,bkq->b", objective.penalty.times(direction), direction)

        residual, evaluated, sums = np.empty_like(moved), np.full(B, np.nan), np.zeros(B)

        def slope(length):
            other = np.flatnonzero(length != evaluated)  # the rest is known
            if 4 * len(other) > 3 * B:
                other = slice(None)
            evaluated[other], sums[other] = length[other], 0.0
            out = base + length * curved
            new = problems.new_residuals(self.raw_new + length[:, None] * moved_new)
            out += np.einsum("bk,bk->b", new, moved_new)
            for rows in row_blocks(objective.n_rows, 24 * B * K, cache_mib=1.0):
                along = moved[rows, other]
                raw = self.raw[rows, other] + length[other, None] * along
                found = problems.residuals(raw, rows, other)
                residual[rows, other] = found
                sums[other] += np.einsum("nbk,nbk->b", found, along)
            return out + sums

        start = np.einsum("bkq,bkq->b", direction, self.gradient)
        length = find_lengths(slope, start)
        for rows in row_blocks(objective.n_rows, 16 * B * K, cache_mib=1.0):
            self.raw[rows] += length[:, None] * moved[rows]
        self.raw_new += length[:, None] * moved_new
        return length, residual if np.array_equal(evaluated, length) else None
