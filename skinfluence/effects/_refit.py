"""Really refit: converged optima for whole blocks of changed weights at once."""

import warnings
from functools import partial

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skinfluence._utils.progress import progress_bar
from skinfluence.effects._anderson import Anderson
from skinfluence.effects._changes import RefittedChanges, WeightChanges
from skinfluence.effects._group_first_order import parts
from skinfluence.effects._hinge_refit import refit_hinge, warn_of_cost
from skinfluence.effects._least_norm import (
    crossing_rows,
    groups_to_least_norm,
    takes_least_norm,
    to_least_norm,
)
from skinfluence.effects._residuals import weighted_residual
from skinfluence.effects._truncated import (
    crossing_removals,
    is_truncated,
    truncated_change,
    truncated_groups,
    truncated_removals,
)
from skinfluence.kernels import job_threads, run_chunks
from skinfluence.linalg import block_size, row_blocks
from skinfluence.objectives import is_optimum, minimize

#: Stop when the step, in the norm of H, is this small relative to the first one.
TOLERANCE = 1e-10
MAX_ITER = 80


def refit(objective, inverse, changes, *, solver, n_jobs=None, verbose=0, width=None, part=None):
    """Optimum without the rows (or with changed weights), converged, for every change.

    All changes of a block iterate together: their gradients are two matrix products, the Newton
    direction reuses the factorised Hessian, downdated by the leverage identity where a change
    touches one row, and is accelerated where the Hessian moves (Anderson). A change that does not
    converge that way gets Newton's method with a factorisation of its own. The estimator's
    tolerance plays no part. Where least squares without a penalty has many optima, it is the one of
    least norm, which LinearRegression takes.

    Parameters
    ----------
    objective : Objective
        At its optimum: the reference that the changes are measured from.
    inverse : InverseHessian
        Of ``objective.hessian()``, without damping. Where a smooth hinge stands in it plays no
        part, and may be None.
    changes : WeightChanges
    solver : Solver
        For the changes that need a factorisation of their own.
    n_jobs : int or None
        Threads over blocks, None for as many as numpy's BLAS would use; the result does not
        depend on it.
    verbose : int or None
        Whether progress is shown.
    width : int or None
        Changes that iterate together; None for what suits changes of few rows. The last digits
        depend on it.
    part : (int, int) or None
        Where these are a part of more: how many were made before, and how many there are in all.

    Returns
    -------
    RefittedChanges

    Warns
    -----
    ConvergenceWarning
        Names the changes without an optimum (separable data without a penalty, say); NaN there.
    """
    if is_truncated(objective, inverse):
        single = changes.single_rows
        if single is None or changes.factor.any():
            return truncated_groups(objective, parts(changes))
        return truncated_removals(objective, single)
    size = _block_width(objective) if width is None else width
    scale = objective.gradient_scale
    starts = range(0, changes.n_changes, size)
    n_threads = job_threads(n_jobs)
    first, total = (0, changes.n_changes) if part is None else part
    if objective.stands_in:
        _ = objective.hinge_machines  # made before threads share them
        if first == 0:
            warn_of_cost(objective, changes, total)
    shown = {"what": "refits", "unit": "models", "verbose": verbose}
    with progress_bar(total=total, first=first, **shown) as reach:

        def work(start):
            block = changes.block(start, min(start + size, changes.n_changes))
            done = partial(reach, start)
            if objective.stands_in:
                return refit_hinge(objective, block, done)
            if not objective.predictor.linear:
                return _refit_one_by_one(objective, block, solver, done)
            return _refit_block(objective, inverse, block, solver, scale, done)

        made = list(run_chunks(work, list(starts), n_threads))
    shape = (0, *objective.coef.shape)
    coef = np.concatenate([p[0] for p in made]) if made else np.zeros(shape)
    lost = [a + i for a, p in zip(starts, made, strict=True) for i in p[1]]
    if lost and objective.refit_cut is not None:  # singular values tell what iterations do not
        for b in lost:
            mine = changes.block(b, b + 1)
            coef[b] = truncated_change(objective.with_weights(mine.row, mine.factor))
        lost = [b for b in lost if np.isnan(coef[b]).any()]
    if lost:
        named = changes.single_rows
        what = "changes" if named is None else "removed rows"
        names = lost[:10] if named is None else objective.shown_rows(named[lost])
        warnings.warn(
            f"{len(lost)} of {changes.n_changes} refits did not reach an optimum and are NaN "
            f"({what} {names}). The model without these rows may have no finite optimum (separable "
            "classes without a penalty, an undetermined coefficient): add a penalty.",
            ConvergenceWarning,
            stacklevel=2,
        )
    if takes_least_norm(objective, inverse):
        if changes.single_rows is None:
            groups_to_least_norm(objective, inverse, changes, coef)
        else:
            rows = changes.single_rows
            to_least_norm(objective, inverse, rows, coef)
            gone = np.flatnonzero(changes.factor == 0.0)
            some = gone[crossing_rows(objective, inverse, rows[gone])]
            if len(some):
                coef[some] = crossing_removals(objective, rows[some]).coef_changes()
    return RefittedChanges(coef)


