"""What finding wrong labels is good for: test accuracy after looking at some of them."""

import numpy as np

from benchmarks._figures import Figure, line_style
from benchmarks._labels_data import KINDS, RATES
from benchmarks._processes import Child
from benchmarks._real_data import data_folder
from benchmarks._tables import Table

SHARES = (0.05, 0.1, 0.15, 0.2, 0.3)
#: Training and test rows of each repeat.
ROWS = {"Enron1": (800, 1_000), "hospital": (3_000, 4_000)}
ORDERS = {
    "noise model": "noise model (skinfluence, as it comes)",
    "leave-one-out": "leave-one-out, logistic",
    "influence": "self-influence, logistic",
    "loss": "loss, logistic",
    "cleanlab": "cleanlab, ExtraTrees, find_label_issues",
    "random": "random",
}
#: (kind, rate, repeats, orders): the paper's figure, and one-sided noise with cleanlab beside.
SETTINGS = (
    ("symmetric", 0.1, 40, [name for name in ORDERS if name != "cleanlab"]),
    ("asymmetric", 0.2, 10, list(ORDERS)),
)
ACTIONS = {
    "raw": "noisy labels as they are",
    "auto": "CleanedClassifier, as it comes",
    "reweight": 'CleanedClassifier, "reweight"',
    "drop": 'CleanedClassifier, "drop"',
    "relabel": 'CleanedClassifier, "relabel"',
    "cleanlab": "cleanlab CleanLearning",
    "cleanlab trees": "cleanlab CleanLearning, probabilities of ExtraTrees",
    "right": "without exactly the wrong labels",
    "clean": "no label wrong",
}
CLEANED = ("breast cancer", "digits", "spambase", "Adult", "hospital", "Enron1")
#: Labels that people gave, by the share that is wrong.
PEOPLE = {
    "aggre_label": "CIFAR-10N aggre",
    "random_label1": "CIFAR-10N random1",
    "worse_label": "CIFAR-10N worse",
    "music": "music genres",
}


def run(quick):
    """Tables of the curves, their figure, and accuracy of estimators that clean their labels."""
    tables = [t for t in ROWS if t != "Enron1" or data_folder()]
    curves = {}
    with Child("benchmarks._labels_repair_child", threads=1) as child:
        for kind, rate, repeats, orders in SETTINGS:
            for table in tables:
                rows, test_rows = (200, 200) if quick else ROWS[table]
                setting = {"table": table, "kind": kind, "rate": rate, "orders": orders}
                setting |= {"rows": rows, "test_rows": test_rows, "shares": SHARES}
                curves[table, kind, rate] = [
                    child.ask(do="curves", seed=seed, **setting)
                    for seed in range(1 if quick else repeats)
                ]
                print(f"  {table}, {kind}: {_progress(curves[table, kind, rate])}", flush=True)
        cleaned = [_accuracies(child, quick)]
        if data_folder():
            cleaned.append(_people(child, quick))
    return [*(_table(key, found) for key, found in curves.items()), _figure(curves), *cleaned]


def _mean(found, order, name):
    """Mean over the repeats, one number a share inspected."""
    return np.mean([repeat["orders"][order][name] for repeat in found], axis=0)


def _progress(found):
    tenth = SHARES.index(0.1)
    return ", ".join(
        f"{order} {_mean(found, order, 'accuracy')[tenth]:.4f}" for order in found[0]["orders"]
    )


def _table(key, found):
    table, kind, rate = key
    lines = []
    for order in found[0]["orders"]:
        accuracy, right = _mean(found, order, "accuracy"), _mean(found, order, "found")
        cells = [f"{100 * a:.1f} ({100 * f:.0f} %)" for a, f in zip(accuracy, right, strict=True)]
        lines.append([ORDERS[order], *cells])
    plain = {n: 100 * np.mean([r["plain"][n] for r in found]) for n in ("noisy", "clean")}
    notes = [
        f"Test accuracy in per cent (share of wrong labels found), mean of {len(found)} repeats. "
        f"Nothing set right: {plain['noisy']:.1f}; no label wrong: {plain['clean']:.1f}."
    ]
    title = f"Setting labels right: {table}, {kind} noise on {100 * rate:.0f} %"
    return Table(title, ["order", *(f"{100 * s:.0f} % inspected" for s in SHARES)], lines, notes)


