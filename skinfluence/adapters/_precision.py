"""Distance to the optimum that an estimator's solver and tolerance allow."""

import numpy as np
from sklearn.pipeline import Pipeline

#: Solvers of LogisticRegression that stop at max|J'| / sum(s) <= tol.
GRADIENT_SOLVERS = ("lbfgs", "newton-cg", "newton-cholesky")


def is_frozen(estimator):
    """Whether the coefficients of an unfitted estimator come from an earlier fit."""
    if isinstance(estimator, Pipeline):
        return is_frozen(estimator[-1])
    return type(estimator).__name__ == "FrozenEstimator"


def solves_directly(model, objective):
    """Whether a fitted least-squares model solved linear equations, without iterations."""
    name = type(model).__name__
    if name == "LinearRegression":
        return not objective.design.is_sparse
    if name in ("Ridge", "RidgeClassifier"):
        return model.solver_ in ("cholesky", "svd")
    if name in ("RidgeCV", "RidgeClassifierCV"):
        return model.cv is None or not objective.design.is_sparse
    return False


def beyond_tolerance(model, objective, moved):
    """Share of the distance to the optimum that an iterative solver's own `tol` does not allow.

    With very many rows, or with hardly any noise, `tol` allows what sampling does and more.

    Parameters
    ----------
    model : fitted estimator
    objective : Objective
        At its coefficients.
    moved : float
        Change of the raw predictions from there to the optimum, relative to their spread.

    Returns
    -------
    float
        In [0, 1]; distances are squares of lengths, and so is this.
    """
    tol = getattr(model, "tol", None)
    if not objective.predictor.linear:
        return 1.0
    if type(model).__name__.startswith("SGD"):
        return 1.0  # its tol is of the loss of an epoch, and says nothing of the distance
    if tol is not None and objective.loss.quadratic:
        # relative residuals or changes of coefficients, by the solver
        return max(0.0, 1.0 - (10.0 * tol / moved) ** 2)
    if tol is None or getattr(model, "solver", None) not in GRADIENT_SOLVERS:
        return 1.0
    gradient, center = objective.gradient(), objective.design.center
    if center is not None:  # theirs is for columns that are not centred
        gradient[:, :-1] += np.outer(gradient[:, -1], center)
    allowed = tol * objective.sample_weight.sum()
    return max(0.0, 1.0 - (allowed / np.abs(gradient).max()) ** 2)