def _block_width(objective):
    """Changes that iterate together: wide matrix products, and a history that stays small."""
    return int(np.clip(block_size(64 * objective.n_parameters), 16, 256))


def _refit_block(objective, inverse, changes, solver, gradient_scale, reach):
    """(coef changes (B, K, q), positions of the changes without an optimum).

    `reach` is told how many are done, in parts: by how far they have fallen.
    """
    problem = _ChangedProblems(objective, changes, gradient_scale)
    metric = _Metric(objective, inverse, changes)
    B = changes.n_changes
    delta = np.zeros((B, *objective.coef.shape))
    active = problem.moving()
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
    lost = []
    # moved further than the model is large: perhaps on a way to infinity, where gradients vanish
    far = np.abs(delta).max(axis=(1, 2)) > np.abs(objective.coef).max()
    for b in np.flatnonzero(failed | far):
        mine = changes.block(b, b + 1)
        changed = objective.with_weights(mine.row, mine.factor)
        if failed[b]:
            result = minimize(_better_start(changed, delta[b]), solver)
            delta[b] = result.objective.coef - objective.coef
            reached = result.converged
        else:
            reached = is_optimum(changed.with_coef(objective.coef + delta[b]))
        if not reached:
            delta[b] = np.nan
            lost.append(int(b))
    reach(B)
    return delta, lost


def _refit_one_by_one(objective, changes, solver, reach):
    """The same by Newton's method for each change, for predictors that are not linear."""
    delta = np.zeros((changes.n_changes, *objective.coef.shape))
    lost = []
    for b in range(changes.n_changes):
        mine = changes.block(b, b + 1)
        result = minimize(objective.with_weights(mine.row, mine.factor), solver)
        delta[b] = result.objective.coef - objective.coef
        if not result.converged:
            delta[b] = np.nan
            lost.append(b)
        reach(b + 1)
    return delta, lost


def _better_start(changed, delta):
    """The objective where the block's iteration left it, unless that is no improvement."""
    moved = changed.with_coef(changed.coef + delta)
    return moved if moved.value() < changed.value() else changed  # false for NaN too


