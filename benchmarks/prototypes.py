"""Prototypes: how few training rows stand for the test rows, and what a model learns from them.

Run alone: ``python -m benchmarks prototypes``; needs the larger data sets (see _real_data.py).
"""

import numpy as np

from benchmarks import _one_versus_seven
from benchmarks._one_versus_seven import OneVersusSeven
from benchmarks._tables import Table
from skinfluence.selection import select_prototypes
from skinfluence.targets import Mean

SIZES = (10, 20, 50, 100)
N_DRAWS = 20

#: Skipped without the larger data sets (see _real_data.py).
NEEDS_DATA = True

INTRODUCTION = _one_versus_seven.INTRODUCTION + (
    "Prototypes of all 2,163 test rows at their labels. Discrepancy is the distance in the Fisher "
    "kernel, with the best weights for the rows, in units of that without any row. Test loss and "
    "error are those of a model that is fitted to these rows alone, without weights."
)


def run(quick=False):
    """One table: prototypes, largest influences, rows drawn at random."""
    case = OneVersusSeven.load(quick)
    explainer, tests = case.explained(), (case.X_test, case.y_test)
    picked = select_prototypes(explainer, SIZES[-1], *tests)
    mean = np.abs(explainer.influence(*tests, method="first_order").mean(axis=0))
    rng = np.random.default_rng(0)
    orders = {
        "prototypes": [picked.rows],
        "largest influence on the mean test loss": [np.argsort(-mean, kind="stable")],
        f"drawn at random, mean of {N_DRAWS}": [
            rng.permutation(len(case.y)) for _ in range(N_DRAWS)
        ],
    }
    lines = []
    for name, drawn in orders.items():
        for size in SIZES:
            left = np.mean([_left(explainer, tests, order[:size]) for order in drawn])
            loss, wrong = np.mean([_learn(case, order[:size]) for order in drawn], axis=0)
            lines.append([name, f"{size}", f"{left:.3f}", f"{loss:.3f}", f"{wrong:.2%}"])
    columns = ["rows", "how many", "discrepancy left", "test loss", "test error"]
    notes = [
        "Prototypes saw the test labels, and so did the largest influences: the table shows what "
        "the picks stand for, and is no comparison of ways to choose training data."
    ]
    return [Table("Rows that stand for the test rows", columns, lines, notes)]


def _learn(case, rows):
    """(mean test loss, test error) of a model of these rows."""
    if len(set(case.y[rows])) < 2:
        return np.nan, np.nan
    model = case.model(len(rows)).fit(case.X[rows], case.y[rows])
    p = model.predict_proba(case.X_test)[np.arange(len(case.y_test)), case.y_test]
    return -np.log(p).mean(), np.mean(p < 0.5)


def _left(explainer, tests, rows):
    """The discrepancy of given rows with their best weights, by a dense solution."""
    G = explainer.objective_.per_sample_gradients()[rows].to_dense()
    mean = explainer.test_rows(*tests, target=Mean()).coef_gradient().ravel()
    inverse = explainer.linearization_.inverse
    K, z = G @ inverse.solve(G.T), G @ inverse.matvec(mean)
    w = np.linalg.lstsq(K, z, rcond=1e-10)[0]
    return np.sqrt(max(1.0 - z @ w / (mean @ inverse.matvec(mean)), 0.0))
