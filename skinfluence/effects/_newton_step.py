"""One Newton step on the objective without the row, by the leverage identity."""

import warnings

import numpy as np

from skinfluence.effects._changes import LinearChanges
from skinfluence.objectives import Coupling

#: 1 - leverage below this is rounding: the row alone determines a direction of the coefficients.
FULL_LEVERAGE = 1e-10


def newton_step(objective, inverse, rows):
    """Effect of removing each row by one Newton step; exact for squared loss.

    The Hessian without row i is H - E_i A_i E_i' with E_i = I_K (x) z_i and A_i the row's weighted
    curvature. By Woodbury's identity its inverse applied to the row's gradient is
    ``H^-1 E_i (I - A_i M_i)^-1 s_i r_i`` with M_i = E_i' H^-1 E_i: the influence function with the
    residual r_i magnified by the row's leverage. Where other rows' weights follow (balanced
    classes, penalty in mean form) the gradient takes the full change and the Hessian only the
    row's own part.

    Parameters
    ----------
    objective : Objective
    inverse : InverseHessian
    rows : ndarray of int

    Returns
    -------
    LinearChanges

    Warns
    -----
    RuntimeWarning
        For rows of leverage one: without them the model is not determined; they get NaN.
    """
    coupling = Coupling(objective)
    weighted = (objective.sample_weight * objective.residual)[rows] * coupling.own_ratio(rows)
    forms = inverse.row_forms(rows)
    curvature = objective.row_curvature[rows]
    design = objective.design.take(rows)
    shares = coupling.removal(rows)
    if coupling:
        K, q, m = coupling.directions.shape
        shifted = inverse.solve(coupling.directions.reshape(K * q, m)).reshape(K, q, m)
        own = np.stack([design.matmul(shifted[k]) for k in range(K)], axis=1)  # (n_rows, K, m)
        weighted = weighted + _apply(curvature, np.einsum("nkm,nm->nk", own, shares))
    rho, full = magnify(curvature, forms, weighted)
    if full.any():
        named = np.asarray(rows)[full]
        warnings.warn(
            f"{len(named)} training row(s) have leverage 1 and their removal leaves the model "
            f"undetermined; their Newton step is NaN. Rows: {named[:10].tolist()}. Add a penalty, "
            'or drop these rows; method="first_order" stays finite.',
            RuntimeWarning,
            stacklevel=2,
        )
    return LinearChanges(inverse, design, rho, coupling.directions, shares)


def _apply(curvature, raw):
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
