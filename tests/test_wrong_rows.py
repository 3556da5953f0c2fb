"""Frozen estimators on rows that are not their own, and estimators that are off their optimum."""

import warnings

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, make_regression
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import (
    LinearRegression,
    LogisticRegression,
    Ridge,
    RidgeClassifier,
    RidgeCV,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from skinfluence import InfluenceExplainer, SmoothHingeSVC
from skinfluence.objectives import distance_to_optimum, minimize
from skinfluence.solvers import AutoSolver

CLASSIFIERS = [
    LogisticRegression(),
    LogisticRegression(C=0.01, class_weight="balanced"),
    RidgeClassifier(),
    LinearSVC(),
    SmoothHingeSVC(),
]
REGRESSORS = [LinearRegression(), Ridge(100.0), RidgeCV(), Ridge(solver="sag")]
CASES = [
    *((load_iris, model) for model in CLASSIFIERS),
    *((load_breast_cancer, model) for model in CLASSIFIERS),
    *((load_diabetes, model) for model in REGRESSORS),
]


def shuffled(load):
    X, y = load(return_X_y=True)
    rows = np.random.default_rng(0).permutation(len(y))
    return X[rows], y[rows]


def explained(model, X, y, weights=None):
    """(explainer of the frozen model, its warnings as one text)."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        explainer = InfluenceExplainer(FrozenEstimator(model)).fit(X, y, weights)
    return explainer, " ".join(str(w.message) for w in caught)


@pytest.mark.parametrize(("load", "model"), CASES)
def test_other_rows_are_told_and_a_model_s_own_are_not(load, model):
    X, y = shuffled(load)
    m = len(y) // 2
    model = make_pipeline(StandardScaler(), model).fit(X[:m], y[:m])
    part = y[:m].copy()
    part[: m // 10] = np.roll(part[: m // 10], 1)
    assert explained(model, X[:m], y[:m])[1] == ""
    wrong = {
        "two thirds": (X[: 2 * m // 3], y[: 2 * m // 3]),
        "half": (X[: m // 2], y[: m // 2]),
        "other rows": (X[m:], y[m:]),
        "labels of some": (X[:m], part),
        "labels of all": (X[:m], np.random.default_rng(1).permutation(y[:m])),
    }
    silent = [what for what, rows in wrong.items() if "frozen" not in explained(model, *rows)[1]]
    assert silent == []


def test_the_distance_is_twice_the_excess_over_the_trace_of_the_sandwich():
    X, y = shuffled(load_breast_cancer)
    X = StandardScaler().fit_transform(X)
    model = LogisticRegression(C=0.1).fit(X[:300], y[:300])
    got = explained(model, X[200:], y[200:])[0]

    def value(explainer):
        return explainer.objective_.value()

    optimum = got.objective_
    kept = InfluenceExplainer(FrozenEstimator(model), polish=False)
    with pytest.warns(ConvergenceWarning, match="away from an optimum"):
        kept.fit(X[200:], y[200:])
    assert np.isnan(kept.distance_to_optimum_) and "not measured" in str(kept.health())
    G = optimum.per_sample_gradients() @ np.eye(optimum.n_parameters)
    H = optimum.hessian() @ np.eye(optimum.n_parameters)
    want = 2 * (value(kept) - value(got)) / np.trace(np.linalg.solve(H, G.T @ G))
    assert got.distance_to_optimum_ == pytest.approx(want, rel=1e-3)
    assert got.health().distance_to_optimum == got.distance_to_optimum_


def test_the_mean_distance_is_the_share_of_rows_that_is_missing():
    rng = np.random.default_rng(0)
    beta = rng.normal(size=20)
    means = []
    for _ in range(20):
        X = rng.normal(size=(3_200, 20))
        y = X @ beta + rng.standard_t(5, size=3_200)
        model = LinearRegression().fit(X[:1_600], y[:1_600])
        given = (slice(1_200), slice(800), slice(1_600, 3_200))
        means.append([explained(model, X[g], y[g])[0].distance_to_optimum_ for g in given])
    np.testing.assert_allclose(np.mean(means, axis=0), [0.25, 0.5, 2.0], rtol=0.2)


@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e6])
def test_the_unit_of_the_target_changes_nothing(unit):
    X, y = shuffled(load_diabetes)
    model = Ridge(0.1).fit(X[:200], unit * y[:200])
    explainer, _ = explained(model, X[200:], unit * y[200:])
    want, _ = explained(Ridge(0.1).fit(X[:200], y[:200]), X[200:], y[200:])
    assert explainer.distance_to_optimum_ == pytest.approx(want.distance_to_optimum_, rel=1e-9)


@pytest.mark.parametrize("model", [LinearRegression(), Ridge(), Ridge(solver="svd"), RidgeCV()])
def test_direct_solvers_tell_one_missing_row_of_thousands(model):
    X, y = make_regression(5000, 10, noise=50.0, random_state=0)
    model.fit(X, y)
    assert explained(model, X, y)[1] == ""
    explainer, text = explained(model, X[1:], y[1:])
    assert "frozen" in text and explainer.distance_to_optimum_ < 0.01


def test_other_weights_are_told():
    X, y = make_regression(500, 5, noise=10.0, random_state=0)
    weights = np.random.default_rng(0).uniform(0.5, 2.0, 500)
    model = Ridge().fit(X, y, sample_weight=weights)
    assert explained(model, X, y, weights)[1] == ""
    assert "other weights" in explained(model, X, y)[1]


@pytest.mark.parametrize("solver", ["cholesky", "svd", "lsqr", "sparse_cg", "sag"])
@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_hardly_any_noise_is_no_false_alarm(solver, noise):
    """Sampling does next to nothing there: rounding and `tol` are more than it."""
    X, y = make_regression(500, 20, noise=noise, random_state=0)
    assert explained(Ridge(1e-3, solver=solver).fit(X, y), X, y)[1] == ""
    S = sparse.csr_array(X)
    assert explained(LinearRegression().fit(S, y), S, y)[1] == ""


@pytest.mark.filterwarnings("ignore:.*ll-conditioned matrix")  # by scipy, in float32
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("model", [LinearRegression(), Ridge(1e-8), RidgeCV([1e-5])])
def test_ill_conditioned_tables_are_no_false_alarm(model, dtype):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 4))
    X[:, 1] = X[:, 0] + 1e-3 * X[:, 1]
    X = (X * [1.0, 1.0, 1e2, 1e-2] + [0.0, 0.0, 1e3, 0.0]).astype(dtype)
    y = (X @ [1.0, 1.0, 1e-2, 1e2] + rng.normal(size=300)).astype(dtype)
    assert explained(model.fit(X, y), X, y)[1] == ""


def test_what_tol_allows_is_not_told_however_many_rows_there_are():
    """One row repeated as a weight: the sum form of a table with 10 million rows."""
    X, y = shuffled(load_breast_cancer)
    X = StandardScaler().fit_transform(X)
    weights = np.full(len(y), 2e4)
    model = LogisticRegression(C=1e-2, tol=1e-4).fit(X, y, sample_weight=weights)
    assert explained(model, X, y, weights)[1] == ""
    assert "frozen" in explained(model, X[:300], y[:300], weights[:300])[1]


def test_a_frozen_model_that_used_up_its_iterations_is_told_so():
    X, y = shuffled(load_breast_cancer)
    X = StandardScaler().fit_transform(X)
    with pytest.warns(ConvergenceWarning, match="lbfgs failed"):
        model = LogisticRegression(max_iter=3).fit(X, y)
    assert "or stopped early, at max_iter=3" in explained(model, X, y)[1]


def test_at_the_optimum_the_distance_is_zero():
    X, y = shuffled(load_diabetes)
    objective = InfluenceExplainer(Ridge()).fit(X, y).objective_
    solver = AutoSolver.for_newton_steps()
    assert distance_to_optimum(objective, minimize(objective, solver), solver) == 0.0
