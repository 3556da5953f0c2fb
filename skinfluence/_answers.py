"""Influences in blocks: the one loop behind influence, top_influences and explain."""

import numpy as np
from sklearn.utils import gen_batches

from skinfluence._health import warn_of_null_directions
from skinfluence.effects import METHODS, first_order, newton_step, refit_rows
from skinfluence.linalg import block_size
from skinfluence.objectives import minimize
from skinfluence.solvers import AutoSolver


def resolve_method(method, inverse):
    """The effect that a method name stands for: auto takes the Newton step where it is cheap."""
    if method == "auto":
        return "newton_step" if inverse.factorized else "first_order"
    if method not in METHODS:
        raise ValueError(f"method={method!r} is not known. Expected one of {['auto', *METHODS]}.")
    return method


def influence_blocks(linearization, design, target, method, rows, out=None):
    """Yield (slice of test rows, slice of `rows`, influences) until all pairs are covered.

    Parameters
    ----------
    linearization : Linearization
    design : Design of the test rows
    target : target of the test rows, see resolve_target
    method : {"first_order", "newton_step", "refit"}
    rows : ndarray of int
        Training rows whose removal is asked about.
    out : ndarray of shape (n_test, n_rows) or None
        Where the influences are written; without it each block has an array of its own.
    """
    n_test, K = design.shape[0], linearization.objective.n_outputs
    row_step = max(1, len(rows))
    if method == "refit":
        row_step = min(row_step, linearization.refit_width())
    for a in range(0, len(rows), row_step):
        some = slice(a, min(a + row_step, len(rows)))
        objective, changes = linearization.changes(method, rows[some])
        width = some.stop - some.start
        # beside the influences: with several outputs, each one's change of the raw predictions
        step = block_size(8 * width * (1 if method == "first_order" or K == 1 else 2 * K))
        for start in range(0, n_test, step):
            tests = slice(start, min(start + step, n_test))
            if out is None:
                values = np.empty((tests.stop - start, width), linearization.objective.design.dtype)
            else:
                values = out[tests, some]
            part, mine = design.take(tests), target.take(tests)
            raw = objective.raw_predictions(part)
            if method == "first_order":
                changes.contracted(part, mine.slopes(raw), values)
            else:
                _fill(values, mine, raw, changes, part)
            yield tests, some, values


def _fill(values, target, raw, changes, design):
    """Changes of the target where the raw predictions really move, a few test rows at a time.

    With one output the changes of the raw predictions are written where the influences go, and
    the elementwise work is done in pieces that stay in the cache.
    """
    K = raw.shape[1]
    moved = changes.raw_prediction_changes(design, values[:, :, None] if K == 1 else None)
    for piece in gen_batches(len(raw), block_size(8 * values.shape[1] * K, cache_mib=0.5)):
        values[piece] = target.take(piece).changes(raw[piece], moved[piece])


class Linearization:
    """An objective with its inverse Hessian, and the optimum that refits start from.

    Everything is made at first use and kept: one factorisation serves every question.

    Parameters
    ----------
    explained : Explained
        With the objective at the coefficients that are explained.
    solver : Solver
    damping : float
    n_jobs : int or None
    """

    def __init__(self, explained, solver, damping, n_jobs):
        self.explained = explained
        self.objective = explained.objective
        self.solver = solver
        self.damping = damping
        self.n_jobs = n_jobs
        self._inverse = self._optimum = self._optimum_inverse = None

    @property
    def inverse(self):
        """Inverse of the (damped) Hessian; warns of null directions when it is made."""
        if self._inverse is None:
            self._inverse = self.solver.factorize(self.objective.hessian(self.damping))
            warn_of_null_directions(self.explained, self._inverse.report)
        return self._inverse

    @property
    def optimum(self):
        """The objective at its optimum: what refitted models are compared with."""
        if self._optimum is None:
            self._optimum = minimize(self.objective, AutoSolver.for_newton_steps()).objective
        return self._optimum

    @property
    def optimum_inverse(self):
        """Inverse of the undamped Hessian at the optimum."""
        if self.optimum is self.objective and self.damping == 0 and self.inverse.factorized:
            return self.inverse
        if self._optimum_inverse is None:
            self._optimum_inverse = AutoSolver().factorize(self.optimum.hessian())
        return self._optimum_inverse

    def changes(self, method, rows):
        """(reference objective, changes of the coefficients) for the removal of rows."""
        if method == "refit":
            made = refit_rows(
                self.optimum,
                self.optimum_inverse,
                rows,
                solver=AutoSolver.for_newton_steps(),
                n_jobs=self.n_jobs,
            )
            return self.optimum, made
        effect = first_order if method == "first_order" else newton_step
        return self.objective, effect(self.objective, self.inverse, rows)

    def own_changes(self, method, rows):
        """(reference objective, changes of each removed row's own raw predictions (n, K))."""
        if method == "refit":
            step = self.refit_width()
            parts = [self._own_refits(rows[a : a + step]) for a in range(0, len(rows), step)]
            return self.optimum, np.concatenate(parts)
        objective, changes = self.changes(method, rows)
        return objective, changes.own_raw_prediction_changes()

    def _own_refits(self, rows):
        objective, changes = self.changes("refit", rows)
        Z = objective.design.take(rows).to_dense()
        return np.einsum("nkq,nq->nk", changes.coef_changes(), Z)

    def refit_width(self):
        """Refits whose coefficients are held at a time."""
        return block_size(16 * self.objective.n_parameters)


def top_k(blocks, n_test, k, order):
    """Indices into `rows` and values of the k strongest influences of each test row.

    Merges block by block, so that the whole matrix never exists. NaN (rows without an answer)
    never ranks. Ties go to the lower row number. The third result is the sum of absolute
    influences of each test row, over all rows.
    """
    best = np.full((n_test, k), -np.inf)
    values = np.full((n_test, k), np.nan)
    index = np.full((n_test, k), -1)
    total = np.zeros(n_test)
    strength = {"magnitude": np.abs, "helpful": np.positive, "harmful": np.negative}[order]
    for tests, some, block in blocks:
        total[tests] += np.nansum(np.abs(block), axis=1)
        key = strength(block)
        key = np.where(np.isnan(key), -np.inf, key)
        if key.shape[1] > k:
            near = np.sort(np.argpartition(-key, k - 1, axis=1)[:, :k], axis=1)
        else:
            near = np.tile(np.arange(key.shape[1]), (len(key), 1))
        merged = np.concatenate([best[tests], np.take_along_axis(key, near, 1)], axis=1)
        candidates = np.concatenate([values[tests], np.take_along_axis(block, near, 1)], axis=1)
        places = np.concatenate([index[tests], near + some.start], axis=1)
        chosen = np.argsort(-merged, axis=1, kind="stable")[:, :k]
        best[tests] = np.take_along_axis(merged, chosen, 1)
        values[tests] = np.take_along_axis(candidates, chosen, 1)
        index[tests] = np.take_along_axis(places, chosen, 1)
    index[np.isnan(values)] = -1
    return index, values, total
