"""Optima after changes of row weights: steps by one metric, with Anderson acceleration."""

import numpy as np

from skinfluence.effects._refits._anderson import Anderson
from skinfluence.effects._residuals import weighted_residual
from skinfluence.linalg import block_size, row_blocks

#: Stop when the step, in the norm of H, is this small relative to the first one.
TOLERANCE = 1e-10
MAX_ITER = 80


def reweighted_width(objective):
    """Edits that iterate together: wide matrix products, and a history that stays small."""
    return int(np.clip(block_size(64 * objective.n_parameters), 16, 256))


def reweighted_optima(objective, inverse, edits, reach):
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
    reach : callable
        Called with the number of edits that are done, in parts: by how far they have fallen.

    Returns
    -------
    delta : ndarray of shape (n_edits, K, q)
        Changes of the coefficients.
    failed : ndarray of bool, shape (n_edits,)
        Edits that have not converged.
    """
    problem = ReweightedProblems(objective, edits)
    metric = _Metric(objective, inverse, edits)
    B = edits.n_edits
    delta = np.zeros((B, *objective.coef.shape))
    active = np.flatnonzero(edits.moves(objective))
    gradient = problem.gradient_at_start(weighted_residual(objective, inverse))[active]
    history = Anderson(depth=12)
    first = None
    failed = np.zeros(B, dtype=bool)
    for _ in range(MAX_ITER if len(active) else 0):
        step = -metric.newton_direction(gradient, active)
        energy = np.sqrt(np.abs(np.einsum("bkq,bkq->b", step, gradient)))
        if first is None:
            first = np.zeros(B)
            first[active] = energy
        bad = ~np.isfinite(energy) | (energy > 1e3 * first[active])
        small = np.abs(gradient).max(axis=(1, 2)) <= problem.rounding
        done = (energy <= TOLERANCE * first[active]) | small
        delta[active[done & ~bad]] += step[done & ~bad]
        failed[active[bad]] = True
        keep = ~(done | bad)
        if not keep.any():
            active = active[:0]
            break
        active, step = active[keep], step[keep]
        fallen = np.log(energy[keep] / first[active]) / np.log(TOLERANCE)
        reach(B - len(active) + fallen.clip(0.0, 1.0).sum())
        history.select(keep)
        delta[active] = history.advance(delta[active], step)
        gradient = problem.gradient(delta[active], active)
    failed[active] = True
    return delta, failed


class ReweightedProblems:
    """Gradients of a block of objectives that differ from one by a few row weights."""

    def __init__(self, objective, edits):
        self.objective = objective
        self.edits = edits
        weights = objective.weights
        self.class_ratio = edits.class_ratio(weights)  # shape: (B, C)
        self.penalty_ratio = np.ones(edits.n_edits)
        if objective.penalty_scaling == "mean":
            self.penalty_ratio += edits.weight_changes(weights) / weights.amounts.sum()
        self.rounding = 4 * np.finfo(float).eps * objective.gradient_scale

    def gradient_at_start(self, weighted_residual):
        """Gradients at the common start: the full gradient is zero there, so only changes count.

        `weighted_residual` gives s_i r_i of some rows.
        """
        objective, edits = self.objective, self.edits
        if self.class_ratio is not None:
            return self.gradient(
                np.zeros((edits.n_edits, *objective.coef.shape)), np.arange(edits.n_edits)
            )
        lost = self.penalty_ratio - 1.0
        out = lost[:, None, None] * objective.penalty.gradient(objective.coef)
        pulled = weighted_residual(edits.row)
        pulled = pulled * (edits.factor - 1.0)[:, None]  # shape: (n_terms, K)
        step = block_size(8 * objective.n_parameters)
        for a in range(0, len(edits.row), step):
            part = slice(a, a + step)
            Z = objective.design.take(edits.row[part]).to_dense()
            np.add.at(out, edits.edit_of_term[part], pulled[part][:, :, None] * Z[:, None, :])
        return out

    def gradient(self, delta, active):
        """J' at coef + delta for the active changes: two matrix products, (n_active, K, q)."""
        objective = self.objective
        K, q = objective.coef.shape
        n_active = len(active)
        theta = objective.coef + delta  # shape: (n_active, K, q)
        place = np.full(self.edits.n_edits, -1)
        place[active] = np.arange(n_active)
        mine = place[self.edits.edit_of_term]
        terms = np.flatnonzero(mine >= 0)
        order = np.argsort(self.edits.row[terms], kind="stable")
        terms = terms[order]
        sorted_rows = self.edits.row[terms]
        weights = objective.weights
        out = np.zeros((q, n_active * K))
        for rows in row_blocks(objective.n_rows, 8 * n_active * K, cache_mib=0.5):
            predictor = objective.predictor.take(rows)
            raw = predictor.raw_at(theta)  # shape: (n_rows, n_active, K)
            residual = objective.loss.gradient(objective.y[rows, None, :], raw)
            residual *= objective.sample_weight[rows, None, :]
            if self.class_ratio is not None:
                residual *= self._spread_ratio(weights, rows, active)
            a, b = np.searchsorted(sorted_rows, (rows.start, rows.stop))
            inside = terms[a:b]
            local = self.edits.row[inside] - rows.start
            residual[local, mine[inside]] *= self.edits.factor[inside, None]
            out += predictor.design.rmatmul(residual.reshape(-1, n_active * K))
        gradient = np.ascontiguousarray(out.T).reshape(n_active, K, q)
        gradient += self.penalty_ratio[active, None, None] * objective.penalty.gradient(theta)
        return gradient

    def _spread_ratio(self, weights, rows, active):
        """(n_rows, n_active, 1 or K) factor of the class weights that follow the change."""
        part = self.class_ratio[active]  # shape: (n_active, C)
        codes = weights.codes[rows]
        if not weights.own_output_only:
            return part.T[codes][:, :, None]
        own = codes[:, None, None] == np.arange(weights.n_classes)
        return np.where(own, part[None], 1.0)


class _Metric:
    """The Newton direction (H - E A E')^-1 G of every change, from one factorisation of H."""

    def __init__(self, objective, inverse, edits):
        self.inverse = inverse
        self.rows = edits.single_rows
        if self.rows is None:
            return
        lost = 1.0 - edits.factor
        curvature = objective.row_curvature(self.rows)
        self.curvature = curvature.scaled(lost[:, None])
        system = inverse.leverage_system(self.rows, curvature)
        self.system = system if (lost == 1.0).all() else system.scaled(self.curvature)
        K, q = objective.coef.shape
        self.solved_rows = np.empty((K, q, K, len(self.rows)))  # H^-1 E_b
        for k in range(K):
            unit = np.zeros((len(self.rows), K))
            unit[:, k] = 1.0
            self.solved_rows[:, :, k] = inverse.solve_rows(self.rows, unit).reshape(K, q, -1)

    def newton_direction(self, gradient, active):
        B, K, q = gradient.shape
        out = self.inverse.solve(gradient.reshape(B, K * q).T).T.reshape(B, K, q)
        if self.rows is None:
            return out
        solved = self.solved_rows[..., active]
        own = np.einsum("kqjb,bkq->bj", solved, gradient)  # E' H^-1 G
        right = self.curvature.take(active).apply(own)
        pull, full = self.system.take(active).solve(right)
        pull[full] = 0.0  # leverage one: leave the direction alone, the iteration decides
        return out + np.einsum("kqjb,bj->bkq", solved, pull)
