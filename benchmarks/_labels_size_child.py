"""Serves one large flagging with the default settings: time and memory."""

import warnings
from time import perf_counter

import numpy as np
from sklearn.datasets import make_classification
from sklearn.metrics import average_precision_score

from benchmarks._measure import growth, mark
from skinfluence.datasets import flip_labels
from skinfluence.labels import LabelFlagger

warnings.simplefilter("ignore")


def handle(request):
    """Flag n rows of p columns."""
    n, p, classes = request["n"], request["p"], request["classes"]
    LabelFlagger(random_state=0).fit(*_rows(500, p, classes)[:2])  # compiles, imports
    X, y, wrong = _rows(n, p, classes)
    before, begun = mark(), perf_counter()
    flagger = LabelFlagger(random_state=0).fit(X, y)
    spent, grown = perf_counter() - begun, growth(before)
    return {
        "seconds": spent,
        "bytes": grown,
        "data": X.nbytes,
        "precision": float(average_precision_score(wrong, flagger.scores_)),
        "flagged": float(flagger.flagged_.mean()),
        "model": flagger.description_,
    }


def _rows(n, p, classes):
    X, y = make_classification(
        n, p, n_informative=10, n_redundant=5, n_classes=classes, flip_y=0.0, random_state=0
    )
    noisy, wrong = flip_labels(y, 0.1, random_state=0)
    return np.ascontiguousarray(X), noisy, wrong
