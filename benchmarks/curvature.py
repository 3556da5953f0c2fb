"""Hessian, Fisher or empirical Fisher: how well each predicts what a refit does.

Run alone: ``python -m benchmarks curvature``.
"""

import numpy as np
from scipy.stats import spearmanr
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks._tables import Table
from skinfluence import InfluenceExplainer
from skinfluence.datasets import load_hospital_readmission
from skinfluence.explainer import lins_concordance
from skinfluence.objectives import CURVATURES

N_ROWS = 64

INTRODUCTION = (
    "First-order influence on the mean loss of the test rows with each of the three matrices, "
    f"beside real refits without each of {N_ROWS} training rows: every n-th, so that rows of every "
    "size of influence are there. Rank correlation asks for the order, concordance (Lin's) for the "
    "size too. Rows are the first half of each table after a shuffle, test rows the second."
)


def run(quick=False):
    """One table."""
    lines = []
    for name, (model, X, y) in _tables(quick).items():
        rows = np.random.default_rng(0).permutation(len(y))
        train, test = rows[: len(rows) // 2], rows[len(rows) // 2 :]
        asked = np.linspace(0, len(train) - 1, 8 if quick else N_ROWS).astype(int)
        predicted = {}
        for curvature in CURVATURES:
            explainer = InfluenceExplainer(model, curvature=curvature, method="first_order")
            explainer.fit(X[train], y[train])
            influence = explainer.influence(X[test], y[test], rows=asked)
            predicted[curvature] = influence.mean(axis=0)
        truth = explainer.influence(X[test], y[test], rows=asked, method="refit").mean(axis=0)
        line = [name, f"{explainer.objective_.n_rows} / {explainer.objective_.n_parameters}"]
        for values in predicted.values():
            rank = spearmanr(values, truth)[0]
            line.append(f"{rank:.3f}, {lins_concordance(values, truth):.3f}")
        lines.append(line)
    columns = ["data", "rows / parameters", *(name.replace("_", " ") for name in CURVATURES)]
    return [Table("Rank correlation and concordance with refits", columns, lines)]


def _tables(quick):
    logistic = make_pipeline(StandardScaler(), LogisticRegression(max_iter=5000))
    ridge = make_pipeline(StandardScaler(), Ridge())
    digits = LogisticRegression(max_iter=5000)
    out = {"breast cancer": (logistic, *load_breast_cancer(return_X_y=True))}
    X, y = load_digits(return_X_y=True)
    out["digits, ten classes"] = digits, X / 16, y
    X, y = load_diabetes(return_X_y=True)
    out["diabetes, as it comes"] = ridge, X, y
    out["diabetes, target of variance one"] = ridge, X, (y - y.mean()) / y.std()
    if not quick:
        X, y = load_hospital_readmission(return_X_y=True)
        out["hospital readmission"] = logistic, np.asarray(X)[:8000], np.asarray(y)[:8000]
    return out
