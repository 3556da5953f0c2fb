"""The optimum when a row is replaced: conjugate Newton steps, whole blocks of changes at once."""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skinfluence._utils.progress import progress_bar
from skinfluence.effects._changes import RefittedChanges
from skinfluence.effects._hinge_refit import replace_hinge
from skinfluence.effects._least_norm import crossing_rows, takes_least_norm, to_least_norm
from skinfluence.effects._replaced_problems import ReplacedProblems, Steps
from skinfluence.effects._truncated import (
    crossing_replacements,
    is_truncated,
    truncated_replacements,
)
from skinfluence.kernels import job_threads, run_chunks
from skinfluence.linalg import block_size
from skinfluence.objectives import is_optimum, minimize
from skinfluence.solvers import AutoSolver

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


def replace_newton_step(objective, inverse, replacement, *, n_jobs=None, verbose=0):
    """Effect of replacing each row by a few conjugate Newton steps; exact for squared error.

    The direction of a step is Newton's, from the factorised Hessian with the old row's curvature
    taken out and the new one's put in (Woodbury's identity with 2 K columns); its length is the one
    that minimises the changed objective, over all rows and with every weight that follows; further
    steps are conjugate to those before (Polak and Ribiere), until a step is 0.5 % of the first one
    (1e-10 for squared error).
    A single step of length one, which does for the removal of a row, overshoots badly for a new
    label: a row that was predicted with confidence has no curvature until it is predicted wrongly.
    Away from an optimum (``polish=False``) the gradient that is left there counts as zero, as it
    does when rows leave. Where least squares without a penalty has many optima, it is the one of
    least norm, as for :func:`replace_refit`.

    Parameters
    ----------
    objective : Objective
    inverse : InverseHessian
    replacement : Replacement
    n_jobs : int or None
    verbose : int

    Returns
    -------
    RefittedChanges

    Warns
    -----
    ConvergenceWarning
        For rows whose replacement leaves no optimum, where that is seen; NaN there.
    """
    solver = AutoSolver.for_newton_steps()
    stop = NEWTON_STEPS, NEWTON_TOLERANCE
    if objective.loss.quadratic:  # one step, and where class weights follow a few: exact
        stop = MAX_ITER, TOLERANCE
    work = _Work(objective, solver, *stop, converge=False)
    return _all_blocks(objective, inverse, replacement, work, n_jobs, verbose)


def replace_refit(objective, inverse, replacement, *, solver, n_jobs=None, verbose=0):
    """Really refit with each row replaced: the same steps until they have converged.

    Parameters
    ----------
    objective : Objective
        At its optimum: the reference that the changes are measured from.
    inverse : InverseHessian
        Of ``objective.hessian()``, without damping.
    replacement : Replacement
    solver : Solver
        For the changes that need factorisations of their own.
    n_jobs : int or None
        Threads over blocks, None for as many as numpy's BLAS would use; the result does not
        depend on it.
    verbose : int
        Whether to show a progress bar.

    Returns
    -------
    RefittedChanges

    Warns
    -----
    ConvergenceWarning
        Names the rows whose replacement leaves no optimum (one class, without a penalty); NaN
        there.
    """
    work = _Work(objective, solver, MAX_ITER, TOLERANCE, converge=True)
    return _all_blocks(objective, inverse, replacement, work, n_jobs, verbose)


def _all_blocks(objective, inverse, replacement, work, n_jobs, verbose):
    """All changes, block by block; warns of those without an optimum."""
    if is_truncated(objective, inverse):
        return truncated_replacements(objective, replacement)
    width = _block_width(objective)
    starts = list(range(0, len(replacement), width))

    with progress_bar(
        total=len(starts), what="replacements", unit="blocks", verbose=verbose
    ) as reach:

        def one(start):
            block = replacement.take(slice(start, min(start + width, len(replacement))))
            if objective.stands_in and work.converge:
                done = replace_hinge(objective, block)
            else:
                done = work(ReplacedProblems(objective, inverse, block))
            reach(start, 1)
            return done

        parts = list(run_chunks(one, starts, job_threads(n_jobs)))
    coef = np.concatenate([np.zeros((0, *objective.coef.shape)), *(p[0] for p in parts)])
    lost = [a + i for a, p in zip(starts, parts, strict=True) for i in p[1]]
    if lost:
        warnings.warn(
            f"{len(lost)} of {len(replacement)} refits did not reach an optimum and are NaN "
            f"(replaced rows {objective.shown_rows(replacement.rows[lost])}). The model with these "
            "rows replaced may have no finite optimum (one class, separable classes without a "
            "penalty, an undetermined coefficient): add a penalty.",
            ConvergenceWarning,
            stacklevel=3,
        )
    if takes_least_norm(objective, inverse):
        new = replacement.predictor.design.to_dense()
        to_least_norm(objective, inverse, replacement.rows, coef, new)
        some = crossing_rows(objective, inverse, replacement.rows, replaced=True)
        if len(some):
            coef[some] = crossing_replacements(objective, replacement.take(some))
    return RefittedChanges(coef)


def _block_width(objective):
    """Changes that go together: wide matrix products, but few arrays of raw predictions."""
    K = objective.n_outputs
    bytes_per_change = 40 * objective.n_rows * K + 8 * (6 + 2 * K) * objective.n_parameters
    return int(np.clip(block_size(bytes_per_change, BLOCK_MIB), 1, 256))


class _Work:
    """What is done for a block: steps for all together, then Newton's own method where they fail.

    They fail where a new row pulls along a direction in which the data had no curvature (constant
    or duplicated columns without a penalty): the inverse knows nothing of it.
    """

    def __init__(self, objective, solver, max_iter, tolerance, converge):
        self.objective = objective
        self.solver = solver
        self.stop = {"max_iter": max_iter, "tolerance": tolerance}
        self.converge = converge
        self.rounding = 4 * np.finfo(float).eps * objective.gradient_scale

    def __call__(self, problems):
        """(coefficient changes (B, K, q), positions without an optimum)."""
        new, coef = problems.replacement, self.objective.coef
        if problems.loses_digits:
            delta = np.zeros((len(new), *coef.shape))
            failed = unfinished = np.ones(len(new), dtype=bool)
        else:
            delta, failed, unfinished = descend(problems, self.rounding, **self.stop)
        doubtful = np.zeros(len(delta), dtype=bool)
        if self.converge:
            failed |= unfinished
            # moved further than the model is large: perhaps on a way to infinity
            doubtful = np.abs(delta).max(axis=(1, 2)) > np.abs(coef).max()
        lost = []
        for b in np.flatnonzero(failed | doubtful):
            one = new.take(slice(b, b + 1))
            changed = self.objective.with_rows_replaced(one.rows, one.predictor, one.y, one.codes)
            moved = changed.with_coef(coef + delta[b])
            if failed[b]:
                better = moved.value() < changed.value()  # false for NaN too
                result = minimize(moved if better else changed, self.solver)
                delta[b] = result.objective.coef - coef
                reached = result.converged
            else:
                reached = is_optimum(moved)
            if not reached:
                delta[b] = np.nan
                lost.append(int(b))
        return delta, lost


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
    running = problems.move()
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