class _ChangedProblems:
    """Gradients of a block of objectives that differ from one by a few row weights."""

    def __init__(self, objective, changes, gradient_scale):
        self.objective = objective
        self.changes = changes
        weights = objective.weights
        B = changes.n_changes
        self.class_ratio = None  # shape: (B, C)
        if weights.balanced:
            lost = (changes.factor - 1.0) * weights.counts[changes.row]
            moved = np.zeros((B, weights.n_classes))
            np.add.at(moved, (changes.change, weights.codes[changes.row]), lost)
            self.class_ratio = weights.class_ratio(moved)
        self.penalty_ratio = np.ones(B)
        if objective.penalty_scaling == "mean":
            lost = (changes.factor - 1.0) * weights.base[changes.row]
            share = np.bincount(changes.change, weights=lost, minlength=B) / weights.base.sum()
            self.penalty_ratio = 1.0 + share
        self.rounding = 4 * np.finfo(float).eps * gradient_scale

    def moving(self):
        """Changes that move the objective at all."""
        changes = self.changes
        moves = (changes.factor != 1.0) & self.objective.weights.matter(changes.row)
        return np.unique(changes.change[moves])

    def gradient_at_start(self, weighted_residual):
        """Gradients at the common start: the full gradient is zero there, so only changes count.

        `weighted_residual` gives s_i r_i of some rows.
        """
        objective, changes = self.objective, self.changes
        if self.class_ratio is not None:
            return self.gradient(
                np.zeros((changes.n_changes, *objective.coef.shape)), np.arange(changes.n_changes)
            )
        lost = self.penalty_ratio - 1.0
        out = lost[:, None, None] * objective.penalty.gradient(objective.coef)
        pulled = weighted_residual(changes.row)
        pulled = pulled * (changes.factor - 1.0)[:, None]  # shape: (n_triples, K)
        step = block_size(8 * objective.n_parameters)
        for a in range(0, len(changes.row), step):
            part = slice(a, a + step)
            Z = objective.design.take(changes.row[part]).to_dense()
            np.add.at(out, changes.change[part], pulled[part][:, :, None] * Z[:, None, :])
        return out

    def gradient(self, delta, active):
        """J' at coef + delta for the active changes: two matrix products, (n_active, K, q)."""
        objective = self.objective
        K, q = objective.coef.shape
        n_active = len(active)
        theta = objective.coef + delta  # shape: (n_active, K, q)
        place = np.full(self.changes.n_changes, -1)
        place[active] = np.arange(n_active)
        mine = place[self.changes.change]
        triples = np.flatnonzero(mine >= 0)
        order = np.argsort(self.changes.row[triples], kind="stable")
        triples = triples[order]
        sorted_rows = self.changes.row[triples]
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
            inside = triples[a:b]
            local = self.changes.row[inside] - rows.start
            residual[local, mine[inside]] *= self.changes.factor[inside, None]
            out += predictor.design.rmatmul(residual.reshape(-1, n_active * K))
        gradient = np.ascontiguousarray(out.T).reshape(n_active, K, q)
        penalised = objective.penalty.gradient(theta)
        gradient += self.penalty_ratio[active, None, None] * penalised
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

    def __init__(self, objective, inverse, changes):
        self.inverse = inverse
        self.rows = changes.single_rows
        if self.rows is None:
            return
        lost = 1.0 - changes.factor
        curvature = objective.row_curvature(self.rows)
        self.curvature = curvature.scaled(lost[:, None])
        system = inverse.leverage_system(self.rows, curvature)
        self.system = system if (lost == 1.0).all() else system.scaled(self.curvature)
        K, q = objective.coef.shape
        self.reach = np.empty((K, q, K, len(self.rows)))  # H^-1 E_b
        for k in range(K):
            unit = np.zeros((len(self.rows), K))
            unit[:, k] = 1.0
            self.reach[:, :, k] = inverse.solve_rows(self.rows, unit).reshape(K, q, -1)

    def newton_direction(self, gradient, active):
        B, K, q = gradient.shape
        out = self.inverse.solve(gradient.reshape(B, K * q).T).T.reshape(B, K, q)
        if self.rows is None:
            return out
        reach = self.reach[..., active]
        own = np.einsum("kqjb,bkq->bj", reach, gradient)  # E' H^-1 G
        right = self.curvature.take(active).apply(own)
        pull, full = self.system.take(active).solve(right)
        pull[full] = 0.0  # leverage one: leave the direction alone, the iteration decides
        return out + np.einsum("kqjb,bj->bkq", reach, pull)


def refit_rows(objective, inverse, rows, **settings):
    """:func:`refit` for the removal of single rows."""
    return refit(objective, inverse, WeightChanges.removals(rows), **settings)
