"""Explainers whose Hessian is never factorised give the answers of those whose is."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge

from skinfluence import InfluenceExplainer
from skinfluence.solvers import CGSolver, LissaSolver

X, y = load_digits(return_X_y=True)
X = X[:, ::2] / 16
X, X_test, y, y_test = X[:300], X[300:305], y[:300], y[300:305]

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
    "coefficients": lambda e, labels: e.coef_influence(rows=[0, 7], method="first_order"),
    "leverage": lambda e, labels: e.leverage(),
    "top": lambda e, labels: e.top_influences(X_test, labels, k=4, method="first_order")[1],
}


@models
@pytest.mark.parametrize("question", QUESTIONS)
def test_answers_are_those_of_a_factorisation(pairs, name, question):
    found, expected = ask_both(pairs, name, QUESTIONS[question])
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6 * np.abs(expected).max())


def test_auto_is_first_order_where_nothing_is_factorised(pairs):
    cg, cholesky = pairs["binary"]
    assert (cg.resolve_method(), cholesky.resolve_method()) == ("first_order", "newton_step")
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
    assert "not computed" in str(cg)


def test_health_tells_how_exact_the_last_solution_was(pairs):
    cg, cholesky = pairs["ridge"]
    cg.influence(X_test, y_test.astype(float))
    n_iter = cg.linearization_.inverse.report.n_iter
    assert cg.health().solution.startswith(f"{n_iter} iterations, relative residual")
    assert cholesky.health().solution == ""


def test_a_solver_with_settings_keeps_them_and_a_named_one_gets_the_seed():
    exact = InfluenceExplainer(solver=CGSolver(tol=1e-11)).fit(X, y % 2)
    exact.influence(X_test, y_test % 2)
    assert exact.linearization_.inverse.report.residual < 1e-11
    seeded = InfluenceExplainer(solver="cg", random_state=7).fit(X, y % 2)
    assert seeded.linearization_.solver.random_state == 7


def memory_map(directory):
    np.save(directory / "table.npy", X)
    return np.load(directory / "table.npy", mmap_mode="r")


def read_only(directory):
    table = X.copy()
    table.flags.writeable = False
    return table


def long_indices(directory):
    table = sparse.csr_matrix(X)
    table.indices, table.indptr = table.indices.astype(np.int64), table.indptr.astype(np.int64)
    return table


@pytest.mark.parametrize("solver", ["cg", LissaSolver(tol=0.3), "neumann"])
@pytest.mark.parametrize("make", [memory_map, read_only, long_indices])
def test_a_table_of_any_storage_has_the_answers_of_an_array(make, solver, tmp_path):
    model = LogisticRegression(C=0.1)
    expected = InfluenceExplainer(model, method="first_order").fit(X, y % 3)
    found = InfluenceExplainer(model, solver=solver).fit(make(tmp_path), y % 3)
    expected = expected.influence(X_test, y_test % 3)
    tolerance = 0.3 if isinstance(solver, LissaSolver) else 1e-3
    np.testing.assert_allclose(
        found.influence(X_test, y_test % 3), expected, atol=tolerance * np.abs(expected).max()
    )


def test_predictions_that_the_data_leave_open_are_warned_of():
    doubled = np.c_[X[:, 20:24], X[:, 20:24]]
    explainer = InfluenceExplainer(LinearRegression(), solver="cg").fit(doubled, y.astype(float))
    explainer.influence(doubled[:3], y[:3].astype(float))  # along the rows: nothing is open
    apart = np.c_[X_test[:, 20:24], -X_test[:, 20:24]]
    with pytest.warns(ConvergenceWarning, match='the Hessian is singular.*solver="eigh"'):
        explainer.influence(apart, y_test.astype(float))


def test_refits_do_not_depend_on_the_number_of_jobs():
    alone, together = (
        InfluenceExplainer(solver="cg", n_jobs=n_jobs)
        .fit(X, y)
        .influence(X_test, y_test, method="refit", rows=np.arange(40))
        for n_jobs in (None, 2)
    )
    np.testing.assert_array_equal(alone, together)
