"""Serves regressions of which some values were made wrong."""

import warnings
from functools import lru_cache
from time import process_time

import numpy as np
from sklearn.datasets import load_diabetes, make_friedman1
from sklearn.metrics import average_precision_score

from benchmarks._labels_real_child import HOUSE_COLUMNS, REGRESSION_WAYS
from benchmarks._real_data import loaders
from skinfluence.datasets import load_forest_fires

warnings.simplefilter("ignore")


def handle(request):
    """Average precision, F1 and seconds of each way on one table with wrong values."""
    table, kind, rate, seed = (request[name] for name in ("table", "kind", "rate", "seed"))
    X, y = _load(table)
    drawn = np.random.default_rng(seed).permutation(len(y))[: request["rows"]]
    X, y = X[drawn], y[drawn]
    given, wrong = _make_wrong(y, kind, rate, seed)
    found = {}
    for name in request["ways"]:
        begun = process_time()
        score, flagged = REGRESSION_WAYS[name](X, given, seed)
        found[name] = {
            "precision": float(average_precision_score(wrong, score)),
            "seconds": process_time() - begun,
        }
        if flagged is not None:
            right = (flagged & wrong).sum()
            found[name]["f1"] = float(2 * right / max(flagged.sum() + wrong.sum(), 1))
            found[name]["rate"] = float(flagged.mean() / wrong.mean())
    return found


@lru_cache(maxsize=1)
def _load(table):
    if table == "diabetes":
        return load_diabetes(return_X_y=True)
    if table == "Friedman 1":
        return make_friedman1(500, noise=1.0, random_state=0)
    if table == "forest fires, log":
        X, y = load_forest_fires(return_X_y=True)
        return X, np.log1p(y)
    if table == "California":
        X, y, _ = loaders().california_housing()
        return X, y
    boston = loaders().boston_corrected()
    return boston[HOUSE_COLUMNS].to_numpy(dtype=float), boston["CMEDV"].to_numpy()


def _make_wrong(y, kind, rate, seed):
    """(y with wrong values, which are wrong)."""
    rng = np.random.default_rng(seed)
    wrong = np.zeros(len(y), dtype=bool)
    wrong[rng.choice(len(y), round(rate * len(y)), replace=False)] = True
    if kind == "moved":
        moves = rng.choice([-1.0, 1.0], len(y)) * rng.uniform(1.0, 3.0, len(y)) * y.std()
        return np.where(wrong, y + moves, y), wrong
    if kind == "swapped":
        given = y.copy()
        given[wrong] = rng.choice(y, wrong.sum())
        return given, given != y
    return np.where(wrong, y * rng.choice([0.5, 2.0], len(y)), y), wrong
