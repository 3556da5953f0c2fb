"""How well predicted effects agree with real refits, as one number."""

import numpy as np

from skinfluence._answers import influence_blocks
from skinfluence._targets import LossTarget
from skinfluence.effects import refit_rows
from skinfluence.solvers import AutoSolver

#: Removed rows that are compared: enough for a stable number, few enough for a grid search.
N_ROWS = 32


def lins_concordance(predicted, actual):
    """Lin's concordance correlation coefficient in [-1, 1] (Lin, 1989, Biometrics 45).

    Unlike Pearson's R it falls when the slope is not one: a prediction that is twice the truth
    everywhere does not count as right.
    """
    predicted, actual = np.asarray(predicted, float), np.asarray(actual, float)
    spread = ((predicted - predicted.mean()) * (actual - actual.mean())).mean()
    total = predicted.var() + actual.var() + (predicted.mean() - actual.mean()) ** 2
    if total == 0.0:
        return 1.0 if np.array_equal(predicted, actual) else 0.0
    return float(2.0 * spread / total)


def audit_rows(objective, n_rows=N_ROWS):
    """Training rows for the audit: half the largest gradients, half evenly spaced below them.

    No randomness, and nothing in it depends on damping or solver, so that every candidate of a
    grid search is measured on the same rows.
    """
    s = objective.sample_weight
    gradients = objective.per_sample_gradients()
    gradients.residual = gradients.residual * s
    norms = gradients.row_norms()
    order = np.argsort(-norms, kind="stable")
    order = order[(s > 0).any(axis=1)[order]]
    if len(order) <= n_rows:
        return order
    top, rest = order[: n_rows // 2], order[n_rows // 2 :]
    spaced = np.linspace(0, len(rest) - 1, n_rows - n_rows // 2).round().astype(int)
    return np.concatenate([top, rest[spaced]])


def mean_refitted_changes(objective, rows, X, y):
    """Mean change of the loss on the encoded rows (X, y) when each row is really removed.

    `objective` must be at its optimum. The function that `memory` caches: its arguments hold
    nothing that a search over damping, method or solver would vary.
    """
    inverse = AutoSolver().factorize(objective.hessian())
    changes = refit_rows(objective, inverse, rows, solver=AutoSolver.for_newton_steps())
    design = objective.design.with_rows_of(X)
    raw = objective.raw_predictions(design)
    target = LossTarget(objective.loss, y)
    moved = changes.raw_prediction_changes(design)
    return target.changes(raw, moved).mean(axis=0)


def mean_predicted_changes(linearization, rows, X, y, method):
    """The same, predicted by the explainer's own method."""
    design = linearization.objective.design.with_rows_of(X)
    target = LossTarget(linearization.objective.loss, y)
    out = np.zeros(len(rows))
    for _, some, values in influence_blocks(linearization, design, target, method, rows):
        out[some] += values.sum(axis=0)
    return out / design.shape[0]
