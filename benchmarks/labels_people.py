"""Labels that people got wrong: who finds them; cleanlab beside.

Run alone: ``python -m benchmarks labels_people``; all data are of the larger sets (_real_data.py).
"""

import numpy as np
from sklearn.metrics import roc_auc_score

from benchmarks._labels_data import PEOPLE
from benchmarks._labels_trials import as_table, grid, label, means, number, run_trials, settings
from benchmarks._labels_ways import BASE, COMPARED, WAYS, Trial
from benchmarks._processes import Child
from benchmarks._real_data import data_folder, loaders
from benchmarks._tables import Table

INTRODUCTION = (
    "Labels that people gave, beside right ones. CIFAR-10N: 8,000 images as 128 features, ten "
    "classes; of the labels aggregated from three people (aggre) 9 % are wrong, of one person's "
    "(random1) 17 %, of the worst of three (worse) 41 %. Music genres: 700 songs as 124 features, "
    "labelled by the majority of a crowd, which is wrong for 30 %."
)
DOUBTED = {"digits": "MNIST", "newsgroups": "20 newsgroups"}
#: Of the test set are judged, the rows that people voted on among them.
ROWS = 2_000


def run(quick=False):
    """Two tables: labels beside right ones, and labels that were voted on."""
    if data_folder() is None:
        print("  skipped: the larger data sets were not found", flush=True)
        return []
    sources, rows, judged = (["music genres"], 300, 300) if quick else (list(PEOPLE), None, ROWS)
    ways = [*COMPARED, "datalab", "self-influence", "loss"]
    found = run_trials(settings(sources, ("people",), (None,), 1, ways, rows))
    with Child("benchmarks.labels_people", threads=1) as child:
        doubted = {}
        for source in DOUBTED:
            doubted[source] = child.ask(source=source, ways=[*COMPARED, "datalab"], rows=judged)
            print(f"  {source}: {doubted[source]}", flush=True)
    return [_table(found), _doubted(doubted)]


def _table(found):
    flagging = found.dropna(subset="f1").assign(share=lambda one: one.flagged / one.wrong)
    cells = grid(found, "precision", "table").add_prefix("average precision, ")
    f1 = grid(flagging, "f1", "table").add_prefix("F1, ")
    share = grid(flagging, "share", "table", lambda v: number(v, 2)).add_prefix("flagged / wrong, ")
    cells = cells.join(f1).join(share).fillna("-")
    cells["seconds"] = means(found, "seconds", lambda v: number(v, 1))
    ours = found[found.way == BASE]
    said = ", ".join(
        f"{one.table} {one.estimate:.3f} ± {one.std:.3f} (true {one.wrong:.3f})"
        for one in ours.itertuples()
    )
    notes = [f"`noise_rate_` ± `noise_rate_std_`: {said}.", "Mean processor seconds, one thread."]
    return as_table("Labels that people got wrong", cells, notes)


def _doubted(doubted):
    lines = []
    for way in next(iter(doubted.values()))["ways"]:
        cells = []
        for found in doubted.values():
            area, median = found["ways"][way]
            cells += [f"{area:.3f}", f"{100 * median:.1f} %"]
        lines.append([label(way), *cells])
    columns = [f"{name}: {what}" for name in DOUBTED.values() for what in ("area", "median place")]
    counts = ", ".join(
        f"{found['doubted']} of {found['voted']} ({DOUBTED[source]})"
        for source, found in doubted.items()
    )
    notes = [
        "Rows of the test sets that cleanlab's authors had checked by five people. Doubted (the "
        f"given label has fewer than three votes): {counts}. These rows were picked by cleanlab's "
        f"own scores. {ROWS:,} rows of the test set are judged, the voted ones among them.",
        "Area: under the receiver's curve of doubted against other voted rows; the median place is "
        "that of doubted rows among all that are judged (0 % first).",
    ]
    return Table("Labels that people doubted", ["way", *columns], lines, notes)


def handle(request):
    """Where each way puts the rows whose given label has fewer than three of five votes."""
    X, y, votes = {"digits": _digits, "newsgroups": _newsgroups}[request["source"]]()
    voted, doubted = votes[:, 0], votes[:, 1] < 3
    others = np.setdiff1d(np.arange(len(y)), voted)
    others = np.random.default_rng(0).permutation(others)[: request["rows"] - len(voted)]
    drawn = np.r_[voted, others]
    trial, found = Trial(X[drawn], np.unique(y[drawn], return_inverse=True)[1], 0), {}
    for way in request["ways"]:
        if WAYS[way].applies(trial.X):
            score = trial.run(WAYS[way])[0].score
            place = np.argsort(np.argsort(-score, kind="stable")) / len(score)
            area = roc_auc_score(doubted, score[: len(voted)])
            found[way] = float(area), float(np.median(place[: len(voted)][doubted]))
    return {"ways": found, "doubted": int(doubted.sum()), "voted": len(voted)}


def _digits():
    """Test rows, their labels, and (row, votes of five for the given label)."""
    _, _, X, y = loaders().mnist()
    return X.astype(float), y, _votes(loaders().mnist_label_errors())


def _newsgroups():
    _, _, X, y, _ = loaders().newsgroups20()
    return X[:, X.getnnz(axis=0) > 2], y, _votes(loaders().newsgroups20_label_errors())


def _votes(table):
    return table[["test_row", "votes_given"]].to_numpy()
