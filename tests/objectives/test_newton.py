"""Newton's method ends at the optimum, whatever inverts the Hessian."""

import warnings

import numpy as np
import pytest
from scipy.special import expit
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression, Ridge

from skinfluence import InfluenceExplainer
from skinfluence.adapters import Settings, explain_estimator
from skinfluence.objectives import minimize
from skinfluence.solvers import CGSolver, CholeskySolver


def rough_objective(n_classes):
    X, y = load_digits(return_X_y=True)
    model = LogisticRegression(C=0.5, tol=1e-2).fit(X[:400] / 16, y[:400] % n_classes)
    settings = Settings(center=True, temperature=0.001, penalty_scaling="estimator")
    return explain_estimator(model, X[:400] / 16, y[:400] % n_classes, None, settings).objective


@pytest.mark.parametrize("n_classes", [2, 5])
@pytest.mark.parametrize("tol", [1e-1, 1e-3])
def test_inexact_steps_end_at_the_same_optimum(n_classes, tol):
    start = rough_objective(n_classes)
    exact = minimize(start, CholeskySolver())
    found = minimize(start, CGSolver(tol=tol))
    assert found.stationarity < 1e-12 and found.converged
    shift = 0.0 if n_classes == 2 else 1.0  # what all outputs share is free
    raws = [result.objective.raw_prediction for result in (found, exact)]
    raws = [raw - shift * raw.mean(axis=1, keepdims=True) for raw in raws]
    np.testing.assert_allclose(*raws, atol=1e-10)


def test_a_step_that_falls_short_is_no_warning_but_costs_steps():
    start = rough_objective(5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        short = minimize(start, CGSolver(tol=1e-8, max_iter=8))
    assert short.n_iter > minimize(start, CGSolver(tol=1e-8)).n_iter
    assert short.stationarity < 1e-9


@pytest.mark.parametrize("damping", [0.0, 1e-3])
@pytest.mark.parametrize("model", [Ridge(solver="lsqr", tol=1e-2), LogisticRegression(tol=1e-2)])
def test_the_last_hessian_answers_questions_where_the_curvature_has_not_changed(
    model, damping, monkeypatch
):
    X, y = load_digits(return_X_y=True)
    X, y = X[:400] / 16, y[:400] % 2
    factorize, made = CholeskySolver.factorize, []
    monkeypatch.setattr(
        CholeskySolver, "factorize", lambda self, h: made.append(h) or factorize(self, h)
    )
    explainer = InfluenceExplainer(model, damping=damping).fit(X, y)
    of_polishing = len(made)
    assert of_polishing
    found = explainer.influence(X[:3], y[:3])
    constant = isinstance(model, Ridge) and damping == 0.0
    assert len(made) - of_polishing == (0 if constant else 1)
    named = InfluenceExplainer(model, solver="cholesky", damping=damping).fit(X, y)
    expected = named.influence(X[:3], y[:3])
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-11 * np.abs(expected).max())


@pytest.mark.parametrize("condition", [1.0, 1e6])
def test_a_first_hessian_of_few_digits_leads_to_the_same_optimum(condition, monkeypatch):
    rng = np.random.default_rng(0)
    Z = rng.standard_normal((3_000, 200))
    rotation, _ = np.linalg.qr(rng.standard_normal((200, 200)))
    X = Z * np.geomspace(1.0, 1.0 / condition, 200) @ rotation
    y = (rng.random(len(Z)) < expit(Z[:, 0])).astype(int)
    factorize, made = CholeskySolver.factorize, []
    monkeypatch.setattr(
        CholeskySolver, "factorize", lambda self, h: made.append(h) or factorize(self, h)
    )
    explainer = InfluenceExplainer(LogisticRegression(C=1e4, max_iter=1_000)).fit(X, y)
    assert made[0].coarse and explainer.polished_stationarity_ < 1e-12
    explainer.influence(X[:3], y[:3])
    assert not made[-1].coarse
    theta = np.zeros(201)
    Z = np.column_stack([X, np.ones(len(X))])
    penalty = np.append(np.full(200, 1e-4), 0.0)
    for _ in range(30):
        p = expit(Z @ theta)
        hessian = Z.T @ ((p * (1.0 - p))[:, None] * Z) + np.diag(penalty)
        theta -= np.linalg.solve(hessian, Z.T @ (p - y) + penalty * theta)
    raw = explainer.objective_.raw_prediction[:, 0]
    np.testing.assert_allclose(raw, Z @ theta, atol=1e-8)
