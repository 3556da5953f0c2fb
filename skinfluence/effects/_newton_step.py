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
from skinfluence.linalg import row_blocks
from skinfluence.objectives import Coupling
from skinfluence.solvers import AutoSolver

#: 1 - leverage below this is rounding: the row alone determines a direction of the coefficients.
FULL_LEVERAGE = 1e-10


def newton_step(objective, inverse, rows):
    """Effect of removing each row by one Newton step; exact for squared loss.

    The Hessian without row i is H - E_i A_i E_i' with E_i = I_K (x) z_i and A_i the row's weighted
    curvature. By Woodbury's identity its inverse applied to the row's gradient is
    ``H^-1 E_i (I - A_i M_i)^-1 s_i r_i`` with M_i = E_i' H^-1 E_i: the influence function with the
    residual r_i magnified by the row's leverage. Where other rows' weights follow (balanced
    classes, penalty in mean form) gradient and Hessian are those of the objective that is left:
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
    coupling, rows = Coupling(objective), np.asarray(rows)
    if not coupling:
        rho, full = _rho(objective, inverse, None, rows)
        _warn_of_full_leverage(objective, rows[full])
        return LinearChanges(inverse, rows, rho)
    damping = (inverse.hessian.penalty - objective.penalty).flat[0] / objective.weights.base.sum()
    parts, undetermined = [], []
    for place, nodes in coupling.surroundings(rows):
        some, steps = rows[place], []
        for removal, share in nodes:
            ratios = {"class_ratio": removal.class_ratio, "penalty_ratio": removal.penalty_ratio}
            make = partial(_factorize_left, objective, damping, **ratios)
            left = inverse.neighbour(removal.key, make)
            rho, full = _rho(objective, left, removal, some)
            shared = share[:, None] * removal.shares
            steps.append(
                LinearChanges(left, some, share[:, None] * rho, removal.directions, shared)
            )
        undetermined.extend(some[full])
        parts.append((place, steps[0] if len(steps) == 1 else SummedChanges(steps)))
    _warn_of_full_leverage(objective, np.sort(undetermined))
    return parts[0][1] if len(parts) == 1 else PartitionedChanges(parts)


def _factorize_left(objective, damping, **ratios):
    """Inverse of the Hessian that a removal leaves; it may be singular where the whole is not."""
    return AutoSolver().factorize(objective.hessian(damping, **ratios))


def _rho(objective, inverse, removal, rows):
    """(rho of the Newton step (n_rows, K), mask of rows of leverage one).

    `inverse` belongs to what the removal leaves of the other rows.
    """
    K = objective.n_outputs
    forms = inverse.row_forms(rows)
    rho, full = np.empty((len(rows), K)), np.empty(len(rows), dtype=bool)
    # matrices K x K of all rows would be the largest arrays of the whole explanation
    for some in row_blocks(len(rows), 40 * K * K, cache_mib=2.0):
        rho[some], full[some] = _magnified(objective, inverse, removal, rows[some], forms[some])
    return rho, full


def _warn_of_full_leverage(objective, rows):
    if len(rows):
        refit = ""
        if objective.loss.quadratic and not objective.penalty.any():
            refit = ', and "refit" takes the optimum of least norm, as scikit-learn does'
        warnings.warn(
            f"{len(rows)} training row(s) have leverage 1 and their removal leaves the model "
            f"undetermined; their Newton step is NaN. Rows: {rows[:10].tolist()}. Add a penalty, "
            f'or drop these rows; method="first_order" stays finite{refit}.',
            RuntimeWarning,
            stacklevel=3,
        )


def _magnified(objective, inverse, removal, rows, forms):
    """What `magnify` makes of some rows' weighted residuals."""
    weighted, curvature = objective.weighted_residual(rows), objective.row_curvature(rows)
    if removal is not None:
        ratio = removal.own_ratio
        weighted = weighted * ratio
        curvature = curvature * (ratio if curvature.ndim == 2 else ratio[:, None])
        shares = np.broadcast_to(removal.shares, (len(rows), len(removal.shares)))
        follows = reach(inverse, objective.design.take(rows), removal.directions, shares)
        weighted = weighted + apply_curvature(curvature, follows)
    return magnify(curvature, forms, weighted)


def apply_curvature(curvature, raw):
    """A_i raw_i for every row, (n, K); `curvature` is (n, K) or (n, K, K)."""
    if curvature.ndim == 2:
        return curvature * raw
    return np.einsum("nkj,nj->nk", curvature, raw)


def magnify(curvature, forms, right):
    """(I - A_i M_i)^-1 right_i for every row, and the mask of rows of leverage one (NaN).

    `curvature` is (n, K) or (n, K, K), `forms` (n, K, K), `right` (n, K).
    """
    if curvature.ndim == 2:  # separable: M_i is diagonal
        gap = 1.0 - curvature * np.einsum("nkk->nk", forms)
        full = (gap < FULL_LEVERAGE).any(axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            out = right / gap
        out[full] = np.nan
        return out, full
    system = np.eye(right.shape[1]) - curvature @ forms
    full = np.linalg.det(system) < FULL_LEVERAGE
    system[full] = np.eye(right.shape[1])
    out = np.linalg.solve(system, right[:, :, None])[:, :, 0]
    out[full] = np.nan
    return out, full
