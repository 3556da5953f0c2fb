"""From an objective with the smooth hinge to the hinge machines that it stands in for."""

import numpy as np

from skinfluence._utils.progress import progress_bar
from skinfluence.objectives._hinge_path import HingeMachine


def hinge_machines(objective, verbose=0):
    """The exact hinge machine of each output of an objective with the smooth hinge."""
    if objective.predictor.offset is not None:
        raise ValueError("A hinge machine with an offset is not supported: use the smooth hinge.")
    s = np.broadcast_to(objective.sample_weight, objective.y.shape)
    alpha = -s * objective.residual * objective.y
    shown = {"what": "hinge optimum", "unit": "%", "verbose": verbose}
    with progress_bar(total=100 * objective.n_outputs, **shown) as reach:
        return [
            HingeMachine(
                objective.design,
                objective.y[:, k],
                penalty,
                s[:, k],
                alpha[:, k],
                lambda share, k=k: reach(k, 100 * share),
            )
            for k, penalty in enumerate(objective.penalty.diagonal)
        ]


def at_hinge_optimum(objective, verbose=0):
    """The objective at the exact optimum of the hinge that its loss stands in for."""
    machines = hinge_machines(objective, verbose)
    out = objective.with_coef(np.stack([machine.coef for machine in machines]))
    out.hinge_machines = machines  # they need not be made again
    return out
