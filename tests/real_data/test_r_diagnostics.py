"""Leave-one-out diagnostics agree with R 4.2's ``influence.measures`` and with exact refits in R.

Precision: R's own QR gives eleven digits of Longley's coefficients, so 1e-9 there and 1e-10
elsewhere. Numbers of a GLM that contain the hat value hold to 1e-8: R takes its weights from the
last but one step of its iteration.
"""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LinearRegression, LogisticRegression, PoissonRegressor

from skinfluence import InfluenceExplainer

OLS = (
    "ols_anscombe1",
    "ols_anscombe2",
    "ols_anscombe3",
    "ols_duncan",
    "ols_hills",
    "ols_lifecycle",
    "ols_longley",
    "ols_stackloss",
)
COLUMNS = {
    "residual": "resid",
    "leverage": "hat",
    "standardized_residual": "rstandard",
    "studentized_residual": "rstudent",
    "dffits": "dffits",
    "cooks_distance": "cooks",
}


def explained(shared_data, name, estimator):
    """(explainer, R's table, R's coefficients) of one reference, rows named as R names them."""
    data, table, coef = shared_data.influence_truth(name)
    X = data.drop(columns="y").set_index("obs")
    explainer = InfluenceExplainer(estimator).fit(X, data["y"])
    return explainer, table.set_index("obs"), coef.set_index("term")["estimate"]


def terms(explainer):
    """R's names of the coefficients, in our order."""
    return [*explainer.feature_names_in_, "(Intercept)"]


def dfbetas(explainer, frame):
    names = [f"dfbetas_{name}" for name in [*explainer.feature_names_in_, "intercept"]]
    return frame[names].to_numpy()


def coefficients(explainer):
    return explainer.objective_.estimator_layout(explainer.objective_.coef)


def assert_digits(actual, expected, digits, floor=1e-3):
    """Relative agreement; entries under `floor` times their column's largest count as that."""
    expected = np.asarray(expected, float)
    scale = np.maximum(np.abs(expected), floor * np.nanmax(np.abs(expected), axis=0))
    assert_allclose(np.asarray(actual) / scale, expected / scale, rtol=0, atol=digits)


def precision(name):
    return 1e-9 if name == "ols_longley" else 1e-10


@pytest.mark.parametrize("name", OLS)
def test_least_squares_diagnostics_equal_r(shared_data, name):
    explainer, table, _ = explained(shared_data, name, LinearRegression())
    frame = explainer.diagnostics()
    assert list(frame["row"]) == list(table.index)
    for ours, theirs in COLUMNS.items():
        assert_digits(frame[ours], table[theirs], precision(name))
    expected = table[[f"dfbetas:{term}" for term in terms(explainer)]]
    assert_digits(dfbetas(explainer, frame), expected, precision(name))


@pytest.mark.parametrize("name", OLS)
@pytest.mark.parametrize("method", ["newton_step", "refit"])
def test_least_squares_coefficients_without_each_row_equal_refits_in_r(shared_data, name, method):
    explainer, table, coef = explained(shared_data, name, LinearRegression())
    assert_digits(coefficients(explainer), coef[terms(explainer)], precision(name), floor=0)
    without = coefficients(explainer) + explainer.coef_influence(method=method)
    expected = table[[f"loo_coef:{term}" for term in terms(explainer)]]
    assert_digits(without, expected, precision(name))


@pytest.mark.parametrize(
    ("name", "row", "distance"),
    [
        ("ols_longley", 1951, 0.614),
        ("ols_stackloss", 21, 0.692),
        ("ols_lifecycle", "Libya", 0.268),
        ("ols_hills", "Bens of Jura", 1.893),
    ],
)
def test_row_of_largest_cooks_distance_is_the_one_in_the_textbooks(
    shared_data, name, row, distance
):
    explainer, _, _ = explained(shared_data, name, LinearRegression())
    frame = explainer.diagnostics(dfbetas=False).set_index("row")
    assert frame["cooks_distance"].idxmax() == row
    assert round(frame["cooks_distance"].max(), 3) == distance


class TestRowOfLeverageOne:
    """Anscombe's fourth set: only row 8 has another x, so the slope hangs on that row alone."""

    @pytest.fixture
    def answers(self, shared_data):
        explainer, table, _ = explained(shared_data, "ols_anscombe4", LinearRegression())
        return explainer, table

    def test_leaves_the_mean_as_the_refit_of_least_norm(self, answers):
        explainer, y = answers[0], np.asarray(answers[0].y_train_)
        moved = explainer.influence(explainer.X_train_, rows=[7])[:, 0]
        expected = np.delete(y, 7).mean() - explainer.predict(explainer.X_train_)
        assert moved == pytest.approx(expected, abs=1e-12)

    @pytest.mark.filterwarnings("ignore:1 training row:RuntimeWarning")
    def test_has_nan_where_r_has_nan(self, answers):
        explainer, table = answers
        frame = explainer.diagnostics().set_index("row")
        for ours, theirs in COLUMNS.items():
            assert np.isnan(frame[ours][8]) == np.isnan(table[theirs][8]), ours
        assert frame["leverage"][8] == pytest.approx(1.0, abs=1e-14)
        # R writes DFBETAS of 0 here; without the row there is no slope to compare with
        assert np.isnan(dfbetas(explainer, frame)[7]).all()

    @pytest.mark.filterwarnings("ignore:1 training row:RuntimeWarning")
    def test_leaves_the_other_rows_as_in_r(self, answers):
        explainer, table = answers
        frame = explainer.diagnostics()
        others = np.arange(len(frame)) != 7
        for ours, theirs in COLUMNS.items():
            assert_digits(frame[ours][others], table[theirs][others], 1e-10)
        expected = table[[f"dfbetas:{term}" for term in terms(explainer)]]
        assert_digits(dfbetas(explainer, frame)[others], expected[others], 1e-10)
        without = coefficients(explainer) + explainer.coef_influence()
        expected = table[[f"loo_coef:{term}" for term in terms(explainer)]]
        assert_digits(without[others], expected[others], 1e-10)


