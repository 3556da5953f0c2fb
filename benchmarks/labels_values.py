"""Wrong values of regressions: who finds them; cleanlab beside.

Run alone: ``python -m benchmarks labels_values``.
"""

from functools import lru_cache

import numpy as np
import pandas as pd
from sklearn.datasets import load_diabetes, make_friedman1
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.linear_model import LinearRegression
from sklearn.metrics import average_precision_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks._measure import timed
from benchmarks._processes import Child
from benchmarks._real_data import data_folder, loaders
from benchmarks._tables import Table, seconds
from benchmarks.peers import cleanlab
from skinfluence import InfluenceExplainer, LabelFlagger
from skinfluence.datasets import load_forest_fires

INTRODUCTION = (
    "Values of regressions that are made wrong, and eight house prices that were published wrong. "
    "'As it comes' is `LabelFlagger()`; cleanlab's CleanLearning cross-validates the estimator."
)
#: Name, and whether it is of the larger data sets.
TABLES = {
    "diabetes": False,
    "Friedman 1": False,
    "forest fires, log": False,
    "California": True,
    "Boston": True,
}
KINDS = {
    "moved": "moved by 1 to 3 standard deviations",
    "swapped": "of another row",
    "scaled": "halved or doubled",
}
RATE, SEEDS, ROWS = 0.1, 2, 500
#: Without the racial variable B of the published table.
HOUSE_COLUMNS = "CRIM ZN INDUS CHAS NOX RM AGE DIS RAD TAX PTRATIO LSTAT".split()


def run(quick=False):
    """One table of values made wrong, one of house prices."""
    tables = [name for name, shared in TABLES.items() if data_folder() or not shared]
    kinds, seeds, rows = list(KINDS), SEEDS, ROWS
    if quick:
        tables, kinds, seeds, rows = tables[:1], kinds[:1], 1, 150
    lines, prices = [], []
    with Child("benchmarks.labels_values", threads=1) as child:
        child.ask(table="diabetes", kind="moved", seed=0, rows=100)
        for table in tables:
            for kind in kinds:
                for seed in range(seeds):
                    key = {"table": table, "kind": kind, "seed": seed}
                    lines += [key | one for one in child.ask(rows=rows, **key)]
            print(f"  {table}: {lines[-len(WAYS)]}", flush=True)
        if data_folder():
            prices = child.ask(table="Boston", kind="published", seed=0, rows=None)
    return [_table(pd.DataFrame(lines)), *([_prices(prices)] if prices else [])]


def _table(found):
    def mean(value, by=None):
        groups = ["way"] if by is None else ["way", by]
        means = found.groupby(groups, sort=False)[value].mean()
        return means if by is None else means.unstack(by)

    shown = mean("precision").to_frame("mean").join(mean("precision", "table"))
    shown = shown.join(mean("precision", "kind")).assign(**{"F1 of the flags": mean("f1")})
    shown = shown.map("{:.3f}".format)
    shown["flagged / wrong"] = mean("share").map("{:.2f}".format)
    shown["seconds"] = mean("seconds").map(seconds)
    notes = [
        f"Values made wrong in 10 % of at most {ROWS} rows, {SEEDS} seeds: "
        + "; ".join(f"'{kind}': {KINDS[kind]}" for kind in found.kind.unique())
        + ". Mean processor seconds, one thread."
    ]
    title = "Wrong values of regressions: average precision"
    lines = [[way, *cells] for way, cells in zip(shown.index, shown.values, strict=True)]
    return Table(title, ["way", *shown.columns], lines, notes)


def _prices(found):
    lines = [
        [one["way"], f"{one['precision']:.3f}", *map(str, one["places"]), str(one["flagged"])]
        for one in found
    ]
    notes = [
        "The place of each of the eight wrong prices among 506 (1: the most suspicious), and by "
        "how many thousand dollars it is off. Gilley & Pace (1996) found them in the sources; the "
        "column B is left out."
    ]
    off = [f"off by {value:+.1f}" for value in found[0]["off"]]
    columns = ["way", "average precision", *off, "flagged"]
    return Table("Boston: wrong house prices", columns, lines, notes)


