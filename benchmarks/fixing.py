"""Figure 6 of Koh & Liang (2017): wrong labels of mails, inspected in three orders and corrected.

Run alone: ``python -m benchmarks fixing``; needs the larger data sets (see _real_data.py).
"""

import numpy as np
from sklearn.linear_model import LogisticRegression

from benchmarks._figures import Figure
from benchmarks._inspection import curves_table, draw_curves, inspect
from benchmarks._real_data import loaders
from skinfluence import InfluenceExplainer
from skinfluence.datasets import flip_labels

WEIGHT_DECAY, FLIPPED = 1e-4, 0.1
SHARES = np.arange(0, 0.31, 0.05)
ORDERS = ("self-influence", "loss", "random")

#: Skipped without the larger data sets (see _real_data.py).
NEEDS_DATA = True

INTRODUCTION = (
    "Enron1, 4,137 training and 1,035 test mails as word counts; logistic regression without "
    "intercept, weight decay 1e-4 on the mean loss, fitted to labels of which a random tenth is "
    "flipped. A share of the training labels is inspected in the order of self-influence (first "
    "order), of the training loss, or at random; flipped ones are corrected, and the model is "
    "fitted again, as in Koh & Liang's Figure 6. Its curves lie in the order self-influence, loss, "
    "random."
)


def run(quick=False):
    """The figure and a table."""
    X, y, X_test, y_test, _ = loaders().enron1_bow()
    X, X_test = X.astype(float), X_test.astype(float)
    if quick:
        X, y = X[:400, :500], y[:400]
        X_test = X_test[:, :500]
    repeats = [repeat(X, y, X_test, y_test, seed) for seed in range(2 if quick else 40)]
    return report(*np.swapaxes(repeats, 0, 1), _fit(X, y).score(X_test, y_test))


def repeat(X, y, X_test, y_test, seed):
    """Shares found and test accuracies, for each order and share inspected."""
    given, _ = flip_labels(y, FLIPPED, random_state=seed)

    def score(labels):
        return _fit(X, labels).score(X_test, y_test)

    found, accuracy = inspect(_orders(X, given, seed), given, y, SHARES, score)
    print(f"  repeat {seed}: {found[:, 2].round(3)} found, {accuracy[:, 2].round(3)}", flush=True)
    return found, accuracy


def report(found, accuracy, clean):
    """Figure and table of arrays of shape (n_repeats, n_orders, n_shares)."""
    title = (
        "Wrong labels found (left) and test accuracy (right) by the share of the labels inspected; "
        f"means and standard deviations of {len(found)} repeats."
    )
    figure = Figure("fixing", title, lambda c: _draw(c, found, accuracy, clean), (8.0, 3.6))
    notes = [
        f"Test accuracy with all labels right {clean:.3f}, with none inspected "
        f"{accuracy[:, 0, 0].mean():.3f}."
    ]
    title, pairs = "Labels inspected and corrected", ((0, 1), (1, 2))
    table = curves_table(title, ORDERS, SHARES, found, accuracy, pairs, notes)
    return [figure, table]


def _fit(X, y):
    strength = 1 / (len(y) * WEIGHT_DECAY)
    return LogisticRegression(
        C=strength, fit_intercept=False, solver="liblinear", tol=1e-6, max_iter=1000
    ).fit(X, y)


def _orders(X, given, seed):
    """The rows in each of ORDERS."""
    model = _fit(X, given)
    explainer = InfluenceExplainer(
        model, penalty_scaling="mean", method="first_order", solver="woodbury", polish=False
    ).fit(X, given)
    loss = np.logaddexp(0, np.where(given == 1, -1, 1) * model.decision_function(X))
    random = np.random.default_rng(seed).permutation(len(given))
    return [np.argsort(-explainer.self_influence()), np.argsort(-loss), random]


def _draw(canvas, found, accuracy, clean):
    axes = canvas.subplots(1, 2)
    draw_curves(axes, ORDERS, SHARES, found, accuracy, clean)
    axes[1].legend(fontsize=8)
