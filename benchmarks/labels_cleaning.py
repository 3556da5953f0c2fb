"""What finding wrong labels is good for: accuracy after setting some right, and after cleaning.

Run alone: ``python -m benchmarks labels_cleaning``; half of the tables are of the larger data sets
(see _real_data.py).
"""

from itertools import product

import numpy as np
import pandas as pd

from benchmarks._figures import Figure, line_style
from benchmarks._inspection import inspect
from benchmarks._labels_data import FLIPPED, KINDS, PEOPLE, RATES, load, make_wrong, people
from benchmarks._labels_ways import WAYS, Trial, Verdict, logistic
from benchmarks._processes import Child
from benchmarks._real_data import data_folder, loaders
from benchmarks._tables import Table
from benchmarks.peers import cleanlab
from skinfluence import CleanedClassifier

INTRODUCTION = (
    "A logistic regression is fitted to labels of which some are wrong, and tested on right ones. "
    "Either a person looks at some labels, in the order that a way proposes, and sets them right "
    "(Koh & Liang 2017, Figure 6); or nobody does, and the estimator cleans its labels itself."
)
SHARES = (0.05, 0.1, 0.15, 0.2, 0.3)
#: Training and test rows of each repeat.
ROWS = {"Enron1": (800, 1_000), "hospital": (3_000, 4_000)}
#: (kind, rate) of the wrong labels that are set right.
SETTINGS = (("symmetric", 0.1), ("asymmetric", 0.2))
REPEATS = 10
ORDERS = {
    "noise model (skinfluence, as it comes)": WAYS["ours"].run,
    "leave-one-out (skinfluence, plain)": WAYS["ours plain"].run,
    "self-influence, logistic": WAYS["self-influence"].run,
    "loss, logistic": WAYS["loss"].run,
    "cleanlab, ExtraTrees, find_label_issues": WAYS["trees find_label_issues"].run,
    "random": lambda trial: Verdict(np.random.default_rng(trial.seed).random(len(trial.y))),
}
CLEANED = ("breast cancer", "digits", "spambase", "Adult", "hospital", "Enron1")
RAW = "noisy labels as they are"


def run(quick=False):
    """Tables of the curves, their figure, and accuracy of estimators that clean their labels."""
    here, repeats = data_folder() is not None, 1 if quick else REPEATS
    curves, cleaned = {}, []
    with Child("benchmarks.labels_cleaning", threads=1) as child:
        for (kind, rate), table in product(SETTINGS, [t for t in ROWS if here or t != "Enron1"]):
            asked = {"table": table, "kind": kind, "rate": rate}
            asked["rows"] = (200, 200) if quick else ROWS[table]
            found = [child.ask(do="curves", seed=seed, **asked) for seed in range(repeats)]
            curves[table, kind, rate] = found
            print(f"  {table}, {kind}", flush=True)
        tables = [t for t in CLEANED if here or not FLIPPED[t].shared]
        tables, kinds = (tables[:1], KINDS[:1]) if quick else (tables, KINDS)
        for table, kind, rate in product(tables, kinds, RATES):
            asked = {"table": table, "kind": kind, "rate": rate, "seed": 0}
            cleaned.append({"table": table} | child.ask(do="flipped", quick=quick, **asked))
            print(f"  {cleaned[-1]}", flush=True)
        given = []
        for name in (["music genres"] if quick else PEOPLE) if here else ():
            for seed in range(1 if quick or name == "music genres" else 3):
                given.append({"table": name} | child.ask(do="people", name=name, seed=seed))
                print(f"  {given[-1]}", flush=True)
    notes = [
        f"Test accuracy, mean over {', '.join(kinds)} noise on 10 % and 20 % of the training rows; "
        "half of the rows are held back for the test. 'Worse than raw': share of the runs in which "
        'cleaning made the model worse. "drop" and "reweight" go by the flags and qualities of the '
        "same flagger."
    ]
    made = [*(_curve(key, found) for key, found in curves.items()), _figure(curves)]
    made.append(_accuracies("Estimators that clean their labels", cleaned, notes))
    if given:
        notes = [
            "Test accuracy on right labels. CIFAR-10N: 5,000 images as 128 features, 3,000 others "
            "for the test, mean of three splits; music genres: 700 songs."
        ]
        made.append(_accuracies("Learning from labels that people got wrong", given, notes))
    return made


def _mean(found, order, name):
    """Mean over the repeats, one number a share inspected."""
    return np.mean([repeat["orders"][order][name] for repeat in found], axis=0)


def _curve(key, found):
    table, kind, rate = key
    lines = []
    for order in ORDERS:
        accuracy, right = _mean(found, order, "accuracy"), _mean(found, order, "found")
        cells = [f"{100 * a:.1f} ({100 * f:.0f} %)" for a, f in zip(accuracy, right, strict=True)]
        lines.append([order, *cells])
    noisy, clean = (100 * np.mean([one[n] for one in found]) for n in ("noisy", "clean"))
    notes = [
        f"Test accuracy in per cent (share of wrong labels found), mean of {len(found)} repeats. "
        f"Nothing set right: {noisy:.1f}; no label wrong: {clean:.1f}."
    ]
    title = f"Setting labels right: {table}, {kind} noise on {100 * rate:.0f} %"
    return Table(title, ["order", *(f"{100 * s:.0f} % inspected" for s in SHARES)], lines, notes)


