"""Real refits without one group, from a start nearby."""

import numpy as np

from skinfluence.objectives import is_optimum, minimize
from skinfluence.solvers import AutoSolver


def refit_without(objective, rows, start):
    """The objective without `rows` at its optimum, from the coefficients `start`; None without one.

    `objective` is at its own optimum.
    """
    rows = np.asarray(rows, dtype=np.intp)
    left = objective.with_weights(rows, np.zeros(len(rows)))
    result = minimize(left.with_coef(start), AutoSolver.for_newton_steps())
    far = np.abs(result.objective.coef - objective.coef).max() > np.abs(objective.coef).max()
    if not result.converged or (far and not is_optimum(result.objective)):
        return None
    return result.objective
