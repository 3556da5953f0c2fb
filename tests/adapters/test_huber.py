"""HuberRegressor with its joint scale, against tight minima of scikit-learn's own objective."""

import numpy as np
import pytest
from scipy import sparse
from scipy.optimize import minimize, root
from sklearn.datasets import load_diabetes
from sklearn.linear_model import HuberRegressor
from sklearn.linear_model._huber import _huber_loss_and_gradient

from skinfluence import InfluenceExplainer
from skinfluence.adapters import Settings, UnsupportedEstimatorError, explain_estimator
from skinfluence.adapters._families.huber import ScaledHuber
from skinfluence.groups import group_influence
from skinfluence.predictors import Design
from skinfluence.predictors._scaled import ScaledPredictor
from skinfluence.testing import check_predictor
from skinfluence.testing._adapters import check_objective

N = 150
X, y = load_diabetes(return_X_y=True)
X, y = 20.0 * X, y / 50.0
X, y, X_test = X[:N], y[:N], X[N : N + 10]
WEIGHTS = 0.5 + np.random.default_rng(0).random(N)
MODELS = {
    "default": HuberRegressor(),
    "no intercept": HuberRegressor(epsilon=1.1, alpha=0.5, fit_intercept=False),
}


def optimum(model, X, y, weights):
    """(coef, intercept, scale) where scikit-learn's own objective is least.

    Its lbfgs stops when the objective falls by 2e-9, which leaves 1e-3 of an influence.
    """
    fitted = HuberRegressor(**model.get_params()).fit(X, y, weights)
    start = [*fitted.coef_, *([fitted.intercept_] * model.fit_intercept), fitted.scale_]
    args = (X, y, model.epsilon, model.alpha, weights)
    options = {"ftol": 1e-16, "gtol": 1e-11, "maxcor": 50, "maxiter": 10_000}
    bounds = [(None, None)] * (len(start) - 1) + [(1e-6, None)]
    found = minimize(
        _huber_loss_and_gradient, start, args, "L-BFGS-B", jac=True, bounds=bounds, options=options
    )
    return root(lambda theta: _huber_loss_and_gradient(theta, *args)[1], found.x, tol=1e-15).x


def predictions(theta, X):
    Z = np.column_stack([X, np.ones(len(X))])
    return Z[:, : len(theta) - 1] @ theta[:-1]


@pytest.fixture(params=MODELS)
def model(request):
    return MODELS[request.param]


def test_the_objective_is_what_the_estimator_minimised(model):
    check_objective(model, X, y, WEIGHTS)
    theta = optimum(model, X, y, WEIGHTS)
    fitted = HuberRegressor(**model.get_params()).fit(X, y, WEIGHTS)
    objective = explain_estimator(fitted, X, y, WEIGHTS, Settings(center=False)).objective
    there = objective.with_coef(theta)
    args = (theta, X, y, model.epsilon, model.alpha, WEIGHTS)
    value, gradient = _huber_loss_and_gradient(*args)
    assert there.value() == pytest.approx(value, rel=1e-12)
    away = 1.1 * theta
    _, gradient = _huber_loss_and_gradient(away, *args[1:])
    np.testing.assert_allclose(objective.with_coef(away).gradient(), gradient, rtol=1e-9)


def test_first_order_is_the_slope_of_the_refits(model):
    explainer = InfluenceExplainer(model).fit(X, y, WEIGHTS)
    assert explainer.polished_stationarity_ < 1e-12
    rows, h = [3, 20, 77], 1e-3
    got = explainer.influence(X_test, target="predict", method="first_order", rows=rows)
    moved = explainer.coef_influence(rows, method="first_order")
    for i, row in enumerate(rows):
        ends = []
        for sign in (1.0, -1.0):
            weights = WEIGHTS.copy()
            weights[row] *= 1.0 + sign * h
            ends.append(optimum(model, X, y, weights))
        slope = (ends[1] - ends[0]) / (2.0 * h)
        np.testing.assert_allclose(moved[i], slope, atol=1e-5 * np.abs(slope).max())
        expected = (predictions(ends[1], X_test) - predictions(ends[0], X_test)) / (2.0 * h)
        np.testing.assert_allclose(got[:, i], expected, atol=1e-5 * np.abs(expected).max())


