"""Wrong labels of many rows, many classes and sparse text: seconds and megabytes; cleanlab beside.

Run alone: ``python -m benchmarks labels_scale`` (eight minutes).
"""

from functools import partial

import numpy as np
import scipy.sparse as sp
from sklearn.datasets import make_classification
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from sklearn.model_selection import cross_val_predict

from benchmarks._measure import growth, mark, timed
from benchmarks._processes import Child
from benchmarks._tables import Table, megabytes, ratio, seconds
from benchmarks.peers import cleanlab
from skinfluence import LabelFlagger
from skinfluence.datasets import flip_labels

INTRODUCTION = (
    "Processor seconds of one thread, and the largest growth of the process, from rows and labels "
    "to scores and flags; 10 % of the labels were made wrong, by chance. cleanlab's label quality "
    "and find_label_issues need 5-fold cross-validated probabilities, which are counted."
)
#: Where leave-one-out must not cost many times the cross-validation that it is to replace.
SMALL = ("10 classes, 2,000 x 20", "100 classes, 2,000 x 20", "200 classes, 4,000 x 20")
SPARSE = "sparse, 4,000 x 2,000, 1 % filled"
LARGE = ("100,000 x 50, 10 columns matter", "100,000 x 50, 20 columns matter")
CLASSES = "20,000 x 50, 10 classes"


def run(quick=False):
    """One table of a given estimator, one of the flagger as it comes."""
    small, large = ((SMALL[0],), ()) if quick else ((*SMALL, SPARSE), (*LARGE, CLASSES))
    given = {table: _ask(table, ("logistic", "cleanlab logistic")) for table in small}
    default = {t: _ask(t, ("ours", "cleanlab trees")) for t in (*small, *large)}
    return [_given(given), _default(default)]


def _ask(table, ways):
    """{way: answer}, each by a process of its own."""
    found = {}
    for way in ways:
        with Child("benchmarks.labels_scale", threads=1) as child:
            found[way] = child.ask(table=table, way=way)
        print(f"  {table}, {way}: {found[way]}", flush=True)
    return found


def _cells(answer):
    return [f"{answer['precision']:.3f}", f"{answer['f1']:.3f}", seconds(answer["seconds"])]


def _given(found):
    lines = [
        [
            table,
            ours["said"],
            *_cells(ours),
            *_cells(theirs),
            ratio(ours["seconds"] / theirs["validation"]),
        ]
        for table, (ours, theirs) in ((t, answers.values()) for t, answers in found.items())
    ]
    columns = ["table", "judged by", *(f"ours: {name}" for name in _NAMES)]
    columns += [*(f"cleanlab: {name}" for name in _NAMES), "ours / cross-validation alone"]
    return Table("`LabelFlagger(LogisticRegression())`", columns, lines)


_NAMES = ("average precision", "F1", "seconds")


def _default(found):
    lines = [
        [
            table,
            *_cells(ours),
            megabytes(ours["bytes"]),
            *_cells(theirs),
            megabytes(theirs["bytes"]),
            megabytes(ours["data"]),
        ]
        for table, (ours, theirs) in ((t, answers.values()) for t, answers in found.items())
    ]
    names = [*_NAMES, "memory"]
    columns = [
        "table",
        *(f"ours: {n}" for n in names),
        *(f"cleanlab, ExtraTrees: {n}" for n in names),
    ]
    return Table("`LabelFlagger()`", [*columns, "the data"], lines)


def handle(request):
    """One way on one table: time, memory, average precision and F1."""
    way = WAYS[request["way"]]
    way(*_rows(SMALL[0])[:2])  # compiles, imports
    X, given, wrong = _rows(request["table"])
    before = mark()
    (score, flagged, said), times = timed(way, X, given)
    grown = growth(before)
    return {
        "seconds": times["cpu"],
        "bytes": grown,
        "data": X.data.nbytes,
        "precision": float(average_precision_score(wrong, score)),
        "f1": float(2 * (flagged & wrong).sum() / (flagged.sum() + wrong.sum())),
    } | said


def _rows(table):
    """(X, labels of which a tenth is wrong, which are)."""
    rng = np.random.default_rng(0)
    if table in SMALL:
        classes, n = int(table.split()[0]), int(table.split()[2].replace(",", ""))
        y = np.arange(n) % classes
        X = rng.standard_normal((classes, 20))[y] * 1.5 + rng.standard_normal((n, 20))
    elif table == SPARSE:
        X = sp.random(4_000, 2_000, density=0.01, random_state=rng, format="csr")
        y = (X @ rng.standard_normal(2_000) > 0).astype(int)
    else:
        n = int(table.split()[0].replace(",", ""))
        settings = {"n_informative": 10, "n_redundant": 5}
        if table == CLASSES:
            settings["n_classes"] = 10
        elif table == LARGE[1]:
            settings = {"n_informative": 20}
        X, y = make_classification(n, 50, flip_y=0.0, random_state=0, **settings)
    return X, *flip_labels(y, 0.1, random_state=0)


def _ours(X, y, estimator=None):
    flagger = LabelFlagger(estimator, random_state=0).fit(X, y)
    return flagger.scores_, flagger.flagged_, {"said": flagger.judged_by_.replace("_", "-")}


def _logistic(X, y):
    return _ours(X, y, LogisticRegression())


def _cleanlab(estimator):
    def run(X, y):
        validate = partial(cross_val_predict, cv=5, method="predict_proba")
        proba, times = timed(validate, estimator, X, y)
        return *cleanlab.label_issues(y, proba), {"validation": times["cpu"]}

    return run


WAYS = {
    "ours": _ours,
    "logistic": _logistic,
    "cleanlab logistic": _cleanlab(LogisticRegression()),
    "cleanlab trees": _cleanlab(ExtraTreesClassifier(random_state=0)),
}