def _figure(curves):
    shown = [(key, found) for key, found in curves.items() if key[1] == "symmetric"]

    def draw(canvas):
        axes = canvas.subplots(2, len(shown), squeeze=False)
        for column, ((table, _, _), found) in enumerate(shown):
            noisy, clean = (np.mean([r["plain"][n] for r in found]) for n in ("noisy", "clean"))
            for i, order in enumerate(found[0]["orders"]):
                shares = [0.0, *SHARES]
                accuracy = [noisy, *_mean(found, order, "accuracy")]
                right = [0.0, *_mean(found, order, "found")]
                label = ORDERS[order]
                axes[0, column].plot(shares, accuracy, label=label, **line_style(i))
                axes[1, column].plot(shares, right, label=label, **line_style(i))
            axes[0, column].axhline(clean, color="0.7", linewidth=0.8)
            axes[0, column].set(title=table, ylabel="test accuracy")
            axes[1, column].set(xlabel="share inspected", ylabel="wrong labels found")
        axes[1, 0].legend(fontsize="small")

    title = (
        "Wrong labels (10 %, symmetric) are looked at in some order and set right: test accuracy "
        "(grey: no label wrong) and share found, 40 repeats, as in Koh & Liang's Figure 6."
    )
    return Figure("labels_repair", title, draw, (9.0, 7.0))


def _accuracies(child, quick):
    tables = [t for t in CLEANED if t in ("breast cancer", "digits", "hospital") or data_folder()]
    tables, kinds = (tables[:1], KINDS[:1]) if quick else (tables, KINDS)
    found = {}
    for table in tables:
        for kind in kinds:
            for rate in RATES:
                for seed in range(1 if quick else 2):
                    key = {"table": table, "kind": kind, "rate": rate, "seed": seed}
                    rows = 150 if quick else None
                    found[tuple(key.values())] = child.ask(do="accuracy", rows=rows, **key)
        print(f"  {table}: {_accuracy_line(found, table)}", flush=True)
    lines = []
    raw = np.array([trial["raw"] for trial in found.values()])
    for name, label in ACTIONS.items():
        if name not in next(iter(found.values())):
            continue
        values = np.array([trial[name] for trial in found.values()])
        cells = [f"{100 * np.mean(_chosen(found, table, name)):.1f}" for table in tables]
        worse = f"{100 * np.mean(values < raw):.0f} %"
        lines.append([label, f"{100 * values.mean():.2f}", worse, *cells])
    notes = [
        f"Test accuracy in per cent of a logistic regression, mean over {', '.join(kinds)} noise "
        "on 10 % and 20 % of the training rows; half of the rows are held back for the test, with "
        "their labels right.",
        "'worse than raw': share of the trials in which cleaning made the model worse.",
    ]
    title = "Estimators that clean their labels"
    return Table(title, ["fitted to", "mean", "worse than raw", *tables], lines, notes)


def _people(child, quick):
    """Accuracy after cleaning where the wrong labels are those of people."""
    sources = ("music",) if quick else PEOPLE
    found = {}
    for source in sources:
        for seed in range(1 if quick or source == "music" else 3):
            found[source, seed] = child.ask(do="people", source=source, seed=seed)
        print(f"  {PEOPLE[source]}: {_accuracy_line(found, source)}", flush=True)
    lines = [
        [label, *(f"{np.mean(_chosen(found, source, name)):.3f}" for source in sources)]
        for name, label in ACTIONS.items()
        if name in next(iter(found.values()))
    ]
    taken = [", ".join(dict.fromkeys(_chosen(found, source, "action"))) for source in sources]
    lines.append(["(action taken as it comes)", *taken])
    notes = [
        "Test accuracy of a logistic regression on right labels. CIFAR-10N: 5,000 images as 128 "
        "features, 3,000 others for the test, mean of three splits; 9, 17 and 41 % of the labels "
        "are wrong. Music genres: 700 songs, 30 % of the majority votes are wrong."
    ]
    title = "Learning from labels that people got wrong"
    return Table(title, ["fitted to", *(PEOPLE[source] for source in sources)], lines, notes)


def _chosen(found, table, name):
    return [trial[name] for key, trial in found.items() if key[0] == table]


def _accuracy_line(found, table):
    names = [n for n in ACTIONS if n in next(iter(found.values()))]
    return ", ".join(f"{n} {np.mean(_chosen(found, table, n)):.4f}" for n in names)
