"""Surroundings of fitted parameters that are no optimum, as a network's are not."""

from skinfluence.linalg import ProximalPenalty


def local_objective(objective, damping):
    """The objective with the fitted parameters for its optimum, where its curvature is positive.

    What is left of the gradient is subtracted, and `damping` times the sum of the weights holds
    other parameters near. To first order in an edit of rows its optimum moves as influence by the
    damped Hessian has it. J. Bae et al., "If influence functions are the answer, then what is the
    question?", NeurIPS 2022, take such an optimum for what influence of a network estimates.

    Parameters
    ----------
    objective : Objective
    damping : float

    Returns
    -------
    Objective
    """
    damping = damping * objective.weights.base.sum()
    gradient = objective.gradient()
    penalty = ProximalPenalty(objective.penalty, objective.coef, gradient, damping)
    return objective.replace(penalty=penalty)
