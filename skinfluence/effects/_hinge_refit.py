"""Refits of the hinge itself, where a smooth hinge stands in for it; exact."""

import numpy as np

from skinfluence.linalg import block_size
from skinfluence.objectives._hinge_path import HingeMachine

#: Of removals that are kept.
KEPT_MIB = 64.0


def refit_hinge(objective, changes, reach):
    """(coefficient changes (B, K, q), positions of the changes whose optimum was not found).

    Each change follows the path of the optimum from the weights as they are to the changed ones.
    Only rows that lie on the margin or within it move anything. What the removal of single rows
    does is kept, for those who ask again.

    Parameters
    ----------
    objective : Objective
        At the exact optimum of the hinge.
    changes : WeightChanges
    reach : callable
        Called with the number of changes that are done.
    """
    delta = np.zeros((changes.n_changes, *objective.coef.shape))
    kept = objective.hinge_machines[0].removals
    for b in range(changes.n_changes):
        mine = changes.block(b, b + 1)
        row = int(mine.row[0]) if len(mine.row) == 1 and mine.factor[0] == 0.0 else None
        if row in kept:
            delta[b] = kept[row]
        else:
            weights = _weights(objective, objective.with_weights(mine.row, mine.factor))
            for k, machine in enumerate(objective.hinge_machines):
                delta[b, k] = machine.coef_change(weights[:, k])
            if row is not None and len(kept) < block_size(8 * objective.n_parameters, KEPT_MIB):
                kept[row] = delta[b].copy()
        reach(b + 1)
    return delta, _lost(delta)


def replace_hinge(objective, new):
    """The same for replaced rows, from machines that know the new rows at weight zero.

    Parameters
    ----------
    objective : Objective
        At the exact optimum of the hinge.
    new : Replacement
    """
    B = len(new)
    longer = objective.with_rows_replaced(new.rows, new.design, new.y, new.codes)
    before = np.concatenate([_weights(objective, objective), np.zeros((B, objective.n_outputs))])
    machines = [
        HingeMachine(
            longer.design,
            longer.y[:, k],
            objective.penalty[k],
            before[:, k],
            np.append(machine.optimum.alpha, np.zeros(B)),
        )
        for k, machine in enumerate(objective.hinge_machines)
    ]
    delta = np.zeros((B, *objective.coef.shape))
    for b in range(B):
        one = new.take(slice(b, b + 1))
        after = objective.weights.replaced(one.rows, one.codes).effective()
        weights = np.zeros_like(before)
        weights[: objective.n_rows] = after[:-1]
        weights[objective.n_rows + b] = after[-1]
        for k, machine in enumerate(machines):
            delta[b, k] = machine.coef_change(weights[:, k])
    return delta, _lost(delta)


def _weights(objective, changed):
    """Weights (n, K) that do at the penalty of `objective` what `changed` does at its own."""
    ratio = objective.penalty.flat[0] / changed.penalty.flat[0]
    return np.broadcast_to(changed.sample_weight * ratio, objective.y.shape)


def _lost(delta):
    return np.flatnonzero(np.isnan(delta).any(axis=(1, 2))).tolist()
