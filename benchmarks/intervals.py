"""Jackknife+ intervals: the same as MAPIE's, how fast, and how many new values they hold.

Run alone: ``python -m benchmarks intervals``; needs the larger data sets (see _real_data.py), and
for the first table MAPIE.
"""

from functools import cache
from importlib.util import find_spec

import numpy as np
from sklearn.datasets import load_diabetes, make_friedman1
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import PoissonRegressor, Ridge
from sklearn.preprocessing import StandardScaler

from benchmarks._measure import timed
from benchmarks._processes import Child
from benchmarks._real_data import loaders
from benchmarks._tables import Table, ratio
from skinfluence.datasets import load_forest_fires
from skinfluence.uncertainty import JackknifePlusRegressor

#: Skipped without the larger data sets (see _real_data.py).
NEEDS_DATA = True
ALPHA, DRAWS, ROWS = 0.1, 200, 100
#: Training rows and new rows of the comparison with MAPIE.
LARGE = 1000, 500
INTRODUCTION = (
    f"JackknifePlusRegressor at alpha = {ALPHA}. First against MAPIE's CrossConformalRegressor "
    f'(method="plus", LeaveOneOut) with Ridge on {LARGE[0]:,} rows of California housing and '
    f"{LARGE[1]} new rows: processor time of one thread for fit and intervals. Then the share of "
    f"new values inside the interval, over {DRAWS} draws of {ROWS} training rows and up to {DRAWS} "
    f"other rows of each table: at least {1 - 2 * ALPHA:g} is guaranteed, {1 - ALPHA:g} is aimed "
    "at."
)
MODELS = {
    "Ridge()": lambda columns: Ridge(),
    "PoissonRegressor()": lambda columns: PoissonRegressor(max_iter=1000),
    "KernelRidge, rbf": lambda columns: KernelRidge(kernel="rbf", alpha=0.1, gamma=0.1 / columns),
}
TABLES = {
    "diabetes": lambda: load_diabetes(return_X_y=True),
    "California housing": lambda: loaders().california_housing()[:2],
    "forest fires": lambda: load_forest_fires(return_X_y=True),
    "make_friedman1": lambda: _friedman(),
    "spread that grows": lambda: _spread_that_grows(),
}


def _friedman():
    """2,000 values, those below zero set to zero."""
    X, y = make_friedman1(2000, noise=2.0, random_state=0)
    return X, np.maximum(y, 0.0)


def _spread_that_grows():
    """2,000 positive values whose standard deviation is proportional to their mean."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2000, 5))
    return X, np.exp(2.0 + X @ [0.5, 0.3, 0.2, 0.0, 0.0]) * rng.gamma(4.0, 0.25, 2000)


def run(quick=False):
    """A table of both packages, and one of coverage."""
    made = []
    with Child("benchmarks.intervals", threads=1) as child:
        if find_spec("mapie") is None:
            print("skipped: MAPIE is not installed", flush=True)
        else:
            made.append(_compared(child.ask(do="compare", sizes=(60, 20) if quick else LARGE)))
        lines = []
        for table in list(TABLES)[:1] if quick else TABLES:
            for model in MODELS:
                known = child.ask(do="cover", table=table, model=model, draws=5 if quick else DRAWS)
                lines.append(_line(table, model, known))
                print("  " + " | ".join(lines[-1]), flush=True)
    columns = ["table", "estimator", "coverage ± standard error", "tenth of the draws below"]
    columns += ["median width / range of the values", "s a draw"]
    return [*made, Table(f"Coverage of {1 - ALPHA:.0%} intervals", columns, lines)]


def _compared(known):
    columns = ["package", "s", "largest difference / range of the values"]
    lines = [
        ["skinfluence", f"{known['ours']:.3g}", ""],
        ["MAPIE", f"{known['theirs']:.3g}", f"{known['difference']:.0e}"],
    ]
    notes = [f"MAPIE takes {ratio(known['theirs'] / known['ours'])} times as long."]
    return Table("Jackknife+ of ridge regression", columns, lines, notes)


def _line(table, model, known):
    coverage = np.array(known["coverage"])
    error = coverage.std(ddof=1) / np.sqrt(len(coverage))
    return [
        table,
        model,
        f"{coverage.mean():.3f} ± {error:.3f}",
        f"{np.quantile(coverage, 0.1):.3f}",
        f"{np.median(known['width']):.2f}",
        f"{known['seconds']:.2g}",
    ]


@cache
def _load(name):
    X, y = (np.asarray(part, dtype=float) for part in TABLES[name]()[:2])
    return StandardScaler().fit_transform(X), y


def _compare(sizes):
    from mapie.regression import CrossConformalRegressor
    from sklearn.model_selection import LeaveOneOut

    X, y = _load("California housing")
    rows = np.random.default_rng(0).permutation(len(y))[: sum(sizes)]
    train, test = np.split(rows, [sizes[0]])

    def ours():
        model = JackknifePlusRegressor(Ridge(), alpha=ALPHA).fit(X[train], y[train])
        return model.predict_interval(X[test])

    def theirs():
        model = CrossConformalRegressor(
            Ridge(), confidence_level=1.0 - ALPHA, method="plus", cv=LeaveOneOut()
        )
        return model.fit_conformalize(X[train], y[train]).predict_interval(X[test])[1][:, :, 0]

    ours(), timed(theirs)
    times = {"ours": [], "theirs": []}
    for _ in range(3):
        mine, spent = timed(ours)
        times["ours"].append(spent["cpu"])
        other, spent = timed(theirs)
        times["theirs"].append(spent["cpu"])
    difference = float(np.abs(mine - other).max() / np.ptp(y[train]))
    return {"difference": difference, **{way: min(spent) for way, spent in times.items()}}


def _cover(table, model, draws):
    X, y = _load(table)
    if model.startswith("KernelRidge"):  # it has no intercept
        y = y - np.median(y)
    coverage, width, seconds = [], [], []
    for seed in range(draws):
        rows = np.random.default_rng(seed).permutation(len(y))[: ROWS + DRAWS]
        train, test = np.split(rows, [ROWS])
        used = np.ptp(X[train], axis=0) > 0
        estimator = JackknifePlusRegressor(MODELS[model](used.sum()), alpha=ALPHA)
        fitted, spent = timed(estimator.fit, X[train][:, used], y[train])
        interval, more = timed(fitted.predict_interval, X[test][:, used])
        coverage.append(float(((interval[:, 0] <= y[test]) & (y[test] <= interval[:, 1])).mean()))
        width.append(float(np.median(interval[:, 1] - interval[:, 0]) / np.ptp(y)))
        seconds.append(spent["cpu"] + more["cpu"])
    return {"coverage": coverage, "width": width, "seconds": float(np.median(seconds))}
