"""Predicted changes of a test digit's loss against refits: Koh & Liang (2017), Figures 2 and 3.

Run alone: ``python -m benchmarks fidelity``; needs the larger data sets (see _real_data.py).
"""

import warnings
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from benchmarks._real_data import loaders
from benchmarks._tables import Table
from skinfluence import InfluenceExplainer
from skinfluence.explainer import lins_concordance
from skinfluence.solvers import LissaSolver

WEIGHT_DECAY = 0.01
#: The test row of Figure 2, a 5 that is read as a 6.
TEST_ROW = 8
METHODS = {"first_order": "first order", "newton_step": "Newton step"}
LISSA = "first order, LiSSA"
#: Koh & Liang's R of the hinge by the temperature of the smooth hinge.
PAPER = {0.001: "0.95", 0.1: "0.91"}
COLUMNS = ["model", "method", "truth", "Pearson R", "concordance", "paper's R"]

#: Skipped without the larger data sets (see _real_data.py).
NEEDS_DATA = True

INTRODUCTION = (
    "MNIST as in Koh & Liang's Figures 2 and 3: pixels / 255, no intercept, weight decay 0.01 on "
    "the mean loss. The change of a wrongly classified test digit's loss by the removal of each of "
    "the most influential training rows, predicted and refitted. LiSSA has the paper's 10 repeats "
    "of 5,000 steps of one row."
)


@dataclass(frozen=True)
class Size:
    """How much is computed."""

    rows: int | None = None  # of the training set; all by default
    digits: int = 4  # wrongly classified test digits of the two classes
    removed: int = 100  # rows for each of them
    removed_of_ten: int = 500
    depth: int = 5000


QUICK = Size(rows=1500, digits=1, removed=10, removed_of_ten=10, depth=500)


def run(quick=False):
    """One table."""
    size = QUICK if quick else Size()
    binary = _double(loaders().mnist_binary(), size.rows)
    lines = logistic("1 vs 7, logistic", binary, size, size.removed)
    print(*lines, sep="\n", flush=True)
    lines += hinge(binary, size)
    print(*lines, sep="\n", flush=True)
    ten = _double(loaders().mnist(paper=True), size.rows)
    lines += logistic("ten classes, multinomial", ten, size, size.removed_of_ten, [TEST_ROW])
    notes = [
        f"1 vs 7: the {size.removed} most influential training rows of each of the first "
        f"{size.digits} wrongly classified test digits; means over the digits.",
        f"Ten classes: test row {TEST_ROW} and its {size.removed_of_ten} most influential rows, as "
        "in Figure 2, whose points lie on the line; the paper prints no R for it.",
    ]
    return [Table("Predicted and refitted changes of a test digit's loss", COLUMNS, lines, notes)]


def _double(data, n_rows):
    X, y, X_test, y_test = data
    return X[:n_rows].astype(float), y[:n_rows], X_test.astype(float), y_test


def strength(n_rows):
    return 1 / (n_rows * WEIGHT_DECAY)


def most_influential(influence, k):
    return np.argsort(-np.abs(influence), kind="stable")[:k]


def line(model, method, truth, pairs, paper=""):
    """A row of the table: means over the test digits of (predicted, actual)."""
    pearson = np.mean([np.corrcoef(*pair)[0, 1] for pair in pairs])
    concordance = np.mean([lins_concordance(*pair) for pair in pairs])
    return [model, method, truth, f"{pearson:.6f}", f"{concordance:.6f}", paper]


def logistic(name, data, size, k, tests=None):
    """All methods against converged refits, on the given or the first wrong test digits."""
    X, y, X_test, y_test = data
    # tol: the explainer moves to the optimum by Newton steps
    model = LogisticRegression(C=strength(len(y)), fit_intercept=False, tol=1e-4)
    explainer = InfluenceExplainer(model, penalty_scaling="mean").fit(X, y)
    lissa = InfluenceExplainer(
        FrozenEstimator(explainer.estimator_),
        penalty_scaling="mean",
        method="first_order",
        solver=LissaSolver(depth=size.depth, repeats=10, batch_size=1, tol=1e-9, random_state=17),
    ).fit(X, y)
    if tests is None:
        tests = np.flatnonzero(explainer.predict(X_test) != y_test)[: size.digits]
    pairs = {method: [] for method in (*METHODS.values(), LISSA)}
    for t in tests:
        test = X_test[[t]], y_test[[t]]
        rows = most_influential(explainer.influence(*test, method="first_order")[0], k)
        refitted = explainer.influence(*test, method="refit", rows=rows)[0]
        for method, label in METHODS.items():
            predicted = explainer.influence(*test, method=method, rows=rows)[0]
            pairs[label].append((predicted, refitted))
        with warnings.catch_warnings():  # that the estimate is one
            warnings.simplefilter("ignore", ConvergenceWarning)
            pairs[LISSA].append((lissa.influence(*test, rows=rows)[0], refitted))
    return [line(name, label, "refit", found) for label, found in pairs.items()]


def machine(n_rows):
    return LinearSVC(
        loss="hinge",
        fit_intercept=False,
        C=strength(n_rows),
        tol=1e-7,
        max_iter=100_000,
        random_state=0,
    )


def hinge(data, size):
    """The smooth hinge at the hinge's own weights, against LinearSVC fitted without each row."""
    X, y, X_test, y_test = data
    compact = sparse.csr_array(X)
    coef = machine(len(y)).fit(compact, y).coef_[0]
    tests = np.flatnonzero((X_test @ coef > 0) != y_test)[: size.digits]
    signed = np.where(y_test[tests] == 1, 1.0, -1.0)[:, None] * X_test[tests]
    known = {}

    def change(row):
        if row not in known:
            others = (np.arange(len(y)) != row).astype(float)
            without = machine(len(y) - 1).fit(compact, y, sample_weight=others).coef_[0]
            losses = [np.maximum(0.0, 1.0 - signed @ w) for w in (without, coef)]
            known[row] = losses[0] - losses[1]
        return known[row]

    lines = []
    for temperature, paper in PAPER.items():
        explainer = InfluenceExplainer(
            machine(len(y)), penalty_scaling="mean", polish=False, temperature=temperature
        )
        with warnings.catch_warnings():  # away from an optimum of the smooth hinge, as meant
            warnings.simplefilter("ignore", ConvergenceWarning)
            explainer.fit(X, y)
        for method in METHODS:
            influence = explainer.influence(X_test[tests], y_test[tests], method=method)
            first = explainer.influence(X_test[tests], y_test[tests], method="first_order")
            pairs = []
            for digit, predicted in enumerate(influence):
                rows = most_influential(first[digit], size.removed)
                pairs.append((predicted[rows], [change(row)[digit] for row in rows]))
            name = f"1 vs 7, hinge through t = {temperature:g}"
            lines.append(line(name, METHODS[method], "LinearSVC without the row", pairs, paper))
    return lines
