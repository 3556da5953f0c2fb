"""One Newton step on the objective without the row, by the leverage identity."""

import warnings
from functools import partial

import numpy as np

from skinfluence.effects._changes import (
    LinearChanges,
    PartitionedChanges,
    SummedChanges,
    reach,
)
from skinfluence.effects._least_norm import (
    crossing_rows,
    least_norm_factors,
    takes_least_norm,
)
from skinfluence.effects._residuals import weighted_residual
from skinfluence.effects._truncated import (
    crossing_removals,
    is_truncated,
    truncated_removals,
)
from skinfluence.objectives import Coupling
from skinfluence.solvers import AutoSolver


def newton_step(objective, inverse, rows):
    """Effect of removing each row by one Newton step; exact for squared loss.

    The Hessian without row i is H - E_i A_i E_i' with E_i' the Jacobian of its raw predictions,
    I_K (x) z_i' for linear predictors, and A_i the row's weighted curvature. (Where a predictor is
    not linear, the second derivative of the row's own raw predictions stays in H.) By Woodbury's
    identity its inverse applied to the row's gradient is
    ``H^-1 E_i (I - A_i M_i)^-1 s_i r_i`` with M_i = E_i' H^-1 E_i: the influence function with the
    residual r_i magnified by the row's leverage. The inverse forms I - A_i M_i without cancellation
    (:class:`~skinfluence.solvers._leverage.LeverageSystem`). For a row of leverage one there is no
    such step; least squares without a penalty then takes the optimum of least norm. Where other
    rows' weights follow (balanced classes, penalty in mean form) gradient and Hessian are those of
    the objective that is left:
    one factorisation serves all rows of one class and one sample weight, and a few serve a class
    of uneven weights (see :meth:`~skinfluence.objectives.Coupling.surroundings`).

    Parameters
    ----------
    objective : Objective
    inverse : InverseHessian
        Of the second derivative itself: with the inverse of a Fisher matrix it is no Newton step.
    rows : ndarray of int

    Returns
    -------
    LinearChanges or PartitionedChanges

    Warns
    -----
    RuntimeWarning
        For rows of leverage one: without them the model is not determined; they get NaN.
    """
    if is_truncated(objective, inverse):
        return truncated_removals(objective, rows)
    coupling, rows = Coupling(objective), np.asarray(rows)
    residual = weighted_residual(objective, inverse)
    if not coupling:
        rho, full = _kept_rho(objective, inverse, rows, residual)
        if full.any() and takes_least_norm(objective, inverse):
            rho[full] = least_norm_factors(objective, inverse, rows[full])
        else:
            _warn_of_full_leverage(objective, inverse, rows[full])
        some = crossing_rows(objective, inverse, rows)
        if not len(some):
            return LinearChanges(inverse, rows, rho)
        refitted = crossing_removals(objective, rows[some])
        if len(some) == len(rows):
            return refitted
        rest = np.delete(np.arange(len(rows)), some)
        linear = LinearChanges(inverse, rows[rest], rho[rest])
        return PartitionedChanges([(rest, linear), (some, refitted)])
    damping = inverse.hessian.damping / objective.weights.base.sum()
    parts, undetermined = [], []
    for place, nodes in coupling.surroundings(rows):
        some, steps = rows[place], []
        for removal, share in nodes:
            ratios = {"class_ratio": removal.class_ratio, "penalty_ratio": removal.penalty_ratio}
            make = partial(_factorize_left, objective, damping, **ratios)
            left = inverse.neighbour(removal.key, make)
            rho, full = _rho(objective, left, removal, some, residual)
            shared = share[:, None] * removal.shares
            steps.append(
                LinearChanges(left, some, share[:, None] * rho, removal.directions, shared)
            )
        undetermined.extend(some[full])
        parts.append((place, steps[0] if len(steps) == 1 else SummedChanges(steps)))
    _warn_of_full_leverage(objective, inverse, np.sort(undetermined))
    return parts[0][1] if len(parts) == 1 else PartitionedChanges(parts)


def _factorize_left(objective, damping, **ratios):
    """Inverse of the Hessian that a removal leaves; it may be singular where the whole is not."""
    return AutoSolver().factorize(objective.hessian(damping, **ratios))


def _kept_rho(objective, inverse, rows, residual):
    """The same as `_rho` without a coupling; that of all rows is made once for each inverse."""
    if not np.array_equal(rows, np.arange(objective.n_rows)):
        return _rho(objective, inverse, None, rows, residual)

    def make():
        return objective, *_rho(objective, inverse, None, rows, residual)

    # the objective is kept, so that no other one can take its identity
    _, rho, full = inverse.neighbour(("rho", id(objective)), make)
    return rho.copy(), full


def _rho(objective, inverse, removal, rows, residual):
    """(rho of the Newton step (n_rows, K), mask of rows of leverage one).

    `inverse` belongs to what the removal leaves of the other rows; `residual` gives s_i r_i.
    """
    K = objective.n_outputs
    rho, full = np.empty((len(rows), K)), np.empty(len(rows), dtype=bool)
    for some, forms in inverse.row_form_blocks(rows, 40 * K * K):
        mine = rows[some]
        right, curvature = residual(mine), objective.row_curvature(mine)
        if removal is None:
            system = inverse.leverage_system(mine, curvature, forms)
        else:
            ratio = removal.own_ratio
            curvature = curvature.scaled(ratio[None])
            system = inverse.leverage_system(mine, None, forms).scaled(curvature)
            shares = np.broadcast_to(removal.shares, (len(mine), len(removal.shares)))
            follows = reach(inverse, objective.predictor.take(mine), removal.directions, shares)
            right = right * ratio + curvature.apply(follows)
        rho[some], full[some] = system.solve(right)
    return rho, full


def _warn_of_full_leverage(objective, inverse, rows):
    if not len(rows):
        return
    if inverse.factorized:
        what = "have leverage 1 and their removal leaves the model undetermined"
        remedy = "Add a penalty, or drop these rows"
    else:
        what = f"have leverage 1 as far as solver={inverse.report.solver!r} can tell"
        remedy = 'Use a solver that factorises ("woodbury", "cholesky"), or a smaller tolerance'
    warnings.warn(
        f"{len(rows)} training row(s) {what}; their Newton step is NaN. Rows: "
        f'{objective.shown_rows(rows)}. {remedy}; method="first_order" stays finite.',
        RuntimeWarning,
        stacklevel=3,
    )
