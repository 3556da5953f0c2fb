"""Hinge machines of an objective with the smooth hinge."""

import numpy as np

from skinfluence._utils.progress import progress_bar
from skinfluence.objectives._hinge.machine import HingeMachine


def hinge_machines(objective, verbose=0):
    """The exact hinge machine of each output of an objective with the smooth hinge."""
    s = np.broadcast_to(objective.sample_weight, objective.y.shape)
    shown = {"what": "hinge optimum", "unit": "%", "verbose": verbose}
    with progress_bar(total=100 * objective.n_outputs, **shown) as update:
        return [
            hinge_machine(objective, k, s[:, k], update=lambda share, k=k: update(k, 100 * share))
            for k in range(objective.n_outputs)
        ]


def hinge_machine(objective, k, weights, alpha=None, update=None):
    """The machine of output k at its optimum.

    Parameters
    ----------
    objective : Objective
        Its coefficients are a guess at the optimum.
    k : int
    weights : ndarray of shape (n,)
    alpha : ndarray, default=None
        A better guess at the dual solution than that of the objective.
    update : callable, default=None
        See HingeMachine.
    """
    if objective.predictor.offset is not None:
        raise ValueError("A hinge machine with an offset is not supported: use the smooth hinge.")
    y, raw = objective.y[:, k], objective.raw_prediction[:, k]
    side, margin, share = objective.loss.hinges(y, raw)
    weights = np.tile(weights, len(side) // len(y))
    penalty = objective.penalty.diagonal[k]
    if alpha is None:
        alpha = weights * share
        if objective.dual is not None:  # it holds penalty times Z' alpha
            own = np.tile(objective.dual[:, k], len(side) // len(y))
            alpha = np.maximum(side * own * penalty[0], 0.0)
    return HingeMachine(
        objective.design, side, margin, penalty, weights, alpha, objective.coef[k], update
    )


def at_hinge_optimum(objective, verbose=0):
    """The objective at the exact optimum of the hinge that its loss stands in for."""
    machines = hinge_machines(objective, verbose)
    out = objective.with_coef(np.stack([machine.coef for machine in machines]))
    out.hinge_machines = machines  # they need not be made again
    return out
