"""More columns than rows, or columns that repeat others, against LinearRegression's own refits."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from skinfluence import InfluenceExplainer
from skinfluence.explainer import SingularHessianWarning
from skinfluence.groups import group_influence
from skinfluence.perturbation import perturbation_influence, replacement_influence

RNG = np.random.default_rng(3)
WIDE = RNG.standard_normal((12, 20)) * (1.0 + np.arange(20)) + 2.0
LONG = RNG.standard_normal((30, 4)) + 1.0
TWINS = np.c_[LONG, LONG[:, 0], LONG[:, 1] + LONG[:, 2]]
LONELY = np.c_[TWINS, np.arange(30) == 5]  # row 5 is met exactly, no other row is
WEIGHT = 0.5 + RNG.random(30)
CASES = {
    "wide": (WIDE, {}),
    "wide-without-intercept": (WIDE, {"fit_intercept": False}),
    "wide-weights": (WIDE, {"weights": True}),
    "wide-two-outputs": (WIDE, {"outputs": 2}),
    "twins": (TWINS, {}),
    "twins-weights": (TWINS, {"weights": True}),
    # the constant is rounding when it is centred, and 1e15 times smaller than its twins
    "twins-constant-weights": (np.c_[TWINS, np.full(30, 3.7)], {"weights": True}),
    "lonely": (LONELY, {}),
    "lonely-two-outputs": (LONELY, {"outputs": 2}),
    "lonely-without-intercept": (LONELY, {"fit_intercept": False}),
}
ROWS = [5, 2]

pytestmark = pytest.mark.filterwarnings("ignore:The Hessian is singular")


def problem(name):
    """(X, y, test rows, function (X, y, rows kept) -> predictions of the refit)."""
    X, settings = CASES[name]
    rng = np.random.default_rng(1)
    shape = (len(X), settings["outputs"]) if "outputs" in settings else len(X)
    y = 3.0 * rng.standard_normal(shape) + (X[:, 0] if shape == len(X) else X[:, :1])
    weight = WEIGHT[: len(X)] if "weights" in settings else None
    model = LinearRegression(fit_intercept=settings.get("fit_intercept", True))
    X_test = rng.standard_normal((4, X.shape[1]))

    def refit(X, y, kept=slice(None)):
        mine = None if weight is None else weight[kept]
        return model.fit(X[kept], y[kept], sample_weight=mine).predict(X_test).reshape(4, -1)

    explainer = InfluenceExplainer(LinearRegression(**model.get_params()))
    return explainer.fit(X, y, sample_weight=weight), X, y, X_test, refit


@pytest.mark.parametrize("method", ["newton_step", "refit"])
@pytest.mark.parametrize("name", CASES)
def test_without_a_row_the_model_is_that_of_least_norm(name, method):
    explainer, X, y, X_test, refit = problem(name)
    before = refit(X, y)
    got = explainer.influence(X_test, rows=ROWS, method=method)
    for j, row in enumerate(ROWS):
        expected = refit(X, y, np.delete(np.arange(len(X)), row)) - before
        assert_allclose(got[:, j], expected.sum(axis=1), rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("method", ["newton_step", "refit"])
@pytest.mark.parametrize("name", CASES)
def test_replaced_rows_give_the_refit_of_least_norm(name, method):
    explainer, X, y, X_test, refit = problem(name)
    before = refit(X, y)
    rng = np.random.default_rng(2)
    X_new, y_new = (
        rng.standard_normal((2, X.shape[1])),
        5.0 * rng.standard_normal((2, *y.shape[1:])),
    )
    for given in ((X_new, None), (None, y_new), (X_new, y_new)):
        got = replacement_influence(explainer, ROWS, *given, X_test, method=method)
        for j, row in enumerate(ROWS):
            moved_X, moved_y = X.copy(), y.copy()
            if given[0] is not None:
                moved_X[row] = X_new[j]
            if given[1] is not None:
                moved_y[row] = y_new[j]
            expected = (refit(moved_X, moved_y) - before).sum(axis=1)
            assert_allclose(got[:, j], expected, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("name", ["twins", "lonely"])
def test_a_new_row_that_keeps_the_free_directions_free(name):
    explainer, X, y, X_test, refit = problem(name)
    X_new = X[[7]].copy()
    X_new[0, 3] += 1.0
    moved = X.copy()
    moved[5] = X_new[0]
    got = replacement_influence(explainer, [5], X_new, None, X_test, method="refit")
    assert_allclose(got[:, 0], (refit(moved, y) - refit(X, y))[:, 0], rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("name", CASES)
def test_refits_without_groups_are_those_of_least_norm(name):
    explainer, X, y, X_test, refit = problem(name)
    before = refit(X, y)
    groups = [[5, 2, 7], [0], [1, 3], list(range(len(X) - 3))]  # without the last, few are left
    got = group_influence(explainer, groups, X_test, method="refit")
    for j, group in enumerate(groups):
        expected = refit(X, y, np.setdiff1d(np.arange(len(X)), group)) - before
        assert_allclose(got[:, j], expected.sum(axis=1), rtol=1e-6, atol=1e-8)


def test_few_rows_of_a_determined_model_leave_one_of_least_norm():
    X, y = LONG, LONG @ [1.0, 2.0, 0.0, -1.0] + RNG.standard_normal(30)
    explainer = InfluenceExplainer(LinearRegression()).fit(X, y)
    got = group_influence(explainer, [np.arange(3, 30), np.arange(9)], X[:4], method="refit")
    for j, kept in enumerate((slice(0, 3), slice(9, 30))):
        refitted = LinearRegression().fit(X[kept], y[kept]).predict(X[:4])
        assert_allclose(got[:, j], refitted - explainer.predict(X[:4]), rtol=1e-8, atol=1e-10)


def slope(explainer, X, y, refit, row, j):
    at, h = {}, 1e-3 * X[:, j].std()
    for i in (-2, -1, 1, 2):
        moved = X.copy()
        moved[row, j] += i * h
        at[i] = refit(moved, y).sum(axis=1)
    return (8.0 * (at[1] - at[-1]) - (at[2] - at[-2])) / (12.0 * h)


@pytest.mark.parametrize("name", [n for n in CASES if not n.startswith("twins")])
def test_rows_that_are_met_exactly_have_derivatives_along_free_directions(name):
    explainer, X, y, X_test, refit = problem(name)
    got = perturbation_influence(explainer, X_test, rows=[2, 5])
    for j in (0, 3, X.shape[1] - 1):
        expected = slope(explainer, X, y, refit, 5, j)
        assert np.abs(expected).max() > 1e-6
        assert_allclose(got[:, 1, j], expected, atol=2e-6 * np.abs(expected).max(), rtol=0.0)
    if name.startswith("lonely"):  # row 2 would make the model jump
        assert np.isnan(got[:, 0, 0]).all()
        expected = slope(explainer, X, y, refit, 2, 3)
        assert_allclose(got[:, 0, 3], expected, atol=2e-6 * np.abs(expected).max(), rtol=0.0)


def test_derivatives_of_wide_tables_go_back_through_steps():
    X, y = WIDE[:, :4], np.arange(12.0) % 5
    steps = (StandardScaler(), PolynomialFeatures(2))
    explainer = InfluenceExplainer(make_pipeline(*steps, LinearRegression())).fit(X, y)
    X_test = X[:3] + 0.5
    got = perturbation_influence(explainer, X_test, rows=[4])[:, 0, 1]
    earlier, at, h = explainer.estimator_[:-1], {}, 1e-3
    for i in (-2, -1, 1, 2):
        moved = X.copy()
        moved[4, 1] += i * h
        last = LinearRegression().fit(earlier.transform(moved), y)
        at[i] = last.predict(earlier.transform(X_test))
    expected = (8.0 * (at[1] - at[-1]) - (at[2] - at[-2])) / (12.0 * h)
    assert_allclose(got, expected, atol=1e-5 * np.abs(expected).max(), rtol=0.0)


def test_blocks_of_rows_give_the_same():
    explainer, X, _, X_test, _ = problem("lonely")
    every = perturbation_influence(explainer, X_test)
    assert np.isnan(every[:, [1, 2, 29], 0]).all()
    some = perturbation_influence(explainer, X_test, rows=[9, 5, 1])
    assert_allclose(some, every[:, [9, 5, 1]], rtol=1e-10)
    assert every.shape == (4, *X.shape)


def test_the_warnings_say_which_methods_know_the_least_norm():
    model = InfluenceExplainer(LinearRegression())
    explainer = model.fit(WIDE, WIDE[:, 0])
    with pytest.warns(SingularHessianWarning, match="Newton steps, refits.*optimum of least norm"):
        explainer.influence(WIDE[:2], method="first_order")


def test_rows_of_weight_zero_change_nothing():
    weight = np.ones(12)
    weight[0] = 0.0
    explainer = InfluenceExplainer(LinearRegression()).fit(WIDE, WIDE[:, 0], weight)
    assert_array_equal(explainer.influence(WIDE[:2] + 1.0, rows=[0], method="refit"), 0.0)
    assert_array_equal(perturbation_influence(explainer, WIDE[:2] + 1.0, rows=[0]), 0.0)
    new = replacement_influence(explainer, [0], WIDE[[3]] + 1.0, [5.0], WIDE[:2], method="refit")
    assert_array_equal(new, 0.0)
    twins = InfluenceExplainer(LogisticRegression(C=np.inf)).fit(
        TWINS, np.arange(30) % 2, WEIGHT > 0.7
    )
    out = int(np.flatnonzero(WEIGHT <= 0.7)[0])
    got = perturbation_influence(
        twins, TWINS[:2], [0, 1], rows=[out, np.flatnonzero(WEIGHT > 0.7)[0]]
    )
    assert_array_equal(got[:, 0], 0.0)
    assert np.isnan(got[:, 1, 0]).all()


def test_coefficients_without_a_right_digit_do_not_hide_the_optimum():
    y = LONG @ [1.0, -2.0, 0.5, 0.0] + RNG.standard_normal(30)
    model = Ridge(alpha=0.0).fit(TWINS, y)
    model.coef_ += 4e14 * (np.arange(6) == 0) - 4e14 * (np.arange(6) == 4)  # as its SVD may give
    with pytest.warns(ConvergenceWarning, match="not the optimum"):
        explainer = InfluenceExplainer(FrozenEstimator(model)).fit(TWINS, y)
    expected = InfluenceExplainer(LinearRegression()).fit(TWINS, y).influence(TWINS[:4])
    for method in ("newton_step", "refit"):
        got = explainer.influence(TWINS[:4], method=method)
        assert_allclose(got, expected, atol=1e-9 * np.abs(expected).max())
