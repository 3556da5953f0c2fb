"""Refits of the hinge itself, where a smooth hinge stands in for it; exact."""

import warnings
from time import perf_counter

import numpy as np

from skinfluence._utils.progress import duration
from skinfluence._utils.warnings import user_stacklevel
from skinfluence.linalg import block_size
from skinfluence.objectives._hinge_path import HingeMachine

#: Of removals that are kept.
KEPT_MIB = 64.0
#: Seconds that the removals of one call may take before they are told, and those of the sample.
LONG, SAMPLE = 60.0, 0.5
#: Removals in the sample, at most.
FEW = 16


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


def warn_of_cost(objective, changes, total):
    """Warn where removing rows will take long, by the time that a few of `changes` take.

    Parameters
    ----------
    objective : Objective
        At the exact optimum of the hinge.
    changes : WeightChanges
    total : int
        Changes in all, these and those to come.
    """
    rows = changes.single_rows
    if rows is None or changes.factor.any() or total <= FEW:
        return
    begun, done = perf_counter(), 0
    for b in np.linspace(0, changes.n_changes - 1, FEW).astype(int):
        refit_hinge(objective, changes.block(b, b + 1), lambda count: None)  # kept for later
        done += 1
        if perf_counter() - begun > SAMPLE:
            break
    expected = (perf_counter() - begun) / done * total
    if expected > LONG:
        warnings.warn(
            f"A hinge machine is refitted exactly without each of {total:,} rows, which takes "
            f"about {duration(expected)} of processor time. Name fewer rows (rows=) where that "
            'will do, or see the time left with verbose=1. method="first_order" takes seconds, but '
            "is that of a smooth hinge that stands in, and can be far off.",
            UserWarning,
            stacklevel=user_stacklevel(),
        )


def replace_hinge(objective, new):
    """The same for replaced rows, from machines that know the new rows at weight zero.

    Parameters
    ----------
    objective : Objective
        At the exact optimum of the hinge.
    new : Replacement
    """
    B = len(new)
    longer = objective.with_rows_replaced(new.rows, new.predictor, new.y, new.codes)
    before = np.concatenate([_weights(objective, objective), np.zeros((B, objective.n_outputs))])
    machines = [
        HingeMachine(
            longer.design,
            longer.y[:, k],
            objective.penalty.diagonal[k],
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
    ratio = objective.penalty.diagonal.flat[0] / changed.penalty.diagonal.flat[0]
    return np.broadcast_to(changed.sample_weight * ratio, objective.y.shape)


def _lost(delta):
    return np.flatnonzero(np.isnan(delta).any(axis=(1, 2))).tolist()
