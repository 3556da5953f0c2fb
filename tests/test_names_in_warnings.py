"""Warnings call a training row what the user calls it."""

import warnings

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.utils.fixes import parse_version

from skinfluence import InfluenceExplainer
from skinfluence.perturbation import relabel_influence

RNG = np.random.default_rng(0)
NAMES = [f"patient {i}" for i in range(40)]
X = pd.DataFrame(RNG.standard_normal((40, 3)), columns=list("abc"), index=NAMES)


def test_the_only_row_of_a_class():
    y = np.r_[np.zeros(20), np.ones(19), 2]
    explainer = InfluenceExplainer(LogisticRegression()).fit(X, y)
    with pytest.warns(RuntimeWarning, match=r"\['patient 39'\] are the only one of their class"):
        explainer.influence(X[:2], y[:2], method="newton_step")
    with pytest.warns(RuntimeWarning, match=r"last row of a class \(rows \['patient 39'\]\)"):
        relabel_influence(explainer, X[:2], y[:2], 0, rows=["patient 39"])


def test_a_refit_without_an_optimum():
    """The row that keeps the classes from being separable."""
    table, y = X.assign(a=np.r_[np.arange(1, 20), -np.arange(1, 21), 30.0]), np.repeat([1, 0], 20)
    explainer = InfluenceExplainer(
        LogisticRegression(C=np.inf, max_iter=10_000, tol=1e-8, solver="newton-cholesky")
    ).fit(table[["a"]], y)
    with pytest.warns(UserWarning, match=r"removed rows \['patient 39'\]"):
        explainer.influence(table[["a"]][:2], y[:2], method="refit", rows=[39, 0, 3])


def test_a_row_of_leverage_one():
    wide = pd.DataFrame(RNG.standard_normal((40, 60)), index=NAMES)
    explainer = InfluenceExplainer(Ridge(1e-6), solver="cg").fit(wide, X["c"])
    with warnings.catch_warnings(record=True) as caught:  # cg may tell its own troubles too
        warnings.simplefilter("always")
        explainer.influence(wide[:2], method="newton_step", rows=[39])
    assert any("Rows: ['patient 39']" in str(w.message) for w in caught)


@pytest.mark.skipif(
    parse_version(sklearn.__version__) < parse_version("1.7"), reason="no tol before"
)
def test_a_singular_value_on_the_edge():
    left = X.drop("patient 7")
    singular = np.linalg.svd(left - left.mean(), compute_uv=False)
    explainer = InfluenceExplainer(LinearRegression(tol=float(singular[2] / singular[0])))
    explainer.fit(X, np.arange(40.0))
    with (
        pytest.warns(UserWarning, match="dropped 1 of 3"),
        pytest.warns(RuntimeWarning, match=r"are NaN \(changes of rows \['patient 7'\]\)"),
    ):
        explainer.influence(X[:2], np.arange(2.0), rows=["patient 7"])
