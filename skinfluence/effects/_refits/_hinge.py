"""Exact refits of the hinge, for which a smooth hinge is a stand-in."""

from time import perf_counter

import numpy as np

from skinfluence._utils.progress import duration
from skinfluence._utils.warnings import warn_user
from skinfluence.linalg import block_size
from skinfluence.objectives._hinge.machines import hinge_machine

#: Of removals that are kept.
KEPT_MIB = 64.0
#: Seconds of one call's removals from which a warning gives them, and of the sample.
LONG, SAMPLE = 60.0, 0.5
#: Removals in the sample, at most.
FEW = 16


def refit_hinge(objective, edits, update):
    """(changes of the coefficients (B, K, q), positions of the edits whose optimum was not found).

    Each edit follows the path of the optimum from the weights as they are to the edited ones.
    Only rows that lie on the margin or within it move anything. What the removal of single rows
    does is kept for later calls.

    Parameters
    ----------
    objective : Objective
        At the exact optimum of the hinge.
    edits : RowEdits
    update : callable
        Called with the number of edits that are done.
    """
    delta = np.zeros((edits.n_edits, *objective.coef.shape))
    machines, before = objective.hinge_machines, _weights(objective, objective)
    if edits.new is not None:
        machines, before = _with_new_rows(objective, edits, before)
        codes = edits.new.codes
    kept, n = objective.hinge_machines[0].removals, objective.n_rows
    removed = edits.removed_rows
    for b, (rows, lost) in enumerate(edits.parts()):
        row = int(rows[0]) if removed is not None else None
        if row in kept:
            delta[b] = kept[row]
        else:
            weights = np.zeros_like(before)
            if edits.new is None:
                weights[:] = _weights(objective, objective.with_weights(rows, 1.0 - lost))
            else:
                after = objective.weights.replaced(
                    rows, None if codes is None else codes[[b]]
                ).effective()
                weights[:n], weights[n + b] = after[:-1], after[-1]
            for k, machine in enumerate(machines):
                terms = len(machine.weights) // len(weights)
                delta[b, k] = machine.coef_change(np.tile(weights[:, k], terms))
            if row is not None and len(kept) < block_size(8 * objective.n_parameters, KEPT_MIB):
                kept[row] = delta[b].copy()
        update(b + 1)
    return delta, np.flatnonzero(np.isnan(delta).any(axis=(1, 2))).tolist()


def _with_new_rows(objective, edits, before):
    """Machines that know the new rows at weight zero, and the weights of all rows."""
    new = edits.new
    longer = objective.with_rows_replaced(edits.row, new.predictor, new.y, new.codes)
    before = np.concatenate([before, np.zeros((edits.n_edits, objective.n_outputs))])
    machines = []
    for k, machine in enumerate(objective.hinge_machines):
        alpha = machine.optimum.alpha.reshape(-1, objective.n_rows)
        alpha = np.pad(alpha, ((0, 0), (0, edits.n_edits))).ravel()
        machines.append(hinge_machine(longer, k, before[:, k], alpha))
    return machines, before


def _weights(objective, changed):
    """Weights (n, K) that do at the penalty of `objective` what `changed` does at its own."""
    ratio = objective.penalty.diagonal.flat[0] / changed.penalty.diagonal.flat[0]
    return np.broadcast_to(changed.sample_weight * ratio, changed.y.shape)


def warn_of_cost(objective, edits, total):
    """Warn where removing rows will take long, by the time that a few of `edits` take.

    Parameters
    ----------
    objective : Objective
        At the exact optimum of the hinge.
    edits : RowEdits
    total : int
        Edits in all, these and those to come.
    """
    if edits.removed_rows is None or total <= FEW:
        return
    begun, done = perf_counter(), 0
    for b in np.linspace(0, edits.n_edits - 1, FEW).astype(int):
        refit_hinge(objective, edits.take(slice(b, b + 1)), lambda count: None)  # kept for later
        done += 1
        if perf_counter() - begun > SAMPLE:
            break
    expected = (perf_counter() - begun) / done * total
    if expected > LONG:
        warn_user(
            f"A hinge machine is refitted exactly without each of {total:,} rows, which takes "
            f"about {duration(expected)} of processor time. Pass fewer rows (rows=), or see "
            'the remaining time with verbose=1. method="first_order" takes seconds, but uses a '
            "smooth hinge in place of the hinge, and can be inaccurate.",
        )
