"""The health report: what it measures, against numpy, and what it advises."""

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge

from skinfluence import InfluenceExplainer
from skinfluence.explainer import SingularHessianWarning

rng = np.random.default_rng(0)
X = rng.normal(size=(60, 4))
y = (X[:, 0] + rng.normal(size=60) > 0).astype(int)
values = X[:, 0] + rng.normal(size=60)


@pytest.mark.parametrize("n_features", [4, 100])
@pytest.mark.parametrize("damping", [0.0, 0.1])
def test_curvatures_are_the_extreme_eigenvalues(n_features, damping):
    table = rng.normal(size=(150, n_features))
    model = Ridge(2.0, fit_intercept=False)
    health = InfluenceExplainer(model, damping=damping).fit(table, table[:, 0]).health()
    H = table.T @ table + (2.0 + 150 * damping) * np.eye(n_features)
    eigenvalues = np.linalg.eigvalsh(H)
    assert health.smallest_curvature == pytest.approx(eigenvalues[0], rel=1e-4)
    assert health.largest_curvature == pytest.approx(eigenvalues[-1], rel=1e-4)
    assert health.condition == pytest.approx(eigenvalues[-1] / eigenvalues[0], rel=1e-4)
    dof = np.trace(np.linalg.solve(H, table.T @ table))
    assert health.effective_dof == pytest.approx(dof, rel=1e-9)


def test_a_well_posed_model_has_nothing_against_it():
    health = InfluenceExplainer().fit(X, y).health()
    assert health.advice() == [] and "No problem was found" in str(health)
    assert health.polished_stationarity < 1e-12 and health.null_directions == []
    assert (health.n_rows, health.n_parameters, health.method) == (60, 5, "newton_step")


def test_null_directions_are_named_by_column():
    table = pd.DataFrame(np.c_[X, np.ones(60)], columns=["a", "b", "c", "d", "always one"])
    with pytest.warns(SingularHessianWarning, match="always one"):
        health = InfluenceExplainer(LinearRegression()).fit(table, values).health()
    assert health.null_directions == ["always one"]
    assert health.solver == "eigh" and "singular" in health.solver_reason
    assert any("no curvature" in sentence for sentence in health.advice())


def test_rows_of_high_leverage_are_listed_highest_first():
    table = X.copy()
    table[7], table[30] = 40.0 * X[7], 90.0 * X[30]
    explainer = InfluenceExplainer(LinearRegression()).fit(table, values)
    loud = np.flatnonzero(explainer.leverage() > 0.5)
    health = explainer.health()
    assert set(loud) == {7, 30} == set(health.high_leverage)
    assert (np.diff(explainer.leverage()[health.high_leverage]) <= 0).all()
    assert any("2 rows have leverage over 0.5" in sentence for sentence in health.advice())
    assert any("the Newton step is exact" in sentence for sentence in health.advice())


def test_an_unconverged_fit_is_in_the_report():
    with pytest.warns(ConvergenceWarning):
        health = InfluenceExplainer(LogisticRegression(max_iter=2)).fit(X, y).health()
    assert health.stationarity > 1e-3 > health.polished_stationarity
    assert health.distance_to_optimum > 0.05
    assert any("had not converged" in sentence for sentence in health.advice())


@pytest.mark.parametrize("method", ["auto", "first_order", "refit"])
def test_the_method_that_is_used_is_named(method):
    explainer = InfluenceExplainer(method=method).fit(X, y)
    name = "newton_step" if method == "auto" else method
    assert explainer.resolve_method() == explainer.health().method == name


def test_the_frame_holds_every_item():
    health = InfluenceExplainer(damping=0.25).fit(X, y).health()
    frame = health.frame()
    assert set(frame["item"]) == {k for k in vars(health) if not k.startswith("_")}
    assert dict(zip(frame["item"], frame["value"], strict=True))["damping"] == "0.25"
