"""Agreement of predicted effects with real refits of rows and of groups."""

from dataclasses import replace

import numpy as np
from scipy.stats import rankdata
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import _num_samples, check_is_fitted, check_memory

from skinfluence.adapters import Settings
from skinfluence.effects import RowEdits, refit, resolve_method
from skinfluence.effects._classes import last_of_class
from skinfluence.explainer._linearizations.linear import influences
from skinfluence.explainer._targets import TestRows, target_changes
from skinfluence.linalg import row_blocks
from skinfluence.objectives._newton import to_optimum
from skinfluence.solvers import AutoSolver
from skinfluence.targets import LossValue, Mean, encode_labels

#: Removed rows (or groups of rows) that are compared: enough for a stable number, few enough for a
#: grid search.
N_ROWS = 32
#: Groups that are refitted together: few, so that threads have something to share.
GROUPS_AT_ONCE = 8


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


def rank_correlations(predicted, actual):
    """Spearman's correlation of each row of two (n_rows, m) arrays.

    0 where one side is constant. NaN where a value is missing.
    """
    a, b = rankdata(predicted, axis=1), rankdata(actual, axis=1)
    a, b = a - a.mean(axis=1, keepdims=True), b - b.mean(axis=1, keepdims=True)
    size = np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))
    out = np.divide((a * b).sum(axis=1), size, out=np.zeros(len(a)), where=size > 0)
    missing = ~(np.isfinite(predicted).all(axis=1) & np.isfinite(actual).all(axis=1))
    out[missing] = np.nan
    return out


def reference(explainer, X, y):
    """(objective, test rows, labels) that refits start from and losses are measured on.

    The objective is at its optimum (for hinge machines that of the hinge itself), and the same for
    every damping, method, solver, polish and temperature, so that a search over them finds the
    refits in memory.
    """
    check_is_fitted(explainer)
    test = explainer.fitted_model_.table(X)
    labels = encode_labels(explainer.objective_.coding, y, test.shape[0])
    if not explainer.objective_.predictor.moves_to_optimum:
        return explainer.linearization_.optimum.without_caches(), test, labels
    # one temperature for all: hinges are refitted without it
    settings = replace(explainer._settings, center=True, temperature=Settings.temperature)
    best = to_optimum(
        explainer.fitted_model_.with_settings(settings), AutoSolver.for_newton_steps()
    )
    return best.without_caches(), test, labels


def rows_concordance(explainer, X, y, n_rows=N_ROWS):
    """Concordance of the predicted and the refitted change of the mean loss on (X, y)."""
    check_is_fitted(explainer)
    if explainer.objective_.members:
        return _rows_concordance_of_members(explainer, X, y, n_rows)
    objective, test, labels = reference(explainer, X, y)
    rows = audit_rows(objective, n_rows)
    edits, linearization = RowEdits.removals(rows), explainer.linearization_
    actual = _cached_refits(explainer)(objective, edits, test, labels, mean=True)
    method = resolve_method(explainer.method, linearization)
    tests = _losses(linearization.objective, test, labels, mean=True)
    return lins_concordance(influences(linearization, tests, method, rows)[0], actual[0])


def _cached_refits(explainer):
    """:func:`refitted_changes`, by the explainer's memory."""
    return check_memory(explainer.memory).cache(refitted_changes, ignore=["n_jobs", "verbose"])


def _rows_concordance_of_members(explainer, X, y, n_rows):
    """The same where each member is refitted by itself, from where it is."""
    rows, target = audit_rows(explainer.objective_, n_rows), Mean("loss")
    predicted, actual = (
        explainer.influence(X, y, target=target, rows=rows, method=method)[0]
        for method in (explainer.method, "refit")
    )
    return lins_concordance(predicted, actual)


def audit_rows(objective, n_rows=N_ROWS):
    """Training rows to refit without: half of largest gradient, half evenly spaced below them.

    No randomness, and nothing in it depends on damping or solver, so that every candidate of a
    grid search is measured on the same rows.
    """
    s = objective.sample_weight
    gradients = objective.per_sample_gradients()
    gradients.residual = gradients.residual * s
    norms = gradients.row_norms()
    order = np.argsort(-norms, kind="stable")
    # without the last row of a class a refit would be another model
    order = order[((s > 0).any(axis=1) & ~last_of_class(objective))[order]]
    if len(order) <= n_rows:
        return order
    top, rest = order[: n_rows // 2], order[n_rows // 2 :]
    spaced = np.linspace(0, len(rest) - 1, n_rows - n_rows // 2).round().astype(int)
    return np.concatenate([top, rest[spaced]])


def refitted_changes(objective, edits, X, y, *, mean=False, n_jobs=None, verbose=0, width=None):
    """Change of the loss of each encoded row (X, y) by a refit after each edit, (n_test, n_edits).

    Or of their mean, (1, n_edits). `objective` must be at its optimum. The function that `memory`
    caches: its arguments hold nothing that a search over damping, method or solver would vary.
    """
    inverse = None if objective.stands_in else AutoSolver().factorize(objective.hessian())
    changes = refit(objective, inverse, edits, n_jobs=n_jobs, verbose=verbose, width=width)
    return target_changes(_losses(objective, X, y, mean), objective, changes)


def _losses(objective, X, y, mean):
    """The losses of the encoded rows (X, y), or their mean, as TestRows."""
    target = LossValue.at(objective.loss, y)
    target = Mean.of(target, len(y)) if mean else target
    return TestRows(objective, objective.predictor.of(X), target)


def group_changes(explainer, X, y, draw, predict=None):
    """(predicted, refitted) change of each row's loss when groups of rows are removed.

    Parameters
    ----------
    explainer : InfluenceExplainer, fitted
    X, y : rows and labels as the user has them
    draw : callable
        Takes the objective, gives the groups: a list of arrays of training rows.
    predict : callable, default=None
        ``predict(explainer, X, y, groups)``; the sum of the rows' influences by default.

    Returns
    -------
    predicted, actual : ndarray of shape (n_test, n_groups)
        What was predicted, and what refitting without the group did.
    """
    objective, test, labels = reference(explainer, X, y)
    groups = draw(objective)
    settings = {"n_jobs": explainer.n_jobs, "verbose": explainer.verbose, "width": GROUPS_AT_ONCE}
    edits = RowEdits.groups(groups)
    actual = _cached_refits(explainer)(objective, edits, test, labels, **settings)
    return (predict or summed_influences)(explainer, X, y, groups), actual


def summed_influences(explainer, X, y, groups):
    """Sum of the influences of each group's rows on each row of (X, y), (n_test, n_groups)."""
    n_train = explainer.objective_.n_rows
    member = np.zeros((n_train, len(groups)))
    for j, rows in enumerate(groups):
        member[rows, j] = 1.0
    used = np.flatnonzero(member.any(axis=1))
    member = member[used]
    n_test = _num_samples(X)
    out = np.empty((n_test, len(groups)))
    for rows in row_blocks(n_test, 8 * n_train, cache_mib=256.0):
        some = _safe_indexing(X, rows), _safe_indexing(y, rows)
        mine = explainer.influence(*some, rows=used)
        missing = np.isnan(mine).any(axis=0)
        mine[:, missing] = 0.0  # or it would be missing from groups that it is not in
        out[rows] = mine @ member
        out[rows, member[missing].any(axis=0)] = np.nan
    return out
