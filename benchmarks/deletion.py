"""Deletion requests: fitted estimators without rows, against refits.

Run alone: ``python -m benchmarks deletion``; with the larger data sets on more tables.
"""

import numpy as np
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.linear_model import Lasso, LogisticRegression, PoissonRegressor, Ridge
from sklearn.preprocessing import StandardScaler

from benchmarks._labels_data import adult_columns
from benchmarks._measure import timed
from benchmarks._processes import Child
from benchmarks._real_data import data_folder, loaders
from benchmarks._tables import Table, ratio
from skinfluence import InfluenceExplainer

REQUESTS, REFITS = 100, 5
INTRODUCTION = (
    f"{REQUESTS} deletion requests, one after the other, of one random row each: `without` with "
    "all rows that are gone so far. Processor time of one thread, medians. The refit is the "
    "estimator itself, at its own tolerance, on the remaining rows; the error is the largest "
    "difference of a coefficient from a refit that runs to the exact optimum, relative to the "
    "largest coefficient. Columns are scaled."
)
NEWTON = {"solver": "newton-cholesky", "tol": 1e-14}
#: Estimator, and settings with which its own refit reaches the optimum.
MODELS = {
    "LogisticRegression()": (LogisticRegression(max_iter=10_000), NEWTON),
    "PoissonRegressor()": (PoissonRegressor(max_iter=10_000), NEWTON),
    "Ridge()": (Ridge(), {}),
    "Lasso(0.1)": (Lasso(0.1), {"tol": 1e-14, "max_iter": 1_000_000}),
}
TABLES = {
    "breast cancer": lambda: load_breast_cancer(return_X_y=True),
    "diabetes": lambda: load_diabetes(return_X_y=True),
    "spambase": lambda: loaders().spambase()[:2],
    "California housing": lambda: loaders().california_housing()[:2],
    "Adult": adult_columns,
}
PAIRS = (
    ("breast cancer", "LogisticRegression()"),
    ("spambase", "LogisticRegression()"),
    ("Adult", "LogisticRegression()"),
    ("diabetes", "Ridge()"),
    ("California housing", "Ridge()"),
    ("California housing", "PoissonRegressor()"),
    ("diabetes", "Lasso(0.1)"),
)
WITH_SCIKIT_LEARN = ("breast cancer", "diabetes")


def run(quick=False):
    """One table."""
    lines = []
    for table, model in PAIRS:
        if table not in WITH_SCIKIT_LEARN and (quick or data_folder() is None):
            continue
        with Child("benchmarks.deletion", threads=1) as child:
            requests = 10 if quick else REQUESTS
            lines.append(_line(child.ask(do="measure", table=table, model=model, n=requests)))
        print("  " + " | ".join(lines[-1]), flush=True)
    columns = ["table", "estimator", "rows x columns", "fit of the explainer, ms"]
    columns += ["first request, ms", "further request, ms", "refit, ms", "refit / request"]
    columns += ["error after 1", "error after 50", f"error after {REQUESTS}"]
    notes = [
        "The first request factorises the Hessian. Each result starts at the optimum of all rows, "
        "so that errors do not accumulate."
    ]
    return [Table("Deletion requests", columns, lines, notes)]


def _line(known):
    times = [known[name] for name in ("fit", "first", "request", "refit")]
    return [
        known["table"],
        known["model"],
        f"{known['rows']:,} x {known['columns']}",
        *(f"{1e3 * value:.3g}" for value in times),
        ratio(known["refit"] / known["request"]),
        *(f"{error:.0e}" for error in known["errors"]),
    ]


def _measure(table, model, n):
    """Times and errors of n requests."""
    X, y = TABLES[table]()
    X = StandardScaler().fit_transform(X)
    estimator, exactly = MODELS[model]
    explainer, fit = timed(InfluenceExplainer(estimator).fit, X, y)
    order = np.random.default_rng(0).permutation(len(y))[:n]
    requests, refits, errors = [], [], []
    for count in range(1, n + 1):
        gone = order[:count]
        moved, spent = timed(explainer.without, gone)
        requests.append(spent["cpu"])
        if count in (1, n // 2, n):
            left = np.setdiff1d(np.arange(len(y)), gone)
            exact = clone(estimator).set_params(**exactly).fit(X[left], y[left])
            errors.append(np.abs(moved.coef_ - exact.coef_).max() / np.abs(exact.coef_).max())
        if count % max(1, n // REFITS) == 0:
            left = np.setdiff1d(np.arange(len(y)), gone)
            refits.append(timed(clone(estimator).fit, X[left], y[left])[1]["cpu"])
    return {
        "table": table,
        "model": model,
        "rows": X.shape[0],
        "columns": X.shape[1],
        "fit": fit["cpu"],
        "first": requests[0],
        "request": float(np.median(requests[1:])),
        "refit": float(np.median(refits)),
        "errors": errors,
    }
