"""Optima near fitted parameters: Newton's method with an inverse at hand as preconditioner."""

import numpy as np

from skinfluence.solvers._iterative.columns_cg import columns_cg

#: Gradients that are this small a part of the first one are zero.
REACHED = 1e-9
#: Newton steps: far more than a minimum nearby takes.
MOST_STEPS = 100
#: Part of the gradient that a step leaves.
INEXACT = 1e-3


def local_optima(objective, inverse, edits, update):
    """(changes to the optimum of each edited objective (B, p), positions of those without one).

    Parameters
    ----------
    objective : Objective
        With the fitted parameters for its optimum; see
        :func:`~skinfluence.objectives._local.local_objective`.
    inverse : InverseHessian
        Of its Hessian, or near that.
    edits : RowEdits
    update : callable
        Called with the number of edits that are done.
    """
    delta = np.zeros((edits.n_edits, *objective.coef.shape))
    for b in range(edits.n_edits):
        found = _newton_cg(edits.edited(objective, b), inverse)
        delta[b] = np.nan if found is None else found.coef - objective.coef
        update(b + 1)
    return delta, np.flatnonzero(np.isnan(delta).any(axis=1)).tolist()


def _newton_cg(objective, inverse):
    """The objective at its optimum nearby, or None where there is none."""
    current, first = objective, np.abs(objective.gradient()).max()
    for _ in range(MOST_STEPS):
        gradient = current.gradient()
        if not np.abs(gradient).max() > REACHED * first:
            return current
        downhill = -gradient.reshape(-1, 1)
        step = columns_cg(current.hessian(), downhill, inverse.solve, tol=INEXACT)
        step, length, value = step.reshape(gradient.shape), 1.0, current.value()
        slope = float((gradient * step).sum())
        moved = current.with_coef(current.coef + step)
        # near the end changes of the value are rounding, and the whole step is right
        while moved.value() > value + 1e-4 * length * slope + 1e-12 * abs(value):
            length *= 0.5
            if length < 1e-6:
                return None
            moved = current.with_coef(current.coef + length * step)
        current = moved
    return None