def test_refits_are_the_estimator_without_the_row(model):
    explainer = InfluenceExplainer(model).fit(X, y, WEIGHTS)
    before, rows = optimum(model, X, y, WEIGHTS), np.arange(0, N, 15)
    moved = explainer.coef_influence(rows, method="refit")
    for i, row in enumerate(rows):
        left = [np.delete(part, row, 0) for part in (X, y, WEIGHTS)]
        expected = optimum(model, *left) - before
        np.testing.assert_allclose(moved[i], expected, atol=1e-7 * np.abs(before).max())


def test_newton_steps_agree_with_refits_but_for_rows_that_change_sides():
    explainer = InfluenceExplainer(HuberRegressor()).fit(X, y)
    settings = {"target": "predict", "rows": np.arange(0, N, 3)}
    steps = explainer.influence(X_test, method="newton_step", **settings)
    refits = explainer.influence(X_test, method="refit", **settings)
    assert np.corrcoef(steps.ravel(), refits.ravel())[0, 1] > 0.9
    error = np.abs(steps - refits).max(axis=0) / np.abs(refits).max()
    assert np.median(error) < 0.02


def test_the_scale_is_one_of_the_parameters():
    explainer = InfluenceExplainer(HuberRegressor()).fit(X, y)
    layout = explainer.objective_.estimator_layout(explainer.objective_.coef)
    fitted = explainer.estimator_
    expected = [*fitted.coef_, fitted.intercept_, fitted.scale_]
    np.testing.assert_allclose(layout, expected, rtol=1e-3, atol=1e-3)
    far = int(np.argmax(np.abs(y - fitted.predict(X))))
    assert explainer.coef_influence([far], method="refit")[0, -1] < 0.0


def test_sparse_rows_and_groups_give_the_same():
    rows = np.where(np.abs(X) > 0.5, X, 0.0)
    dense = InfluenceExplainer(HuberRegressor()).fit(rows, y)
    csr = InfluenceExplainer(HuberRegressor()).fit(sparse.csr_array(rows), y)
    got = csr.influence(sparse.csr_array(X_test), target="predict", rows=[0, 9])
    expected = dense.influence(X_test, target="predict", rows=[0, 9])
    np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-9)
    alone = dense.influence(X_test, target="predict", rows=[9], method="refit")
    group = group_influence(dense, [[9]], X_test, target="predict", method="refit")
    np.testing.assert_allclose(group, alone, rtol=1e-6, atol=1e-9)


def test_the_predictor_has_its_derivatives():
    coef = np.random.default_rng(0).standard_normal(X.shape[1] + 2)
    check_predictor(ScaledPredictor(Design(X[:9], X.mean(axis=0), True), coef))


def test_the_loss_has_its_derivatives():
    rng, loss, d = np.random.default_rng(0), ScaledHuber(1.35), 1e-6
    raw = np.column_stack([rng.standard_normal(40), 0.3 + rng.random(40)])
    targets = np.repeat(rng.standard_normal((40, 1)), 2, axis=1)
    for k in range(2):
        step = d * np.eye(2)[k]
        ahead, behind = raw + step, raw - step
        slope = (loss.value(targets, ahead) - loss.value(targets, behind)) / (2 * d)
        np.testing.assert_allclose(loss.gradient(targets, raw)[:, k], slope, atol=1e-7)
        slope = (loss.gradient(targets, ahead) - loss.gradient(targets, behind)) / (2 * d)
        unit = np.broadcast_to(np.eye(2)[k], raw.shape)
        np.testing.assert_allclose(loss.hessian_product(targets, raw, unit), slope, atol=1e-6)


def test_a_scale_at_its_bound_is_refused_and_the_advice_runs():
    rng = np.random.default_rng(0)
    few, values = rng.random((15, 30)), rng.integers(0, 3, 15)
    with pytest.raises(UnsupportedEstimatorError, match="fits so many rows exactly"):
        InfluenceExplainer(HuberRegressor(max_iter=5000)).fit(few, values)
    found = InfluenceExplainer(HuberRegressor(alpha=1000.0, max_iter=5000)).fit(few, values)
    assert found.objective_.stationarity() < 1e-9
