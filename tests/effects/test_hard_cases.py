"""Many parameters, rows of leverage one, and models that do not exist without a row."""

import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LinearRegression, LogisticRegression

from skinfluence import InfluenceExplainer
from skinfluence.effects import RowEdits, newton_step, refit
from skinfluence.linalg import Design
from skinfluence.losses import Logistic
from skinfluence.objectives import Objective, RowWeights, TargetCoding, minimize
from skinfluence.predictors import LinearPredictor
from skinfluence.solvers import AutoSolver


@pytest.fixture(scope="module")
def crowded():
    """n = 500, p = 150, logistic, C = 1: loss changes of 200 test rows for 20 removed rows.

    One draw: over other seeds the Newton step's slope varies by 0.02 and its error by 0.02.
    """
    rng = np.random.default_rng(2)
    X = rng.standard_normal((700, 150))
    theta = 1.25 * rng.standard_normal(150) / np.sqrt(150)
    y = (rng.random(700) < 1 / (1 + np.exp(-X @ theta))).astype(int)
    rows = rng.choice(500, size=20, replace=False)
    model = LogisticRegression(C=1.0, solver="newton-cholesky")
    explainer = InfluenceExplainer(model).fit(X[:500], y[:500])
    return {
        method: explainer.influence(X[500:], y[500:], method=method, rows=rows)
        for method in ("first_order", "newton_step", "refit")
    }


def slope(actual, predicted):
    """Of the actual changes on the predicted ones."""
    return (actual * predicted).sum() / (predicted**2).sum()


def normwise_error(actual, predicted):
    return np.linalg.norm(actual - predicted) / np.linalg.norm(actual)


def test_first_order_is_off_by_half_at_p_over_n_of_a_third(crowded):
    assert 1.7 < slope(crowded["refit"], crowded["first_order"]) < 1.9
    assert 0.4 < normwise_error(crowded["refit"], crowded["first_order"]) < 0.6


def test_newton_step_holds_at_p_over_n_of_a_third(crowded):
    assert 0.99 < slope(crowded["refit"], crowded["newton_step"]) < 1.01
    assert normwise_error(crowded["refit"], crowded["newton_step"]) <= 0.06


def test_refit_holds_at_p_over_n_of_a_third():
    """Against scikit-learn's own newton-cholesky without the row."""
    from skinfluence.testing import leave_one_out_influence

    rng = np.random.default_rng(0)
    X = rng.standard_normal((300, 80))
    y = (rng.random(300) < 1 / (1 + np.exp(-X[:, :9].sum(axis=1)))).astype(int)
    model = LogisticRegression(C=1.0, solver="newton-cholesky")
    truth = leave_one_out_influence(model, X[:250], y[:250], X[250:], y[250:], [0, 3])
    explainer = InfluenceExplainer(model).fit(X[:250], y[:250])
    got = explainer.influence(X[250:], y[250:], method="refit", rows=[0, 3])
    assert np.abs(got - truth).max() < 1e-8 * np.abs(truth).max()


def test_rows_of_leverage_one_give_the_refit_of_least_norm():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((12, 2))
    X[:, 1] = 0.0
    X[4, 1] = 1.0  # the one row that says anything about the second column
    y = rng.standard_normal(12)
    explainer = InfluenceExplainer(LinearRegression()).fit(X, y)
    values = explainer.influence(X[3:6], target="predict", method="newton_step")
    before, rest = explainer.predict(X[3:6]), np.arange(12) != 4
    after = LinearRegression().fit(X[rest], y[rest]).predict(X[3:6])
    np.testing.assert_allclose(values[:, 4], after - before, rtol=1e-10, atol=1e-12)


def one_row_from_separable():
    """A logistic objective without penalty whose classes only row 0 keeps from being separable."""
    x = np.array([2.0, -3.0, -2.0, -1.0, 1.0, 1.5, 3.0, 4.0])
    y = np.array([-1.0, -1, -1, -1, 1, 1, 1, 1])[:, None]
    start = Objective(
        Logistic(),
        LinearPredictor(Design(x[:, None], None, True), np.zeros((1, 2))),
        y,
        np.zeros((1, 2)),
        RowWeights(np.ones(8)),
        TargetCoding("margin", 1, np.array([0, 1])),
    )
    return minimize(start, AutoSolver()).objective


def test_refits_without_an_optimum_are_nan_with_a_warning():
    objective = one_row_from_separable()
    inverse = AutoSolver().factorize(objective.hessian())
    with pytest.warns(ConvergenceWarning, match=r"1 of 2 refits.*removed rows \[0\]"):
        changes = refit(objective, inverse, RowEdits.removals([0, 6]))
    coef = changes.coef_changes()
    assert np.isnan(coef[0]).all()
    assert np.isfinite(coef[1]).all()


def test_newton_step_stays_finite_where_the_refit_has_no_optimum():
    objective = one_row_from_separable()
    inverse = AutoSolver().factorize(objective.hessian())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        coef = newton_step(objective, inverse, RowEdits.removals([0, 6])).coef_changes()
    assert np.isfinite(coef).all()
