"""Least angle regression, matching pursuit and ARDRegression on the columns that they selected."""

import warnings

import numpy as np
import pytest
from sklearn.datasets import load_diabetes
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import (
    ARDRegression,
    Lars,
    LarsCV,
    Lasso,
    LassoLars,
    LassoLarsCV,
    LassoLarsIC,
    LinearRegression,
    OrthogonalMatchingPursuit,
    OrthogonalMatchingPursuitCV,
    Ridge,
)

from skinfluence import InfluenceExplainer
from skinfluence.adapters import REGISTRY, Settings, UnsupportedEstimatorError, explain_estimator

N = 120
X, y = load_diabetes(return_X_y=True)
X, y, X_test, y_test = X[:N], y[:N], X[N : N + 15], y[N : N + 15]
ROWS = np.arange(0, N, 10)

MODELS = [
    LassoLars(0.1),
    LassoLarsCV(cv=4),
    LassoLarsIC(),
    Lars(),
    LarsCV(cv=4),
    OrthogonalMatchingPursuit(n_nonzero_coefs=4),
    OrthogonalMatchingPursuitCV(cv=4),
    ARDRegression(),
]
NAMES = [type(model).__name__ for model in MODELS]


@pytest.mark.parametrize("model", MODELS, ids=NAMES)
def test_the_coefficients_are_stationary_and_the_predictions_those_of_the_estimator(model):
    fitted = model.fit(X, y)
    objective = explain_estimator(fitted, X, y, None, Settings()).objective
    assert objective.stationarity() < 1e-10
    np.testing.assert_allclose(objective.raw_prediction[:, 0], fitted.predict(X), rtol=1e-10)
    layout = objective.estimator_layout(objective.coef)
    np.testing.assert_allclose(layout, [*fitted.coef_, fitted.intercept_], atol=1e-9)


def explained(model, **settings):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return InfluenceExplainer(model, **settings).fit(X, y)


@pytest.mark.parametrize("model", [LassoLarsCV(cv=4), LassoLarsIC(), LassoLars(0.1)])
def test_it_is_the_lasso_at_its_penalty(model):
    explainer = explained(model)
    alpha = getattr(explainer.estimator_, "alpha_", 0.1)
    got = explainer.influence(X_test, y_test, method="refit", rows=ROWS)
    expected = explained(Lasso(alpha)).influence(X_test, y_test, method="refit", rows=ROWS)
    np.testing.assert_allclose(got, expected, atol=1e-8 * np.abs(expected).max())


def test_refits_of_lasso_lars_are_the_estimator_without_the_row():
    explainer = explained(LassoLars(0.1))
    before = LassoLars(0.1).fit(X, y).predict(X_test)
    got = explainer.influence(X_test, target="predict", method="refit", rows=ROWS)
    for i, row in enumerate(ROWS):
        after = LassoLars(0.1).fit(np.delete(X, row, 0), np.delete(y, row)).predict(X_test)
        np.testing.assert_allclose(got[:, i], after - before, atol=1e-8)


def test_the_whole_path_of_lars_ends_at_least_squares():
    got = explained(Lars()).influence(X_test, y_test, method="refit")
    expected = explained(LinearRegression()).influence(X_test, y_test, method="refit")
    np.testing.assert_allclose(got, expected, atol=1e-8 * np.abs(expected).max())


def test_matching_pursuit_is_least_squares_on_its_columns():
    explainer = explained(OrthogonalMatchingPursuit(n_nonzero_coefs=4))
    some = np.flatnonzero(explainer.estimator_.coef_)
    ordinary = InfluenceExplainer(LinearRegression()).fit(X[:, some], y)
    for method in ("first_order", "newton_step", "refit"):
        got = explainer.influence(X_test, y_test, method=method)
        expected = ordinary.influence(X_test[:, some], y_test, method=method)
        np.testing.assert_allclose(got, expected, rtol=1e-8, atol=1e-8)
    assert explainer.coef_influence(rows=[0]).shape == (1, 11)
    names = explainer.fitted_model_.column_names()
    assert names == [f"x{j}" for j in some] + ["intercept"]


def test_ard_is_ridge_regression_at_its_precisions():
    explainer = explained(ARDRegression(threshold_lambda=3.0))
    model = explainer.estimator_
    some = np.flatnonzero(model.coef_)
    assert 0 < len(some) < 10
    scale = np.sqrt(model.alpha_ / model.lambda_[some])
    ridge = InfluenceExplainer(Ridge(1.0)).fit(X[:, some] * scale, y)
    got = explainer.influence(X_test, y_test)
    expected = ridge.influence(X_test[:, some] * scale, y_test)
    np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-6 * np.abs(expected).max())


@pytest.mark.parametrize(
    "model, message",
    [
        (Lars(n_nonzero_coefs=3), r"n_nonzero_coefs=3.*LassoLars\(alpha="),
        (LassoLars(positive=True), "positive=True"),
    ],
    ids=["stopped", "positive"],
)
def test_what_is_no_optimum_is_refused(model, message):
    with pytest.raises(UnsupportedEstimatorError, match=message):
        InfluenceExplainer(model).fit(X, y)


def test_a_path_on_which_a_sign_changed_is_refused():
    noise = np.random.default_rng(0)
    Z = noise.standard_normal((40, 8)) @ (np.eye(8) + 0.8 * noise.standard_normal((8, 8)))
    values = Z @ noise.standard_normal(8) + 0.3 * noise.standard_normal(40)
    signs = np.sign(LarsCV(cv=3).fit(Z, values).coef_path_)
    assert ((signs > 0).any(axis=1) & (signs < 0).any(axis=1)).any()
    with pytest.raises(UnsupportedEstimatorError, match=r"sign changed on its path.*LassoLarsCV"):
        InfluenceExplainer(LarsCV(cv=3)).fit(Z, values)


def test_every_one_has_a_caveat():
    for name in NAMES:
        adapter = REGISTRY["sklearn.linear_model", name]
        assert adapter.caveat_of(adapter.examples()[0])
