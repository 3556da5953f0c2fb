"""Blocks of edits on threads, and Newton's own method where their joint iteration fails."""

from functools import partial
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skinfluence._utils.progress import progress_bar
from skinfluence._utils.warnings import warn_user
from skinfluence.effects._changes import StoredChanges
from skinfluence.effects._least_norm import to_least_norm
from skinfluence.effects._refits._hinge import refit_hinge, warn_of_cost
from skinfluence.effects._refits._local import local_optima
from skinfluence.effects._refits._replaced import few_steps, replaced_optima, replaced_width
from skinfluence.effects._refits._reweighted import reweighted_optima, reweighted_width
from skinfluence.effects._refits._selected import refit_entries, refit_selected
from skinfluence.effects._truncated import truncated_change
from skinfluence.kernels import job_threads, run_chunks
from skinfluence.objectives import is_optimum, minimize
from skinfluence.objectives._local import local_objective
from skinfluence.objectives._newton import OPTIMUM
from skinfluence.solvers import AutoSolver


def converged_optima(
    objective,
    inverse,
    edits,
    *,
    solver=None,
    n_jobs=None,
    verbose=0,
    width=None,
    part=None,
    tolerance=None,
):
    """Changes to the converged optimum after each edit; see :func:`~.._refit.refit`."""
    if objective.stands_in:
        _ = objective.hinge_machines  # made before threads share them
        if part is None or part[0] == 0:
            warn_of_cost(objective, edits, edits.n_edits if part is None else part[1])
        work = partial(refit_hinge, objective)
    else:
        solver = AutoSolver.for_newton_steps() if solver is None else solver
        iterate: Any = reweighted_optima if edits.new is None else replaced_optima
        if not objective.predictor.moves_to_optimum:
            work = partial(local_optima, objective, inverse)
            return _all_blocks(objective, inverse, edits, work, n_jobs, verbose, width, part)
        if not objective.predictor.linear:
            iterate = _no_iteration
        elif tolerance is not None and edits.new is None:
            iterate = partial(iterate, tolerance=tolerance)
        iterate = partial(iterate, objective, inverse)
        work = partial(_converged, objective, iterate, solver, rough=tolerance is not None)
        if objective.selects and objective.predictor.linear:
            work = partial(refit_selected, objective, iterate)
        elif objective.selects:
            work = partial(refit_entries, objective, inverse)
    return _all_blocks(objective, inverse, edits, work, n_jobs, verbose, width, part)


def conjugate_steps(objective, inverse, edits, *, n_jobs=None, verbose=0):
    """Changes by a few conjugate Newton steps after rows are replaced; exact for squared error.

    The direction of a step is Newton's, from the factorised Hessian with the old row's curvature
    taken out and the new one's put in (Woodbury's identity with 2 K columns); its length is the one
    that minimises the edited objective, over all rows and with every weight that follows; further
    steps are conjugate to those before (Polak and Ribiere), until a step is 0.5 % of the first one
    (1e-10 for squared error).
    A single step of length one, which does for the removal of a row, overshoots badly for a new
    label: a row that was predicted with confidence has no curvature until it is predicted wrongly.
    For predictors that are not linear it is Newton's method until it converges.
    Away from an optimum (``polish=False``) the gradient that is left there counts as zero, as it
    does when rows leave. Where least squares without a penalty has many optima, it is the one of
    least norm.
    """
    if not objective.predictor.moves_to_optimum:
        damping = inverse.hessian.damping / objective.weights.base.sum()
        objective = local_objective(objective, damping)
    if not objective.predictor.linear:
        return converged_optima(objective, inverse, edits, n_jobs=n_jobs, verbose=verbose)
    iterate = partial(few_steps, objective, inverse)
    work = partial(_converged, objective, iterate, AutoSolver.for_newton_steps(), check=False)
    return _all_blocks(objective, inverse, edits, work, n_jobs, verbose, None, None)


def _all_blocks(objective, inverse, edits, work, n_jobs, verbose, width, part):
    """All edits, block by block; warns of those without an optimum."""
    _ = objective.gradient_scale  # made before threads share it
    if width is None:
        width = (reweighted_width if edits.new is None else replaced_width)(objective)
    n, starts = edits.n_edits, range(0, edits.n_edits, width)
    first, total = (0, n) if part is None else part
    shown = {"what": "refits", "unit": "models", "verbose": verbose}
    with progress_bar(total=total, first=first, **shown) as update:

        def one(start):
            block = edits.take(slice(start, min(start + width, n)))
            return work(block, partial(update, start))

        made = list(run_chunks(one, list(starts), job_threads(n_jobs)))
    coef = np.concatenate([p[0] for p in made] or [np.zeros((0, *objective.coef.shape))])
    lost = [a + i for a, p in zip(starts, made, strict=True) for i in p[1]]
    if lost and objective.refit_cut is not None:  # decided by singular values
        for b in lost:
            coef[b] = truncated_change(edits.edited(objective, b))
        lost = [b for b in lost if np.isnan(coef[b]).any()]
    if lost:
        rows = edits.single_rows
        removed = "edits" if edits.removed_rows is None else "removed rows"
        what = removed if edits.new is None else "replaced rows"
        names = lost[:10] if rows is None else objective.shown_rows(rows[lost])
        warn_user(
            f"{len(lost)} of {n} refits did not reach an optimum and are NaN ({what} {names}). The "
            "edited model may have no finite optimum (one class, separable classes without a "
            "penalty, an undetermined coefficient): add a penalty.",
            ConvergenceWarning,
        )
    to_least_norm(objective, inverse, edits, coef)
    return StoredChanges(coef)


def _converged(objective, iterate, solver, edits, update, *, rough=False, check=True):
    """(changes of the coefficients (B, K, q), positions without an optimum), converged."""
    delta, failed = iterate(edits, update)
    # moved further than the model is large: perhaps towards infinity, where gradients vanish
    size = np.abs(delta).reshape(edits.n_edits, -1).max(axis=1)
    far = check & (size > np.abs(objective.coef).max())
    if rough:  # steps that stopped early say nothing of an optimum
        failed |= far
    lost = _one_by_one(objective, edits, delta, failed, far, solver, 1e-7 if rough else OPTIMUM)
    update(edits.n_edits)
    return delta, lost


def _no_iteration(objective, inverse, edits, update):
    """Every edit failed: predictors that are not linear have no joint iteration."""
    return np.zeros((edits.n_edits, *objective.coef.shape)), np.ones(edits.n_edits, dtype=bool)


def _one_by_one(objective, edits, delta, failed, doubtful, solver, tol=OPTIMUM):
    """Newton's method for the edits that failed, in place; positions without an optimum.

    The optimum of the `doubtful` ones is checked. `tol` is the stationarity at which to stop.
    """
    lost = []
    for b in np.flatnonzero(failed | doubtful):
        changed = edits.edited(objective, b)
        moved = changed.with_coef(changed.coef + delta[b])
        if failed[b]:
            better = moved.value() < changed.value()  # false for NaN too
            # a sparse model keeps its selection here, as the steps do
            result = minimize(moved if better else changed, solver, tol=tol, select=False)
            if better and not result.converged:  # at a nearly kinked loss steps may cycle
                result = minimize(changed, solver, tol=tol, select=False)
            delta[b] = result.objective.coef - objective.coef
            reached = result.converged
        else:
            reached = is_optimum(moved)
        if not reached:
            delta[b] = np.nan
            lost.append(int(b))
    return lost