@pytest.fixture(scope="module")
def birthwt(shared_data):
    estimator = LogisticRegression(C=np.inf, max_iter=10_000)
    with warnings.catch_warnings():  # lbfgs may stop early on unscaled columns; we polish
        warnings.simplefilter("ignore", ConvergenceWarning)
        return explained(shared_data, "glm_birthwt_logit", estimator)


class TestLogisticRegression:
    """Low birth weight (Hosmer & Lemeshow): 189 rows, ten coefficients, no penalty."""

    def test_coefficients_equal_r(self, birthwt):
        explainer, _, coef = birthwt
        assert_digits(coefficients(explainer), coef[terms(explainer)], 1e-12, floor=0)

    def test_coefficients_without_each_row_equal_refits_in_r(self, birthwt):
        explainer, table, _ = birthwt
        without = coefficients(explainer) + explainer.coef_influence(method="refit")
        expected = table[[f"loo_coef:{term}" for term in terms(explainer)]]
        assert_digits(without, expected, 1e-10)

    @pytest.mark.parametrize("kind", ["pearson", "deviance"])
    def test_residuals_equal_r(self, birthwt, kind):
        explainer, table, _ = birthwt
        ours = explainer.diagnostics(dfbetas=False)[f"{kind}_residual"]
        assert_digits(ours, table[f"resid_{kind}"], 1e-12)

    @pytest.mark.parametrize(
        ("ours", "theirs"),
        [
            ("leverage", "hat"),
            ("standardized_residual", "rstandard"),
            ("studentized_residual", "rstudent"),
            ("dffits", "dffits_1step"),
            ("cooks_distance", "cooks_1step"),
        ],
    )
    def test_one_step_diagnostics_equal_r(self, birthwt, ours, theirs):
        explainer, table, _ = birthwt
        assert_digits(explainer.diagnostics(dfbetas=False)[ours], table[theirs], 1e-8)

    def test_dfbetas_times_the_ratio_of_residuals_equal_r(self, birthwt):
        """R forms DFBETAS from deviance residuals, we from Pearson's as in Pregibon (1981)."""
        explainer, table, _ = birthwt
        ratio = (table["resid_deviance"] / table["resid_pearson"]).to_numpy()
        actual = dfbetas(explainer, explainer.diagnostics()) * ratio[:, None]
        expected = table[[f"dfbetas_1step:{term}" for term in terms(explainer)]]
        # a row's DFBETAS is a product of the row with the inverse Hessian: R's error is relative
        # to the column, not to the entry
        assert_digits(actual, expected, 1e-8, floor=1.0)

    def test_newton_step_is_closer_to_the_refits_than_first_order(self, birthwt):
        explainer, table, _ = birthwt
        truth = table[[f"loo_coef:{term}" for term in terms(explainer)]].to_numpy()
        truth = truth - coefficients(explainer)
        error = {
            method: np.linalg.norm(explainer.coef_influence(method=method) - truth)
            for method in ("first_order", "newton_step")
        }
        assert error["newton_step"] < 0.5 * error["first_order"], error


@pytest.fixture(scope="module")
def quine(shared_data):
    estimator = PoissonRegressor(alpha=0.0, solver="newton-cholesky", tol=1e-12)
    return explained(shared_data, "glm_quine_poisson", estimator)


class TestPoissonRegression:
    """Days absent from school (Quine): 146 rows, seven coefficients, no penalty."""

    def test_coefficients_equal_r(self, quine):
        explainer, _, coef = quine
        assert_digits(coefficients(explainer), coef[terms(explainer)], 1e-11, floor=0)

    def test_coefficients_without_each_row_equal_refits_in_r(self, quine):
        explainer, table, _ = quine
        without = coefficients(explainer) + explainer.coef_influence(method="refit")
        expected = table[[f"loo_coef:{term}" for term in terms(explainer)]]
        assert_digits(without, expected, 1e-10)

    @pytest.mark.parametrize(
        ("ours", "theirs", "digits"),
        [
            ("pearson_residual", "resid_pearson", 1e-10),
            ("deviance_residual", "resid_deviance", 1e-10),
            ("leverage", "hat", 1e-8),
            ("standardized_residual", "rstandard", 1e-8),
            ("studentized_residual", "rstudent", 1e-8),
            ("dffits", "dffits_1step", 1e-8),
            ("cooks_distance", "cooks_1step", 1e-8),
        ],
    )
    def test_one_step_diagnostics_equal_r(self, quine, ours, theirs, digits):
        explainer, table, _ = quine
        assert_digits(explainer.diagnostics(dfbetas=False)[ours], table[theirs], digits)

    def test_dfbetas_times_the_ratio_of_residuals_equal_r(self, quine):
        explainer, table, _ = quine
        ratio = (table["resid_deviance"] / table["resid_pearson"]).to_numpy()
        actual = dfbetas(explainer, explainer.diagnostics()) * ratio[:, None]
        expected = table[[f"dfbetas_1step:{term}" for term in terms(explainer)]]
        assert_digits(actual, expected, 1e-8, floor=1.0)
