"""Influences of kernel machines by kernels alone are those on kernel columns."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.ensemble import VotingRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator
from sklearn.gaussian_process import GaussianProcessClassifier, GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ExpSineSquared
from sklearn.kernel_ridge import KernelRidge
from sklearn.svm import SVC, SVR, NuSVC, NuSVR

from skinfluence import InfluenceExplainer
from skinfluence.objectives import Objective, distance_to_optimum, minimize
from skinfluence.objectives._kernel import factor
from skinfluence.solvers import AutoSolver
from skinfluence.targets import Mean
from tests._compare import assert_normwise

RNG = np.random.default_rng(0)
X = RNG.standard_normal((70, 3))
X[1] = X[0]  # the kernel matrix is singular
WEIGHT = RNG.uniform(0.5, 2.0, 60)
WEIGHT[5] = 0.0
RAW = np.sin(2 * X) + 0.3 * RNG.standard_normal(X.shape)
TARGETS = {
    "values": RAW[:, 0],
    "two values": RAW[:, :2],
    "two classes": (RAW[:, 0] > 0).astype(int),
    "three classes": np.digitize(RAW[:, 0], [-0.5, 0.5]),
}
MODELS = {
    "SVC": (SVC(tol=1e-8), "two classes"),
    "SVC, three": (SVC(kernel="poly", coef0=1.0, C=0.5, tol=1e-8), "three classes"),
    "NuSVC": (NuSVC(nu=0.4, tol=1e-8), "two classes"),
    "SVR": (SVR(tol=1e-8), "values"),
    "NuSVR": (NuSVR(tol=1e-8), "values"),
    "KernelRidge": (KernelRidge(alpha=[0.1, 0.5], kernel="laplacian"), "two values"),
    "KernelRidge, equal": (KernelRidge(alpha=1e-7, kernel="rbf"), "two values"),
    "process": (GaussianProcessRegressor(RBF(1.0), alpha=0.1, normalize_y=True), "values"),
    "processes": (GaussianProcessClassifier(RBF(1.0), optimizer=None), "three classes"),
}
UNWEIGHTED = ("process", "processes")
#: solvers that are named take the columns
COLUMNS = {"solver": "woodbury", "method": "first_order"}


def given(name):
    """(estimator, arguments of fit, arguments of influence)."""
    model, kind = MODELS[name]
    y = TARGETS[kind]
    weight = [] if name in UNWEIGHTED else [WEIGHT]
    return model, (X[:60], y[:60], *weight), (X[60:], y[60:])


@pytest.mark.parametrize("method", ["first_order", "newton_step"])
@pytest.mark.parametrize("name", MODELS)
def test_influences_are_those_on_columns(name, method):
    model, train, tests = given(name)
    got = InfluenceExplainer(model, method=method).fit(*train)
    on_columns = InfluenceExplainer(model, solver="woodbury", method=method)
    expected = on_columns.fit(*train).influence(*tests)
    tolerance = 1e-6 if name == "KernelRidge, equal" else 1e-9  # whose condition is 1e9
    assert_normwise(got.influence(*tests), expected, rtol=tolerance)
    rows = [7, 0, 5, 33]
    assert_normwise(got.influence(*tests, rows=rows), expected[:, rows], rtol=tolerance)
    assert not got.objective_.predictor.space.has_columns
    mean = got.influence(*tests, target=Mean("loss"))  # by the columns
    assert_normwise(mean[0], expected.mean(axis=0), rtol=tolerance)
    assert got.objective_.predictor.space.has_columns
    assert_normwise(got.influence(*tests), expected, rtol=tolerance)


def test_newton_steps_whose_gaps_lose_their_digits_take_the_columns(monkeypatch):
    model, train, tests = given("SVR")
    expected = InfluenceExplainer(model, method="newton_step").fit(*train).influence(*tests)
    monkeypatch.setattr(factor, "FEW_DIGITS", 1.0)
    got = InfluenceExplainer(model, method="newton_step").fit(*train)
    assert_normwise(got.influence(*tests), expected, rtol=1e-9)
    assert got.objective_.predictor.space.has_columns


def test_the_newton_step_without_the_last_row_of_a_class_is_nan():
    y = np.where(np.arange(60) == 7, "only one", "others")
    process = GaussianProcessClassifier(RBF(1.0), optimizer=None)
    explainer = InfluenceExplainer(process, method="newton_step").fit(X[:60], y)
    with pytest.warns(RuntimeWarning, match="the only one of their class"):
        got = explainer.influence(X[60:], y[:10])
    assert not explainer.objective_.predictor.space.has_columns
    assert np.isnan(got[:, 7]).all()
    assert np.isfinite(np.delete(got, 7, axis=1)).all()


def test_the_default_of_a_kernel_ridge_needs_no_columns_and_is_its_refit():
    model, (rows, y, weight), (tests, y_test) = given("KernelRidge")
    explainer = InfluenceExplainer(model).fit(rows, y, weight)
    got = explainer.influence(tests, y_test)
    assert not explainer.objective_.predictor.space.has_columns

    def losses(kept):
        left = clone(model).fit(rows[kept], y[kept], weight[kept])
        return 0.5 * ((left.predict(tests) - y_test) ** 2).sum(axis=1)

    kept = np.arange(60)
    assert not got[:, 5].any()  # whose weight is zero
    for row in (0, 31):
        expected = losses(np.delete(kept, row)) - losses(kept)
        assert_normwise(got[:, row], expected, rtol=1e-9)


@pytest.mark.parametrize("name", MODELS)
def test_the_optimum_and_its_distance_are_those_on_columns(name):
    model, train, _ = given(name)
    explainer = InfluenceExplainer(model).fit(*train)
    got = explainer.objective_
    unpolished = InfluenceExplainer(model, polish=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        fitted = unpolished.fit(*train).objective_
    explicit = [objective.without_caches() for objective in (fitted, got)]
    assert {type(objective) for objective in explicit} == {Objective}
    for mine, theirs in zip((fitted, got), explicit, strict=True):
        assert mine.value() == pytest.approx(theirs.value(), rel=1e-10)
        assert_normwise(theirs.raw_prediction, mine.raw_prediction, rtol=1e-8)
    expected = minimize(explicit[0], AutoSolver.for_newton_steps())
    assert_normwise(got.raw_prediction, expected.objective.raw_prediction, rtol=1e-8)
    assert explainer.polished_stationarity_ < 1e-12
    if explainer.distance_to_optimum_ > 1e-12:
        at_end = replace(expected, inverse=None)  # not that of the last step
        truth = distance_to_optimum(explicit[0], at_end, AutoSolver())
        assert explainer.distance_to_optimum_ == pytest.approx(truth, rel=1e-5)


@pytest.mark.parametrize("settings", [{"damping": 0.01}, {"penalty_scaling": "mean"}])
def test_other_settings_take_the_columns(settings):
    model, train, tests = given("SVR")
    got = InfluenceExplainer(model, method="first_order", **settings).fit(*train)
    expected = InfluenceExplainer(model, **COLUMNS, **settings).fit(*train).influence(*tests)
    assert_normwise(got.influence(*tests), expected)
    assert got.objective_.predictor.space.has_columns


def test_balanced_weights_and_members_take_the_columns():
    _, train, tests = given("SVC")
    got = InfluenceExplainer(SVC(class_weight="balanced", tol=1e-8), method="first_order")
    other = InfluenceExplainer(SVC(class_weight="balanced", tol=1e-8), **COLUMNS)
    assert_normwise(got.fit(*train).influence(*tests), other.fit(*train).influence(*tests))
    voting = VotingRegressor([("a", SVR(tol=1e-8)), ("b", KernelRidge(kernel="rbf"))])
    train, tests = (X[:60], RAW[:60, 0], WEIGHT), (X[60:], RAW[60:, 0])
    got = InfluenceExplainer(voting, method="first_order").fit(*train).influence(*tests)
    expected = InfluenceExplainer(voting, **COLUMNS).fit(*train).influence(*tests)
    assert_normwise(got, expected)


def test_kernels_that_may_be_indefinite_and_frozen_machines_on_other_rows_take_the_columns():
    y = RAW[:60, 0]
    process = GaussianProcessRegressor(ExpSineSquared(1.0, 2.0), alpha=0.5, optimizer=None)
    assert type(InfluenceExplainer(process).fit(X[:60, :1], y).objective_) is Objective
    frozen = FrozenEstimator(KernelRidge(kernel="rbf").fit(X[:60], y))
    with pytest.warns(ConvergenceWarning, match="frozen"):
        explainer = InfluenceExplainer(frozen, method="first_order").fit(X[:50], y[:50])
    assert type(explainer.objective_) is Objective
    whole = InfluenceExplainer(frozen, method="first_order").fit(X[:60], y)
    assert type(whole.objective_) is not Objective


def test_a_machine_whose_labels_were_changed_is_far_from_its_optimum():
    model, (rows, y, weight), _ = given("SVC")
    frozen = FrozenEstimator(model.fit(rows, y, weight))
    y = np.where(np.arange(60) % 3 == 0, 1 - y, y)
    with pytest.warns(ConvergenceWarning, match="distance_to_optimum_ is [1-9]"):
        explainer = InfluenceExplainer(frozen).fit(rows, y, weight)
    assert explainer.distance_to_optimum_ > 0.1
