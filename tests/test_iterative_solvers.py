"""Explainers whose Hessian is never factorised give the answers of those whose is."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression, Ridge

from skinfluence import InfluenceExplainer
from skinfluence.solvers import CGSolver

X, y = load_digits(return_X_y=True)
X, X_test, y, y_test = X[:300] / 16, X[300:305] / 16, y[:300], y[300:305]

MODELS = {
    "binary": (LogisticRegression(), lambda labels: labels % 2),
    "ten classes": (LogisticRegression(), lambda labels: labels),
    "balanced": (LogisticRegression(class_weight="balanced"), lambda labels: labels % 3),
    "ridge": (Ridge(), lambda labels: labels.astype(float)),
}
models = pytest.mark.parametrize("name", MODELS)


def fitted(name, solver):
    model, code = MODELS[name]
    return InfluenceExplainer(model, solver=solver).fit(X, code(y))


@pytest.fixture(scope="module")
def pairs():
    return {name: (fitted(name, "cg"), fitted(name, "cholesky")) for name in MODELS}


def test_curvature_range_is_never_too_wide(pairs):
    for cg, cholesky in pairs.values():
        assert cg.health().condition <= cholesky.health().condition * (1 + 1e-3)


def ask_both(pairs, name, ask):
    code = MODELS[name][1]
    return [ask(explainer, code(y_test)) for explainer in pairs[name]]


QUESTIONS = {
    "influence": lambda e, labels: e.influence(X_test, labels, method="first_order"),
    "Newton step": lambda e, labels: e.influence(X_test, labels, method="newton_step"),
    "refit": lambda e, labels: e.influence(X_test, labels, method="refit", rows=[3, 5]),
    "self-influence": lambda e, labels: e.self_influence("first_order"),
    "self-influence, Newton step": lambda e, labels: e.self_influence("newton_step"),
    "coefficients": lambda e, labels: e.params_influence([0, 7], method="first_order"),
    "leverage": lambda e, labels: e.leverage_,
    "top": lambda e, labels: e.top_influences(X_test, labels, k=4, method="first_order")[1],
}


@models
@pytest.mark.parametrize("question", QUESTIONS)
def test_answers_are_those_of_a_factorisation(pairs, name, question):
    found, expected = ask_both(pairs, name, QUESTIONS[question])
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6 * np.abs(expected).max())


def test_auto_is_first_order_where_nothing_is_factorised(pairs):
    cg, cholesky = pairs["binary"]
    assert (cg.method_, cholesky.method_) == ("first_order", "newton_step")
    np.testing.assert_array_equal(
        cg.influence(X_test, y_test % 2), cg.influence(X_test, y_test % 2, method="first_order")
    )


def test_fidelity_is_that_of_the_method(pairs):
    cg, cholesky = pairs["binary"]
    expected = cholesky.set_params(method="first_order").score(X_test, y_test % 2)
    cholesky.set_params(method="auto")
    assert cg.score(X_test, y_test % 2) == pytest.approx(expected, abs=1e-6)


@models
def test_health_estimates_what_it_cannot_afford(pairs, name):
    cg, cholesky = (explainer.health() for explainer in pairs[name])
    assert cg.effective_dof == pytest.approx(cholesky.effective_dof, rel=0.1)
    assert cg.smallest_curvature == pytest.approx(cholesky.smallest_curvature, rel=0.1)
    assert cg.largest_curvature == pytest.approx(cholesky.largest_curvature, rel=1e-3)
    assert not cg.leverage_is_known and cholesky.leverage_is_known
    assert "not looked for" in str(cg)


def test_health_tells_how_exact_the_last_solution_was(pairs):
    cg, cholesky = pairs["ridge"]
    cg.influence(X_test, y_test.astype(float))
    n_iter = cg._linearization.inverse.report.n_iter
    assert cg.health().solution.startswith(f"{n_iter} iterations, relative residual")
    assert cholesky.health().solution == ""


def test_a_solver_with_settings_keeps_them_and_a_named_one_gets_the_seed():
    exact = InfluenceExplainer(solver=CGSolver(tol=1e-11)).fit(X, y % 2)
    exact.influence(X_test, y_test % 2)
    assert exact._linearization.inverse.report.residual < 1e-11
    seeded = InfluenceExplainer(solver="cg", random_state=7).fit(X, y % 2)
    assert seeded._linearization.solver.random_state == 7
