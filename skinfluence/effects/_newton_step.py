"""One Newton step on the objective without the row, by the leverage identity."""

from functools import partial

import numpy as np

from skinfluence._utils.warnings import warn_user
from skinfluence.effects._changes import CombinedChanges
from skinfluence.effects._edits import RowEdits
from skinfluence.effects._group_newton_step import group_newton_step
from skinfluence.effects._least_norm import crossing_rows, least_norm_residuals, takes_least_norm
from skinfluence.effects._linear_changes import LinearChanges, low_rank_raw_changes
from skinfluence.effects._refits import conjugate_steps
from skinfluence.effects._registry import register_effect
from skinfluence.effects._residuals import weighted_residual
from skinfluence.effects._truncated import crossing_refits, is_truncated, truncated_refits
from skinfluence.objectives import Coupling
from skinfluence.solvers import AutoSolver


@register_effect(
    "newton_step", second_derivative=True, edited_model=True, settings=("n_jobs", "verbose")
)
def newton_step(objective, inverse, edits, *, n_jobs=None, verbose=0):
    """Effect of each edit by one Newton step on the edited objective; exact for squared loss.

    A row that is removed takes the leverage identity, in which the influence function is corrected
    by the row's leverage; see :func:`deleted_rows`. Rows that are removed or reweighted together
    take Woodbury's identity or a factorisation of what is left; see
    :func:`~._group_newton_step.group_newton_step`. For a replaced row one step is not enough: it
    takes a few conjugate ones; see :func:`~._refits.conjugate_steps`.

    Parameters
    ----------
    objective : Objective
    inverse : InverseHessian
        Of the second derivative itself: with the inverse of a Fisher matrix it is no Newton step.
    edits : RowEdits
    n_jobs : int or None
        Threads for replaced rows.
    verbose : int
        Whether to show progress for replaced rows.

    Returns
    -------
    Changes

    Warns
    -----
    RuntimeWarning
        For edits that leave the model undetermined; they get NaN.
    ConvergenceWarning
        For rows whose replacement leaves no optimum, where that is seen; NaN there.
    """
    if is_truncated(objective, inverse):
        return truncated_refits(objective, edits)
    if edits.new is not None:
        return conjugate_steps(objective, inverse, edits, n_jobs=n_jobs, verbose=verbose)
    if edits.removed_rows is None:
        return group_newton_step(objective, inverse, edits)
    return deleted_rows(objective, inverse, edits.row)


def deleted_rows(objective, inverse, rows):
    """Effect of removing each row by one Newton step.

    The Hessian without row i is H - E_i A_i E_i' with E_i' the Jacobian of its raw predictions,
    I_K (x) z_i' for linear predictors, and A_i the row's weighted curvature. (Where a predictor is
    not linear, the second derivative of the row's own raw predictions stays in H.) By Woodbury's
    identity its inverse applied to the row's gradient is
    ``H^-1 E_i (I - A_i M_i)^-1 s_i r_i`` with M_i = E_i' H^-1 E_i: the influence function with the
    residual r_i corrected by the row's leverage, its deleted residual. The inverse forms
    I - A_i M_i without cancellation
    (:class:`~skinfluence.solvers._direct.leverage.LeverageSystem`). For a row of leverage one there
    is no such step; least squares without a penalty then takes the optimum of least norm. Where
    other rows' weights follow (balanced classes, penalty in mean form) gradient and Hessian are
    those of the objective that is left: one factorisation serves all rows of one class and one
    sample weight, and a few serve a class of uneven weights (see
    :meth:`~skinfluence.objectives.Coupling.groups_with_equal_downdate`).
    """
    coupling = Coupling(objective)
    residual = weighted_residual(objective, inverse)
    if not coupling:
        deleted, full, own = _kept_residual(objective, inverse, rows, residual)
        if full.any() and takes_least_norm(objective, inverse):
            deleted, own = deleted.copy(), None
            deleted[full] = least_norm_residuals(objective, inverse, rows[full])
        else:
            _warn_of_full_leverage(objective, inverse, rows[full])
        some = crossing_rows(objective, inverse, rows)
        if not len(some):
            return LinearChanges(inverse, rows, deleted, own=own)
        refitted = crossing_refits(objective, RowEdits.removals(rows[some]))
        if len(some) == len(rows):
            return refitted
        rest = np.delete(np.arange(len(rows)), some)
        linear = LinearChanges(inverse, rows[rest], deleted[rest])
        return CombinedChanges([(rest, linear), (some, refitted)], len(rows))
    damping = inverse.hessian.damping / objective.weights.base.sum()
    parts, undetermined = [], []
    for place, nodes in coupling.groups_with_equal_downdate(rows):
        some = rows[place]
        for removal, share in nodes:
            ratios = {"class_ratio": removal.class_ratio, "penalty_ratio": removal.penalty_ratio}
            make = partial(_factorize_left, objective, damping, **ratios)
            left = inverse.cached(removal.key, make)
            deleted, full, _ = _deleted_residual(objective, left, removal, some, residual)
            coefs, share = share[:, None] * removal.low_rank_coefs, share[:, None]
            linear = LinearChanges(left, some, share * deleted, removal.directions, coefs)
            parts.append((place, linear))
        undetermined.extend(some[full])
    _warn_of_full_leverage(objective, inverse, np.sort(undetermined))
    return parts[0][1] if len(parts) == 1 else CombinedChanges(parts, len(rows))


