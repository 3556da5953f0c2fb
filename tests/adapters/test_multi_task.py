"""MultiTaskLasso and MultiTaskElasticNet: one selection of columns for all targets."""

import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_diabetes
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import (
    Lasso,
    MultiTaskElasticNet,
    MultiTaskElasticNetCV,
    MultiTaskLasso,
    MultiTaskLassoCV,
)
from sklearn.utils.validation import has_fit_parameter

from skinfluence import InfluenceExplainer, supports
from skinfluence.groups import group_influence
from skinfluence.testing._adapters import check_objective

N = 80
X, y = load_diabetes(return_X_y=True)
other = 1500.0 * X[:, 2] + 40.0 * np.random.default_rng(0).standard_normal(len(y))
Y = np.column_stack([y, other, y - other])
X, Y, X_test, Y_test = X[:N], Y[:N], X[N : N + 8], Y[N : N + 8]
TIGHT = {"tol": 1e-14, "max_iter": 1_000_000}

MODELS = {
    "lasso": MultiTaskLasso(1.2, **TIGHT),
    "elastic net": MultiTaskElasticNet(1.0, l1_ratio=0.999, fit_intercept=False, **TIGHT),
}


@pytest.fixture(params=MODELS)
def model(request):
    return MODELS[request.param]


def losses(model, s):
    """Test losses after a fit with row weights s: that of rows scaled by their roots."""
    mean_x = mean_y = 0.0
    if model.fit_intercept:
        mean_x, mean_y = s @ X / s.sum(), s @ Y / s.sum()
    root = np.sqrt(s * N / s.sum())[:, None]
    plain = clone(model).set_params(fit_intercept=False)
    coef = plain.fit(root * (X - mean_x), root * (Y - mean_y)).coef_
    return 0.5 * ((Y_test - mean_y - (X_test - mean_x) @ coef.T) ** 2).sum(axis=1)


def without(model, rows):
    """Test losses after a fit without some rows."""
    left = clone(model).fit(np.delete(X, rows, 0), np.delete(Y, rows, 0))
    return 0.5 * ((Y_test - left.predict(X_test)) ** 2).sum(axis=1)


@pytest.mark.skipif(
    not has_fit_parameter(MultiTaskLasso(), "sample_weight"), reason="weights of scikit-learn 1.9"
)
def test_the_objective_is_what_the_estimator_minimised(model):
    check_objective(model, X, Y, np.linspace(0.5, 1.5, N))


@pytest.mark.filterwarnings("ignore:The removal of .* predicted to change")
def test_first_order_is_the_slope_of_the_refits(model):
    explainer, h, rows = InfluenceExplainer(model).fit(X, Y), 1e-3, [0, 7]
    units = [np.arange(N) == row for row in rows]
    stencil = ((-2, 1 / 12), (-1, -8 / 12), (1, 8 / 12), (2, -1 / 12))
    slopes = [sum(c * losses(model, 1.0 + k * h * e) for k, c in stencil) / h for e in units]
    truth = -np.transpose(slopes)
    got = explainer.influence(X_test, Y_test, method="first_order", rows=rows)
    np.testing.assert_allclose(got, truth, atol=1e-7 * np.abs(truth).max())


@pytest.mark.filterwarnings("ignore:The removal of .* predicted to change")
def test_refits_select_anew(model):
    explainer = InfluenceExplainer(model).fit(X, Y)
    coef = explainer.objective_.estimator_layout(explainer.objective_.coef)
    moved = explainer.coef_influence(method="refit")
    changed = ((coef + moved != 0.0) != (coef != 0.0)).any(axis=1)
    assert 0 < changed.sum() < N
    rows = np.r_[np.flatnonzero(changed)[:3], np.flatnonzero(~changed)[:2]]
    before, removed = losses(model, np.ones(N)), [*rows[:, None], [1, 2, 5, 9]]
    truth = np.transpose([without(model, some) - before for some in removed])
    single = explainer.influence(X_test, Y_test, method="refit", rows=rows)
    group = group_influence(explainer, removed[-1:], X_test, Y_test, method="refit")
    np.testing.assert_allclose(np.hstack([single, group]), truth, atol=1e-8 * np.abs(truth).max())


def test_the_warning_names_about_the_removals_that_change_the_selection(model):
    explainer = InfluenceExplainer(model).fit(X, Y)
    coef = explainer.objective_.estimator_layout(explainer.objective_.coef)
    moved = explainer.coef_influence(method="refit")
    changed = ((coef + moved != 0.0) != (coef != 0.0)).any(axis=1).sum()
    with pytest.warns(RuntimeWarning, match="predicted to change which coefficients") as caught:
        explainer.influence(X_test, Y_test)
    count = int(str(caught[0].message).split("removal of ")[1].split()[0])
    assert abs(count - changed) <= 0.4 * changed


def test_of_one_target_it_is_the_lasso():
    one = InfluenceExplainer(MultiTaskLasso(0.3)).fit(X, Y[:, :1])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        got = one.influence(X_test, Y_test[:, :1])
        expected = InfluenceExplainer(Lasso(0.3)).fit(X, Y[:, 0]).influence(X_test, Y_test[:, 0])
    np.testing.assert_allclose(got, expected, rtol=1e-7)


@pytest.mark.parametrize("search", [MultiTaskLassoCV, MultiTaskElasticNetCV])
def test_the_chosen_penalty_is_held_fixed(search):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        explainer = InfluenceExplainer(search(alphas=[0.8], cv=3)).fit(X, Y)
    assert "The chosen penalty is held fixed" in supports(search()).reason
    ratio = getattr(explainer.estimator_, "l1_ratio_", 1.0)
    plain = InfluenceExplainer(MultiTaskElasticNet(0.8, l1_ratio=ratio)).fit(X, Y)
    rows = {"method": "refit", "rows": [4, 5]}
    got, expected = (e.influence(X_test, Y_test, **rows) for e in (explainer, plain))
    np.testing.assert_allclose(got, expected, rtol=1e-7)


@pytest.mark.parametrize("twice", [False, True], ids=["all differ", "one column twice"])
def test_refits_of_more_columns_than_rows(twice):
    rng = np.random.default_rng(1)
    wide = rng.normal(size=(16, 30))
    wide[:, 15] = wide[:, 0] if twice else wide[:, 15]
    values = wide[:, :2] @ [[1.0, 0.5], [-2.0, 1.0]] + rng.normal(size=(16, 2))
    explainer = InfluenceExplainer(MultiTaskLasso(0.02, **TIGHT)).fit(wide[:12], values[:12])
    got = explainer.influence(wide[12:], target="predict", method="refit")
    before = explainer.predict(wide[12:]).sum(axis=1)
    kept = [np.arange(12) != i for i in range(12)]
    refits = [clone(explainer.estimator).fit(wide[:12][k], values[:12][k]) for k in kept]
    truth = np.array([refit.predict(wide[12:]).sum(axis=1) - before for refit in refits]).T
    np.testing.assert_allclose(got, truth, atol=1e-7 * np.abs(truth).max())
