"""Residuals of training rows, with their digits where the model nearly interpolates."""

import numpy as np

#: Stationarity up to which what is left of the gradient is rounding.
AT_OPTIMUM = 1e-8


def weighted_residual(objective, inverse):
    """s_i r_i of training rows, as a function of some rows: (n_rows, K).

    The residual of squared error is a difference. With more columns than rows and a weak penalty it
    is small against both of its terms, and the inverse Hessian, which then works on the row side,
    knows it without that difference (:meth:`WoodburyInverse.stationary_residual`).

    Parameters
    ----------
    objective : Objective
    inverse : InverseHessian
        Of its Hessian.
    """
    known = stationary_residual(objective, inverse)
    return objective.weighted_residual if known is None else known.__getitem__


def unit_residual(objective, inverse):
    """r_i of all training rows, per unit of weight: (n, K)."""
    out, known = objective.row_residual(), stationary_residual(objective, inverse)
    if known is None:
        return out
    return np.divide(known, objective.sample_weight, out=out, where=objective.sample_weight > 0)


def stationary_residual(objective, inverse):
    """Weighted residuals of all rows (n, K), or None where the difference has its digits."""
    hessian = inverse.hessian
    own = objective.quadratic and objective.penalty.quadratic and hessian.exact
    own = own and hessian.design is objective.design
    if not own or not hasattr(inverse, "stationary_residual"):
        return None
    if (hessian.penalty != objective.penalty.diagonal).any():
        return None  # the optimum of the damped objective is another one
    if objective.stationarity() > AT_OPTIMUM:
        return None
    return inverse.stationary_residual(objective.weighted_residual(), objective.coef)
