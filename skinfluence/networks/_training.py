"""Minimisation of an objective by L-BFGS, from the parameters that it has."""

import numpy as np
from scipy.optimize import minimize
from sklearn.exceptions import ConvergenceWarning

from skinfluence._utils.warnings import warn_user


def train(objective, max_iter):
    """(objective at the parameters where L-BFGS stopped, number of iterations).

    Warns
    -----
    ConvergenceWarning
        When `max_iter` iterations were not enough.
    """
    if max_iter == 0:
        return objective, 0
    scale = objective.weights.base.sum()

    def mean_loss(theta):
        moved = objective.with_coef(theta)
        return moved.value() / scale, moved.gradient() / scale

    settings = {"maxiter": max_iter, "maxfun": 10 * max_iter, "maxcor": 30}
    settings |= {"ftol": 0.0, "gtol": 1e-10}
    found = minimize(mean_loss, objective.coef, jac=True, method="L-BFGS-B", options=settings)
    # a line search that finds nothing better has come as far as rounding lets it
    if found.nit >= max_iter:
        warn_user(
            f"L-BFGS stopped after max_iter={max_iter} iterations at a largest derivative of "
            f"{np.abs(found.jac).max():.1e} of the mean loss. Increase max_iter, or weight_decay.",
            ConvergenceWarning,
        )
    return objective.with_coef(found.x), found.nit
