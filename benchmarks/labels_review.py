"""A simulated review of labels: rows ranked anew after every 50 decisions, or once, or otherwise.

Run alone: ``python -m benchmarks labels_review``; needs the larger data sets (see _real_data.py).
"""

from copy import copy

import numpy as np

from benchmarks._figures import Figure
from benchmarks._inspection import curves_table, draw_curves, inspect
from benchmarks._labels_data import load, people
from benchmarks._labels_ways import WAYS, Trial, logistic
from benchmarks._processes import Child
from benchmarks._real_data import loaders
from benchmarks._tables import Table
from skinfluence import LabelFlagger
from skinfluence.datasets import flip_labels

EVERY, FLIPPED = 50, 0.1
#: Repeats, training rows, test rows, and the number of times that EVERY labels are inspected.
MADE = {
    "Enron1": (40, 1_000, 1_000, 6),
    "hospital": (40, 1_000, 5_000, 6),
    "Adult": (40, 1_000, 5_000, 6),
}
PEOPLE = {"music genres": (10, 700, 300, 7)}
TABLES = MADE | PEOPLE
ORDERS = ("flagger, ranked anew", "flagger, ranked once", "loss", "random")

#: Skipped without the larger data sets (see _real_data.py).
NEEDS_DATA = True

INTRODUCTION = (
    "A simulated person inspects labels and corrects the wrong ones. The order is that of "
    "LabelFlagger as it comes, ranked anew by `update` after every 50 decisions (as ``skinfluence "
    "review --serve`` does) or ranked once, that of the training loss of a logistic regression, or "
    "random. The test accuracy is that of a logistic regression fitted to the labels as they are "
    "then. Each of 40 repeats draws 1,000 training rows, to keep the run at a few minutes, and "
    "other rows for the test; a random tenth of the training labels is flipped. All 700 songs of "
    "music genres are taken: their labels are those of a crowd's majority, the errors are "
    "real, and 10 repeats differ in the seed of the flagger and in the random order alone."
)


def run(quick=False):
    """A table for each data set, and the figure of all."""
    made: dict = {}
    with Child("benchmarks.labels_review", threads=1) as child:
        for name, (repeats, *_) in TABLES.items():
            seeds = range(1 if quick else repeats)
            asked = [child.ask(name=name, seed=seed) for seed in seeds]
            made[name] = {key: np.array([one[key] for one in asked]) for key in asked[0]}
            shown = (
                made[name][key].mean(axis=0)[:, 2].round(3).tolist()
                for key in ("found", "accuracy")
            )
            print(f"  {name}: found, accuracy {list(shown)}", flush=True)
    title = (
        "Wrong labels found (above) and test accuracy (below) by the share of the labels "
        "inspected; means and standard deviations of the repeats."
    )
    figure = Figure("labels_review", title, lambda canvas: _draw(canvas, made), (11.0, 6.0))
    return [figure, *(_table(name, found) for name, found in made.items())]


def handle(request):
    """Shares found and test accuracies of all ORDERS in one repeat."""
    name, seed = request["name"], request["seed"]
    X, given, truth, X_test, y_test = (
        _labels_of_people(name) if name in PEOPLE else _data(name, seed)
    )

    def score(labels):
        return logistic(X).fit(X, labels).score(X_test, y_test)

    steps = TABLES[name][-1]
    flagger = LabelFlagger(random_state=seed).fit(X, given)
    orders = [
        reviewed(flagger, truth, steps),
        flagger.ranking_,
        np.argsort(-WAYS["loss"].run(Trial(X, given, seed)).score, kind="stable"),
        np.random.default_rng(seed).permutation(len(given)),
    ]
    found, accuracy = inspect(orders, given, truth, _shares(name), score)
    wrong = float(np.mean(given != truth))
    return {
        "found": found.tolist(),
        "accuracy": accuracy.tolist(),
        "clean": score(truth),
        "wrong": wrong,
    }


def reviewed(flagger, truth, steps):
    """Rows in the order of a review that ranks the remaining ones after every EVERY decisions."""
    order = flagger.ranking_[:EVERY]
    for _ in range(steps - 1):
        ranked = copy(flagger).update(order, truth[order]).ranking_  # the reviewed ones are last
        order = np.r_[order, ranked[:EVERY]]
    return order


def _shares(name):
    _, n, _, steps = TABLES[name]
    return np.arange(steps + 1) * EVERY / n


def _data(name, seed):
    """(X, labels with errors, right labels, test rows, their labels)."""
    _, n_train, n_test, _ = TABLES[name]
    X, truth = load(name, seed, n_train + n_test)
    given, _ = flip_labels(truth[:n_train], FLIPPED, random_state=seed)
    return X[:n_train], given, truth[:n_train], X[n_train:], truth[n_train:]


def _labels_of_people(name):
    X, given, truth = people(name)
    data = loaders().music_genre()
    y_test = np.searchsorted(np.unique(data["y_true"]), data["y_test"])
    return X, given, truth, data["X_test"].astype(float), y_test


def _table(name, made) -> Table:
    found, accuracy = made["found"], made["accuracy"]
    notes = [
        f"Wrong labels: {made['wrong'].mean():.1%}. Test accuracy with all labels right "
        f"{made['clean'].mean():.3f}, with none inspected {accuracy[:, 0, 0].mean():.3f}."
    ]
    pairs = ((0, 1), (1, 2), (2, 3))
    return curves_table(name, ORDERS, _shares(name), found, accuracy, pairs, notes)


def _draw(canvas, made):
    axes = canvas.subplots(2, len(made))
    for pair, (name, one) in zip(axes.T, made.items(), strict=True):
        clean = one["clean"].mean()
        draw_curves(pair, ORDERS, _shares(name), one["found"], one["accuracy"], clean)
        pair[0].set(title=name, xlabel="")
    for ax in axes[:, 1:].flat:
        ax.set_ylabel("")
    handles, names = axes[1, 0].get_legend_handles_labels()
    canvas.legend(handles, names, loc="outside lower center", ncols=5, fontsize="small")