def _factorize_left(objective, damping, **ratios):
    """Inverse of the Hessian that a removal leaves; it may be singular where the whole is not."""
    return AutoSolver().factorize(objective.hessian(damping, **ratios))


def _kept_residual(objective, inverse, rows, residual):
    """Result of :func:`_deleted_residual` without a coupling, cached for all rows."""
    if not np.array_equal(rows, np.arange(objective.n_rows)):
        return _deleted_residual(objective, inverse, None, rows, residual)
    own = None  # known when the others are made; too large to be kept

    def make():
        nonlocal own
        deleted, full, own = _deleted_residual(objective, inverse, None, rows, residual)
        return objective, deleted, full

    # the objective is kept, so that no other one can take its identity
    _, deleted, full = inverse.cached(("deleted", id(objective)), make)
    return deleted, full, own


def _deleted_residual(objective, inverse, removal, rows, residual):
    """(deleted residuals r (n_rows, K), mask of rows of leverage one, M_i r_i (n_rows, K)).

    `inverse` belongs to what the removal leaves of the other rows; `residual` gives s_i r_i.
    """
    K = objective.n_outputs
    deleted, own = np.empty((len(rows), K)), None
    full = np.empty(len(rows), dtype=bool)
    for some, forms in inverse.iter_leverage_blocks(rows, 40 * K * K):
        mine = rows[some]
        right, curvature = residual(mine), objective.row_curvature(mine)
        if removal is None:
            system = inverse.leverage_system(mine, curvature, forms)
        else:
            ratio = removal.class_weight_ratio
            curvature = curvature.scaled(ratio[None])
            system = inverse.leverage_system(mine, None, forms).scaled(curvature)
            coefs = np.broadcast_to(
                removal.low_rank_coefs, (len(mine), len(removal.low_rank_coefs))
            )
            predictor = objective.predictor.take(mine)
            follows = low_rank_raw_changes(inverse, predictor, removal.directions, coefs)
            right = right * ratio + curvature.apply(follows)
        deleted[some], full[some] = system.solve(right)
        if not inverse.has_leverage_blocks:  # else they give it again
            own = np.empty(deleted.shape) if own is None else own
            own[some] = np.einsum("nkj,nj->nk", forms, deleted[some])
    return deleted, full, own


def _warn_of_full_leverage(objective, inverse, rows):
    if not len(rows):
        return
    if inverse.factorized:
        what = "have leverage 1 and their removal leaves the model undetermined"
        remedy = "Add a penalty, or drop these rows"
    else:
        what = f"have leverage 1 as far as solver={inverse.report.solver!r} can resolve"
        remedy = 'Use a solver that factorises ("woodbury", "cholesky"), or a smaller tolerance'
    warn_user(
        f"{len(rows)} training row(s) {what}; their Newton step is NaN. Rows: "
        f'{objective.shown_rows(rows)}. {remedy}; method="first_order" stays finite.',
        RuntimeWarning,
    )
