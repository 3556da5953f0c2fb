"""To an optimum and its inverse Hessian, with one factorisation where products can go before it.

Closed forms want the objective at its optimum and the Hessian factorised there. Newton's method
with factorised Hessians takes two or three of them, which for classes that interact (K q columns at
once) cost more than all else. Near the optimum truncated Newton steps come first (conjugate
gradients, a Hessian product each); then one factorisation ends the way and serves the closed forms.

References
----------
R. S. Dembo, S. C. Eisenstat and T. Steihaug (1982), Inexact Newton methods, SIAM Journal on
Numerical Analysis 19(2).
"""

import numpy as np

from skinfluence.objectives import minimize
from skinfluence.solvers import AutoSolver

__all__ = ["optimum"]

#: Stationarity at which an optimum is one here: a Newton step without a row is less exact.
TOLERANCE = 1e-11
#: Stationarity to which products go. On ten digits the Hessian there gives changes without a row
#: that are off by 1e-5 of the largest; the Newton step itself is off by more.
NEAR = 1e-7
#: Relative residual of a truncated Newton step.
FORCING = 0.03
#: Products that a factorisation must be worth for products to go before it, and how often that many
#: may go.
FEWEST, MOST = 40, 1.5
#: What calls around a product cost, in multiplications (0.1 milliseconds).
CALLS = 2e6
#: Newton steps with the one factorisation.
STEPS = 4


def optimum(objective, solver):
    """The objective at its optimum, and its inverse Hessian.

    Parameters
    ----------
    objective : Objective
        The start; its loss must be convex.
    solver : Solver
        Inverts the Hessian that is returned.

    Returns
    -------
    objective : Objective
        Of a stationarity of 1e-11 where float64 can reach it.
    inverse : InverseHessian
        Of the Hessian at a stationarity of at most 1e-7.
    """
    if objective.cut is not None:  # LinearRegression that dropped singular values: in closed form
        objective = minimize(objective, solver).objective
        return objective, AutoSolver().factorize(objective.hessian())
    budget = _worth_in_products(objective.hessian())
    if budget >= FEWEST:
        objective, near = _approach(objective, MOST * budget)
        if near:
            inverse = solver.factorize(objective.hessian())
            ended, there = _end(objective, inverse)
            if there:
                return ended, inverse
    objective = minimize(objective, AutoSolver.for_newton_steps(), tol=TOLERANCE).objective
    return objective, solver.factorize(objective.hessian())


def _worth_in_products(hessian):
    """How many Hessian products a factorisation costs, by multiplications; 0 for sparse rows."""
    n, q, K = hessian.n_rows, hessian.n_columns, hessian.n_outputs
    if hessian.design.is_sparse:
        return 0
    if hessian.separable:
        side, factors, grams = min(n, q), K, K / 2
    else:
        side, factors, grams = min(n * K, q * K), 1, K**2 / 4
    return (factors * side**3 + grams * n * q**2) / (2 * n * q * K + CALLS)


def _approach(objective, budget):
    """(the objective nearer to its optimum, whether it is near), by at most `budget` products."""
    scale = objective.gradient_scale
    now = objective.stationarity(scale)
    while now > NEAR and budget > 0:
        step, spent = _truncated_step(objective, budget)
        budget -= spent
        moved = objective.with_coef(objective.coef + step)
        after = moved.stationarity(scale)
        if not after < 0.5 * now:
            break  # too far for whole steps
        objective, now = moved, after
    return objective, now <= NEAR


def _truncated_step(objective, budget):
    """(Newton step (K, q) by conjugate gradients, products used), in units of the diagonal."""
    hessian = objective.hessian()
    design, penalty = objective.design, hessian.penalty
    # one unit for all outputs of a column, so that the common shift of softmax outputs stays out
    unit = hessian.diagonal().reshape(penalty.shape).mean(axis=0)
    unit = np.where(unit > 0, unit, 1.0)
    residual = -objective.gradient()
    step = np.zeros_like(residual)
    towards = residual / unit
    size = first = np.vdot(residual, towards)
    spent = 0
    while spent < budget and size > FORCING**2 * first:
        curved = hessian.apply_curvature(design.matmul(towards.T)[:, :, None])[:, :, 0]
        product = design.rmatmul(curved).T + penalty * towards
        spent += 1
        slope = np.vdot(towards, product)
        if not slope > 0.0:
            break
        step += size / slope * towards
        residual = residual - size / slope * product
        along = residual / unit
        size, before = np.vdot(residual, along), size
        towards = along + size / before * towards
    return step, spent


def _end(objective, inverse):
    """(the objective at its optimum, whether it is one), with the one factorisation."""
    scale = objective.gradient_scale
    now = objective.stationarity(scale)
    for _ in range(STEPS if inverse.factorized else 0):
        if now <= TOLERANCE:
            break
        step = inverse.matvec(objective.gradient().ravel()).reshape(objective.coef.shape)
        objective = objective.with_coef(objective.coef - step)
        now = objective.stationarity(scale)
    return objective, now <= TOLERANCE
