"""Small tables with groups, and what scikit-learn's own refits say of them."""

import numpy as np
from sklearn.linear_model import LogisticRegression

from skinfluence.testing._truth import refitted_losses

N_ROWS, N_TEST = 60, 7
GROUPS = [np.array(g) for g in ([3, 9, 17, 40], [5], range(0, 60, 4), range(20, 32))]


def table(kind, seed=0):
    """(X, y, X_test, y_test, sample_weight)."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((N_ROWS + N_TEST, 4))
    scores = X @ rng.standard_normal((4, 3)) + rng.standard_normal((len(X), 3))
    y = {
        "values": scores[:, 0],
        "two classes": np.where(scores[:, 0] > 0.3, "yes", "no"),
        "three classes": np.array(["a", "b", "c"])[scores.argmax(axis=1)],
    }[kind]
    weights = 0.5 + rng.random(N_ROWS)
    return X[:N_ROWS], y[:N_ROWS], X[N_ROWS:], y[N_ROWS:], weights


def refitted_changes(estimator, data, groups, weighted=False):
    """Loss of each test row from tight refits of scikit-learn without each group, minus with it."""
    X, y, X_test, y_test, weights = data
    weights = weights if weighted else np.ones(len(y))
    before = refitted_losses(estimator, X, y, weights, X_test, y_test)
    out = []
    for group in groups:
        kept = np.setdiff1d(np.arange(len(y)), group)
        after = refitted_losses(estimator, X[kept], y[kept], weights[kept], X_test, y_test)
        out.append(after - before)
    return np.stack(out, axis=1)


def logistic(**settings):
    return LogisticRegression(**{"solver": "newton-cholesky", **settings})