def _figure(curves):
    shown = [(key, found) for key, found in curves.items() if key[1] == "symmetric"]

    def draw(canvas):
        axes = canvas.subplots(2, len(shown), squeeze=False)
        for column, ((table, _, _), found) in enumerate(shown):
            noisy, clean = (np.mean([one[n] for one in found]) for n in ("noisy", "clean"))
            for row, (name, first) in enumerate((("accuracy", noisy), ("found", 0.0))):
                for i, order in enumerate(ORDERS):
                    heights = [first, *_mean(found, order, name)]
                    axes[row, column].plot([0, *SHARES], heights, label=order, **line_style(i))
            axes[0, column].axhline(clean, color="0.7", linewidth=0.8)
            axes[0, column].set(title=table, ylabel="test accuracy")
            axes[1, column].set(xlabel="share inspected", ylabel="wrong labels found")
        axes[1, 0].legend(fontsize="small")

    title = (
        "Wrong labels (10 %, symmetric) are looked at in some order and set right: test accuracy "
        f"(grey: no label wrong) and share found, {REPEATS} repeats, as in Koh & Liang's Figure 6."
    )
    return Figure("labels_cleaning", title, draw, (9.0, 7.0))


def _accuracies(title, found, notes):
    frame = pd.DataFrame(found)
    taken = (
        frame.pop("action")
        .groupby(frame.table, sort=False)
        .agg(lambda actions: ", ".join(f"{a} {n}x" for a, n in actions.value_counts().items()))
    )
    means, raw, lines = frame.groupby("table", sort=False).mean(), frame[RAW], []
    for name in means:
        worse = f"{100 * (frame[name] < raw).mean():.0f} %"
        lines.append([name, f"{means[name].mean():.4f}", worse, *means[name].map("{:.3f}".format)])
    lines.append(["(action taken as it comes)", "", "", *taken])
    return Table(title, ["fitted to", "mean", "worse than raw", *means.index], lines, notes)


def _curves(table, kind, rate, seed, rows):
    """For each order and share inspected: test accuracy, and share of wrong labels set right."""
    n_train, n_test = rows
    X, truth = load(table, seed, n_train + n_test)
    X, X_test, truth, y_test = X[:n_train], X[n_train:], truth[:n_train], truth[n_train:]
    y, _ = make_wrong(X, truth, kind, rate, seed)
    trial = Trial(X, y, seed)

    def score(labels):
        return float(logistic(X).fit(X, labels).score(X_test, y_test))

    orders = [np.argsort(-way(trial).score, kind="stable") for way in ORDERS.values()]
    found, accuracy = inspect(orders, y, truth, (0.0, *SHARES), score)
    made = {
        name: {"found": found[i, 1:].tolist(), "accuracy": accuracy[i, 1:].tolist()}
        for i, name in enumerate(ORDERS)
    }
    return {"noisy": accuracy[0, 0], "clean": score(truth), "orders": made}


def _flipped(table, kind, rate, seed, quick):
    rows = 150 if quick else FLIPPED[table].rows or 800
    X, y = load(table, seed, None if table in ("breast cancer", "digits") else 2 * rows)
    drawn = np.random.default_rng(seed).permutation(len(y))
    train, test = drawn[: len(y) // 2], drawn[len(y) // 2 :]
    noisy, _ = make_wrong(X[train], y[train], kind, rate, seed)
    return _cleaned(X[train], y[train], noisy, X[test], y[test], seed)


def _people(name, seed):
    X, given, truth = people(name)
    if name == "music genres":
        data = loaders().music_genre()
        y_test = np.searchsorted(np.unique(data["y_true"]), data["y_test"])
        return _cleaned(X, truth, given, data["X_test"].astype(float), y_test, seed)
    drawn = np.random.default_rng(seed).permutation(len(X))
    train, test = drawn[:5_000], drawn[5_000:]
    return _cleaned(X[train], truth[train], given[train], X[test], truth[test], seed)


def _cleaned(X, truth, noisy, X_test, y_test, seed):
    """{way of cleaning: test accuracy}, and under "action" what was chosen, as a word."""
    auto = CleanedClassifier(logistic(X), random_state=seed).fit(X, noisy)
    kept, right, quality = ~auto.flagger_.flagged_, noisy == truth, auto.flagger_.label_quality_
    models = {
        RAW: logistic(X).fit(X, noisy),
        "CleanedClassifier, as it comes": auto,
        'as if "drop"': logistic(X).fit(X[kept], noisy[kept]),
        'as if "reweight"': logistic(X).fit(X, noisy, logisticregression__sample_weight=quality),
    }
    proba = Trial(X, noisy, seed).probabilities("trees")
    for name, said in (("", None), (", probabilities of ExtraTrees", proba)):
        model = cleanlab.clean_learning(logistic(X), X, noisy, seed, said)
        models[f"cleanlab CleanLearning{name}"] = model
    models["without exactly the wrong labels"] = logistic(X).fit(X[right], noisy[right])
    models["no label wrong"] = logistic(X).fit(X, truth)
    scores = {name: float(np.mean(one.predict(X_test) == y_test)) for name, one in models.items()}
    return scores | {"action": auto.action_}
