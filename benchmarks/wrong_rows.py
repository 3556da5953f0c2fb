"""Frozen estimators explained on rows that are not their own: which of them are told.

Run alone: ``python -m benchmarks wrong_rows``.
"""

import warnings

from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator

from benchmarks._real_data import data_folder
from benchmarks._tables import Table
from benchmarks._wrong_rows_data import (
    CLASSIFIERS,
    KINDS,
    REGRESSORS,
    SOURCES,
    fitted,
    given_rows,
    load,
)
from skinfluence import InfluenceExplainer

INTRODUCTION = (
    "An estimator is fitted on the first half of a table's rows, frozen, and explained on other "
    "rows than its own. Numbers are `distance_to_optimum_`, the distance of its coefficients "
    "from the optimum of the given rows in units of what sampling does; those in bold came with "
    "the warning. Features are scaled (by their largest value where they are sparse), all else is "
    "the default."
)


def run(quick=False):
    """One table of distances, and one of how many were told."""
    lines, told = [], {kind: [] for kind in KINDS}
    for name, source in SOURCES.items():
        if (source.shared and data_folder() is None) or (quick and source.shared):
            continue
        X, y = load(source)
        given = given_rows(X, y)
        for label, estimator in (REGRESSORS if source.regression else CLASSIFIERS).items():
            own = given[KINDS[0]]
            model = fitted(clone(estimator), *own)
            cells = []
            for kind, rows in given.items():
                distance, warned = _distance(model, *rows)
                told[kind].append((distance, warned))
                cells.append(f"**{distance:.2g}**" if warned else f"{distance:.2g}")
            n, p = own[0].shape
            lines.append([f"{name}, {n:,} x {p:,}", label, *cells])
    return [
        _summary(told),
        Table("Each table and estimator", ["table", "estimator", *KINDS], lines),
    ]


def _distance(model, X, y):
    """(distance to the optimum, whether it was warned of)."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        explainer = InfluenceExplainer(FrozenEstimator(model)).fit(X, y)
    warned = any(
        issubclass(w.category, ConvergenceWarning) and "frozen" in str(w.message) for w in caught
    )
    return explainer.distance_to_optimum_, warned


def _summary(told):
    lines = []
    for kind, found in told.items():
        distances = sorted(distance for distance, _ in found)
        lines.append(
            [
                kind,
                f"{sum(warned for _, warned in found)} of {len(found)}",
                *(f"{distances[k]:.2g}" for k in (0, len(distances) // 2, -1)),
            ]
        )
    columns = ["rows that are given", "warned of", "smallest", "median", "largest"]
    return Table("Over all tables and estimators", columns, lines)
