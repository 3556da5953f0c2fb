"""Labels corrected as a review suggests them: by expected gain, by quality, at random.

Run alone: ``python -m benchmarks labels_suggested`` (two minutes).
"""

import numpy as np
import pandas as pd

from benchmarks._labels_data import load, make_wrong
from benchmarks._labels_ways import logistic
from benchmarks._processes import Child
from benchmarks._tables import Table
from skinfluence import LabelFlagger

TABLES = ("breast cancer", "make_classification", "digits")
#: Splits, training rows at the most (the others are for the test), and trusted rows among these.
REPEATS, ROWS, TRUSTED = 10, 1_000, 100

INTRODUCTION = (
    "A logistic regression is fitted to labels of which 20 % are wrong (asymmetric noise), after a "
    "tenth of them was corrected: those that `LabelFlagger.suggest_review` names, by expected gain "
    f"on {TRUSTED} other rows with trusted labels, by expected gain on the training rows, by "
    "quality, or a random choice. The flagger has the same estimator; the test labels are right."
)


def run(quick=False):
    """One table of test accuracies."""
    tables, repeats = (TABLES[:1], 1) if quick else (TABLES, REPEATS)
    with Child("benchmarks.labels_suggested", threads=1) as child:
        found = {
            table: [child.ask(table=table, seed=seed) for seed in range(repeats)]
            for table in tables
        }
    means = pd.DataFrame({table: pd.DataFrame(one).mean() for table, one in found.items()})
    lines = [[order, *map("{:.3f}".format, row)] for order, row in means.iterrows()]
    notes = [f"Test accuracy, mean of {repeats} splits."]
    return [Table("A tenth of the labels corrected", ["chosen", *means], lines, notes)]


def handle(request):
    """{how the labels are chosen: test accuracy} of one split."""
    table, seed = request["table"], request["seed"]
    X, truth = load(table, seed, 2 * ROWS)
    order = np.random.default_rng(seed).permutation(len(truth))
    train, trusted, test = np.split(order, [len(order) // 2, len(order) // 2 + TRUSTED])
    y, _ = make_wrong(X[train], truth[train], "asymmetric", 0.2, seed)
    flagger, k = LabelFlagger(logistic(X)).fit(X[train], y), len(y) // 10
    known = {"X_test": X[trusted], "y_test": truth[trusted]}
    chosen = {
        "by gain, with trusted rows": flagger.suggest_review(k, strategy="gain", **known),
        "by gain": flagger.suggest_review(k, strategy="gain"),
        "by quality": flagger.suggest_review(k),
        "at random": np.random.default_rng(seed + 1).permutation(len(y))[:k],
        "none": [],
    }
    accuracy = {}
    for name, rows in chosen.items():
        labels = y.copy()
        labels[rows] = truth[train][rows]
        model = logistic(X).fit(X[train], labels)
        accuracy[name] = float(model.score(X[test], truth[test]))
    return accuracy