def handle(request):
    """What each way found on one table with wrong values."""
    X, y, published = _load(request["table"])
    given = published
    if request["kind"] != "published":
        drawn = np.random.default_rng(request["seed"]).permutation(len(y))[: request["rows"]]
        X, y = X[drawn], y[drawn]
        given = _make_wrong(y, request["kind"], request["seed"])
    wrong, found = given != y, []
    for name, way in WAYS.items():
        (score, flagged), times = timed(way, X, given, request["seed"])
        right = int((flagged & wrong).sum())
        place = np.argsort(np.argsort(-score, kind="stable")) + 1
        found.append(
            {
                "way": name,
                "precision": float(average_precision_score(wrong, score)),
                "f1": 2.0 * right / int(flagged.sum() + wrong.sum()),
                "share": float(flagged.sum() / wrong.sum()),
                "flagged": int(flagged.sum()),
                "seconds": times["cpu"],
                "places": place[wrong].tolist()[:8],
                "off": (given - y)[wrong].tolist()[:8],
            }
        )
    return found


@lru_cache(maxsize=1)
def _load(table):
    """(X, right values, those that were published)."""
    if table == "Boston":
        boston = loaders().boston_corrected()
        X, y, published = (boston[name].to_numpy() for name in (HOUSE_COLUMNS, "CMEDV", "MEDV"))
        return X.astype(float), y, published
    if table == "diabetes":
        X, y = load_diabetes(return_X_y=True)
    elif table == "Friedman 1":
        X, y = make_friedman1(500, noise=1.0, random_state=0)
    elif table == "forest fires, log":
        X, y = load_forest_fires(return_X_y=True)
        y = np.log1p(y)
    else:
        X, y, _ = loaders().california_housing()
    return X, y, y


def _make_wrong(y, kind, seed):
    rng = np.random.default_rng(seed)
    wrong = np.zeros(len(y), dtype=bool)
    wrong[rng.choice(len(y), round(RATE * len(y)), replace=False)] = True
    if kind == "moved":
        moves = rng.choice([-1.0, 1.0], len(y)) * rng.uniform(1.0, 3.0, len(y)) * y.std()
        return np.where(wrong, y + moves, y)
    if kind == "swapped":
        given = y.copy()
        given[wrong] = rng.choice(y, wrong.sum())
        return given
    return np.where(wrong, y * rng.choice([0.5, 2.0], len(y)), y)


def _ours(X, y, seed, estimator=None):
    flagger = LabelFlagger(estimator, random_state=seed).fit(X, y)
    return flagger.scores_, flagger.flagged_


def _ours_linear(X, y, seed):
    return _ours(X, y, seed, make_pipeline(StandardScaler(), LinearRegression()))


def _cook(X, y, seed):
    """Flagged above 4 / n, the usual rule."""
    explainer = InfluenceExplainer(LinearRegression()).fit(X, y)
    distance = np.asarray(explainer.diagnostics(dfbetas=False)["cooks_distance"])
    return distance, distance > 4 / len(y)


def _cleanlab_linear(X, y, seed):
    return cleanlab.wrong_values(LinearRegression(), X, y, seed)


def _cleanlab_trees(X, y, seed):
    return cleanlab.wrong_values(ExtraTreesRegressor(50, random_state=seed), X, y, seed)


WAYS = {
    "skinfluence, as it comes": _ours,
    "skinfluence, linear regression": _ours_linear,
    "cleanlab CleanLearning, linear regression": _cleanlab_linear,
    "cleanlab CleanLearning, ExtraTrees": _cleanlab_trees,
    "Cook's distance, linear regression": _cook,
}
