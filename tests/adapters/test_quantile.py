"""QuantileRegressor through a smooth quantile loss, against real refits."""

import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_diabetes
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import QuantileRegressor

from skinfluence import InfluenceExplainer
from skinfluence.losses import SmoothQuantile
from skinfluence.objectives import minimize
from skinfluence.solvers import AutoSolver
from skinfluence.testing import check_loss

N = 200
X, y = load_diabetes(return_X_y=True)
X, y, X_test = 20.0 * X[:N, :5], y[:N], 20.0 * X[N : N + 40, :5]
WEIGHTS = 0.5 + np.random.default_rng(0).random(N)
ROWS = np.arange(0, N, 4)


def explained(model, weights=None, **settings):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return InfluenceExplainer(clone(model), **settings).fit(X, y, weights)


def refitted(model, weights):
    """Changes of the predictions by real refits, (n_test, n_rows)."""
    before = model.fit(X, y, weights).predict(X_test)
    out = []
    for row in ROWS:
        left = [np.delete(part, row, 0) for part in (X, y, weights)]
        out.append(model.fit(*left).predict(X_test) - before)
    return np.stack(out, axis=1)


@pytest.mark.parametrize(
    "quantile, alpha", [(0.5, 0.0), (0.8, 0.0), (0.5, 0.05)], ids=["median", "upper", "l1"]
)
def test_refits_go_to_those_of_the_estimator_as_the_temperature_falls(quantile, alpha):
    model = QuantileRegressor(quantile=quantile, alpha=alpha)
    truth = refitted(model, WEIGHTS)
    agreement = []
    for temperature in (0.1, 0.01, 0.002):
        explainer = explained(model, WEIGHTS, temperature=temperature)
        got = explainer.influence(X_test, target="predict", method="refit", rows=ROWS)
        agreement.append(np.corrcoef(got.ravel(), truth.ravel())[0, 1])
    assert agreement[0] < agreement[1] < agreement[2]
    assert agreement[1] > 0.85
    assert agreement[2] > 0.99


def test_the_optimum_goes_to_that_of_the_estimator():
    model = QuantileRegressor(quantile=0.7, alpha=0.02)
    own = model.fit(X, y, WEIGHTS).predict(X)
    moved = []
    for temperature in (0.1, 0.001):
        explainer = explained(model, WEIGHTS, temperature=temperature)
        assert explainer.polished_stationarity_ < 1e-9
        moved.append(np.abs(explainer.objective_.raw_prediction[:, 0] - own).max() / np.ptp(own))
    assert moved[1] < 0.005 < moved[0]


def test_first_order_is_the_slope_of_the_smooth_refits():
    explainer = explained(QuantileRegressor(alpha=0.0), WEIGHTS, temperature=0.3)
    got = explainer.influence(X_test, target="predict", method="first_order", rows=[7])[:, 0]
    at = explainer.objective_.with_weights
    solver, test = AutoSolver(), explainer.objective_.predictor.of(X_test)
    up, down = (
        minimize(at(np.array([7]), np.array([factor])), solver).objective.raw_predictions(test)
        for factor in (1.001, 0.999)
    )
    slope = (down - up)[:, 0] / 0.002
    np.testing.assert_allclose(got, slope, atol=1e-5 * np.abs(slope).max())


def test_the_loss_has_its_derivatives():
    for loss in SmoothQuantile.examples():
        check_loss(loss)
    r = np.array([[-2.0], [3.0]])
    narrow = SmoothQuantile(0.8, 1e-3).value(r, np.zeros((2, 1)))
    np.testing.assert_allclose(narrow, [0.4, 2.4])
