"""Refits without one group, from a nearby start."""

import numpy as np

from skinfluence.effects import RowEdits, refit_hinge
from skinfluence.objectives import is_optimum, minimize
from skinfluence.solvers import AutoSolver


def refit_without(objective, rows, start):
    """The objective without `rows` at its optimum, from the coefficients `start`; None without one.

    `objective` is at its own optimum.
    """
    rows = np.asarray(rows, dtype=np.intp)
    left = objective.with_weights(rows, np.zeros(len(rows)))
    if objective.stands_in:
        delta, lost = refit_hinge(objective, RowEdits.groups([rows]), lambda done: None)
        return None if lost else left.with_coef(objective.coef + delta[0])
    result = minimize(left.with_coef(start), AutoSolver.for_newton_steps())
    moved = objective.predictor.coef_change(result.objective.predictor)
    far = np.abs(moved).max() > np.abs(objective.coef).max()
    if not result.converged or (far and not is_optimum(result.objective)):
        return None
    return result.objective
