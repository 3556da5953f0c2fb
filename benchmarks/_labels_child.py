"""Serves trials of the label benchmark: one table, one kind of noise, all ways."""

import importlib.util
import sys
import warnings

import numpy as np
from scipy.sparse import issparse
from sklearn.metrics import average_precision_score

from benchmarks._labels_data import load, make_wrong
from benchmarks._labels_ways import WAYS, Trial, Verdict
from skinfluence.labels import LabelFlagger

warnings.simplefilter("ignore")


def handle(request):
    """Answer one request of `benchmarks/_labels_detection.py` or `_labels_rate.py`."""
    return {"trial": _trial, "clean": _clean, "rate": _rate}[request.pop("do")](**request)


def _trial(table, kind, rate, seed, rows=None):
    """What each way that can be used here found, and how long it took."""
    X, truth = load(table, seed, rows)
    y, wrong = make_wrong(X, truth, kind, rate, seed)
    trial, found = Trial(X, y, seed), {}
    for name, way in WAYS.items():
        asked = seed < way.seeds and rate in way.rates and not way.clean_only
        if not asked or not _applies(way, X, truth):
            continue
        try:
            verdict, seconds = trial.run(way)
        except ValueError as error:  # Datalab has no answer now and then
            if way.needs == "numpy":
                raise
            print(f"{way.label} on {table}: {error}", file=sys.stderr)
            continue
        found[name] = judge(verdict, wrong) | {"seconds": seconds}
    return found


def _clean(table, ways, seed=0, rows=None):
    """Share of a table that each way flags, although no label was made wrong."""
    X, y = load(table, seed, rows)
    trial = Trial(X, y, seed)
    usable = [name for name in ways if _applies(WAYS[name], X, y)]
    return {name: float(trial.run(WAYS[name])[0].flagged.mean()) for name in usable}


def _rate(table, kind, rate, seed, rows=None):
    """The share of wrong labels by the noise model, and the flagged one."""
    X, y = load(table, seed, rows)
    if rate:
        y, _ = make_wrong(X, y, kind, rate, seed)
    found = LabelFlagger(random_state=0).fit(X, y)
    return {
        "rate": found.noise_rate_,
        "std": found.noise_rate_std_,
        "contamination": found.contamination_,
    }


def _applies(way, X, y):
    return (
        importlib.util.find_spec(way.needs) is not None
        and not (way.binary and y.max() > 1)
        and not (way.dense and issparse(X))
    )


def judge(verdict: Verdict, wrong):
    """Average precision, share found in the first tenth, and how good the flags are."""
    order = np.argsort(-verdict.score, kind="stable")
    first = order[: round(0.1 * len(wrong))]
    found = {
        "precision": float(average_precision_score(wrong, verdict.score)),
        "found": float(wrong[first].sum() / wrong.sum()),
    }
    if verdict.flagged is not None:
        right = float((verdict.flagged & wrong).sum())
        found["flags right"] = right / max(float(verdict.flagged.sum()), 1.0)
        found["flags found"] = right / float(wrong.sum())
        found["f1"] = 2.0 * right / float(verdict.flagged.sum() + wrong.sum())
        found["rate"] = verdict.rate / float(wrong.mean())
    return found
