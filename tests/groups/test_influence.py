"""Effects of groups against scikit-learn's own refits."""

import numpy as np
import pytest
from scipy import sparse
from sklearn import config_context
from sklearn.linear_model import LinearRegression, Ridge, RidgeClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skinfluence import InfluenceExplainer
from skinfluence.explainer import lins_concordance
from skinfluence.groups import group_influence, group_table
from skinfluence.svm import SmoothHingeSVC
from skinfluence.targets import TARGETS
from tests._compare import assert_normwise
from tests.adapters._cases import COUNTS_ARE_WEIGHTED
from tests.groups._tables import GROUPS, N_ROWS, logistic, refitted_changes, table

METHODS = ["first_order", "second_order", "newton_step", "refit"]


SMOOTH = {
    "ridge": (Ridge(0.7), "values"),
    "ridge classifier": (RidgeClassifier(0.7), "three classes"),
    "logistic": (logistic(), "two classes"),
    "multinomial": (logistic(C=0.5), "three classes"),
    "smooth hinge": (SmoothHingeSVC(temperature=0.3), "two classes"),
    "smooth hinge, three": (SmoothHingeSVC(temperature=0.5), "three classes"),
}
every_model = pytest.mark.parametrize("name", SMOOTH)


def fitted(estimator, data, weighted=False, **settings):
    X, y, _, _, weights = data
    explainer = InfluenceExplainer(estimator, **settings)
    return explainer.fit(X, y, sample_weight=weights if weighted else None)


@pytest.mark.parametrize("weighted", [False, True], ids=["even", "weighted"])
@pytest.mark.parametrize("method", ["newton_step", "refit"])
@pytest.mark.parametrize("name", ["ridge", "ridge classifier"])
def test_squared_error_is_exact(name, method, weighted):
    estimator, kind = SMOOTH[name]
    data = table(kind)
    got = group_influence(fitted(estimator, data, weighted), GROUPS, *data[2:4], method=method)
    assert_normwise(got, refitted_changes(estimator, data, GROUPS, weighted), 1e-9)


@pytest.mark.parametrize("weighted", [False, True], ids=["even", "weighted"])
@every_model
def test_refits_are_those_of_scikit_learn(name, weighted):
    estimator, kind = SMOOTH[name]
    data = table(kind)
    got = group_influence(fitted(estimator, data, weighted), GROUPS, *data[2:4], method="refit")
    assert_normwise(got, refitted_changes(estimator, data, GROUPS, weighted), 1e-6)


@pytest.mark.parametrize("weighted", [False, True], ids=["even", "weighted"])
@pytest.mark.parametrize("kind", ["two classes", "three classes"])
def test_refits_with_balanced_classes_are_those_of_scikit_learn(kind, weighted):
    if weighted and not COUNTS_ARE_WEIGHTED:
        pytest.skip('this scikit-learn counts rows, not weights, for "balanced"')
    estimator, data = logistic(class_weight="balanced"), table(kind)
    got = group_influence(fitted(estimator, data, weighted), GROUPS, *data[2:4], method="refit")
    assert_normwise(got, refitted_changes(estimator, data, GROUPS, weighted), 1e-6)


@every_model
def test_second_order_and_newton_step_are_nearer_the_refit_than_the_sum(name):
    estimator, kind = SMOOTH[name]
    data = table(kind)
    explainer = fitted(estimator, data)
    truth = refitted_changes(estimator, data, GROUPS)
    first, second, newton = (
        np.linalg.norm(group_influence(explainer, GROUPS, *data[2:4], method=m) - truth)
        for m in METHODS[:3]
    )
    assert first > 0.2 * np.linalg.norm(truth)
    assert max(second, newton) < 0.75 * first


@pytest.mark.parametrize("kind", ["two classes", "three classes"])
def test_newton_step_of_balanced_classes_follows_the_refit(kind):
    estimator, data = logistic(class_weight="balanced"), table(kind)
    got = group_influence(fitted(estimator, data), GROUPS, *data[2:4])
    assert lins_concordance(got, refitted_changes(estimator, data, GROUPS)) > 0.95


@pytest.mark.parametrize("method", ["newton_step", "refit"])
def test_a_penalty_in_mean_form_shrinks_with_the_rows(method):
    data = table("values")
    explainer = fitted(Ridge(2.0), data, penalty_scaling="mean")
    got = group_influence(explainer, GROUPS, *data[2:4], method=method)
    X, y, X_test, y_test, _ = data
    before = 0.5 * (Ridge(2.0).fit(X, y).predict(X_test) - y_test) ** 2
    for group, values in zip(GROUPS, got.T, strict=True):
        kept = np.setdiff1d(np.arange(N_ROWS), group)
        left = Ridge(2.0 * len(kept) / N_ROWS).fit(X[kept], y[kept])
        assert_normwise(values, 0.5 * (left.predict(X_test) - y_test) ** 2 - before, 1e-9)


@pytest.mark.parametrize("settings", [{}, {"damping": 0.05}, {"solver": "woodbury"}], ids=str)
@pytest.mark.parametrize("method", ["first_order", "newton_step", "refit"])
@every_model
def test_a_group_of_one_row_is_the_row(name, method, settings):
    estimator, kind = SMOOTH[name]
    data = table(kind)
    if "solver" in settings and kind == "values":
        data = (data[0][:4], data[1][:4], *data[2:])  # more columns than rows
        data = (*data[:4], data[4][:4])
    explainer = fitted(estimator, data, **settings)
    rows = [[0], [1], [3]]
    got = group_influence(explainer, rows, *data[2:4], method=method)
    expected = explainer.influence(*data[2:4], method=method, rows=[0, 1, 3])
    assert_normwise(got, expected, 1e-8)


@every_model
def test_first_order_is_the_sum_over_the_rows(name):
    estimator, kind = SMOOTH[name]
    data = table(kind)
    explainer = fitted(estimator, data, weighted=True)
    values = explainer.influence(*data[2:4], method="first_order")
    expected = np.stack([values[:, g].sum(axis=1) for g in GROUPS], axis=1)
    got = group_influence(explainer, GROUPS, *data[2:4], method="first_order")
    assert_normwise(got, expected, 1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_the_order_of_the_rows_of_a_group_means_nothing(method):
    data = table("three classes")
    explainer = fitted(logistic(), data)
    one = group_influence(explainer, [[3, 9, 17]], *data[2:4], method=method)
    two = group_influence(explainer, [[17, 3, 9, 3]], *data[2:4], method=method)
    np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("method", METHODS)
def test_an_empty_group_does_nothing(method):
    data = table("two classes")
    explainer = fitted(logistic(), data)
    got = group_influence(explainer, [[], [1, 2]], *data[2:4], method=method)
    assert (got[:, 0] == 0.0).all()
    assert (got[:, 1] != 0.0).all()


@pytest.mark.parametrize("method", METHODS)
def test_rows_of_weight_zero_do_nothing(method):
    X, y, X_test, y_test, weights = table("two classes")
    weights[[2, 8]] = 0.0
    explainer = InfluenceExplainer(logistic()).fit(X, y, sample_weight=weights)
    got = group_influence(explainer, [[2, 8], [2, 8, 4], [4]], X_test, y_test, method=method)
    assert (got[:, 0] == 0.0).all()
    assert_normwise(got[:, 1], got[:, 2], 1e-10)


@pytest.mark.parametrize("method", METHODS)
def test_no_groups_give_no_columns(method):
    data = table("two classes")
    explainer = fitted(logistic(), data)
    assert group_influence(explainer, [], *data[2:4], method=method).shape == (7, 0)


@pytest.mark.parametrize("target", ["loss", "predict_proba", "decision_function"])
@pytest.mark.parametrize("method", METHODS)
def test_small_blocks_change_nothing(method, target):
    data = table("three classes")
    explainer = fitted(logistic(), data)
    groups, test = np.arange(N_ROWS) // 3, data[2 : 4 if target == "loss" else 3]
    whole = group_influence(explainer, groups, *test, target=target, method=method)
    with config_context(working_memory=1e-3):
        parts = group_influence(explainer, groups, *test, target=target, method=method)
    assert_normwise(parts, whole, 1e-9)


@pytest.mark.parametrize("target", ["predict_proba", "decision_function"])
def test_other_targets_are_those_of_the_refitted_estimator(target):
    data = table("two classes")
    X, y, X_test, _, _ = data
    explainer = fitted(logistic(tol=1e-10), data)
    got = group_influence(explainer, GROUPS, X_test, target=TARGETS[target]("yes"), method="refit")
    whole = logistic(tol=1e-10).fit(X, y)
    for group, values in zip(GROUPS, got.T, strict=True):
        kept = np.setdiff1d(np.arange(N_ROWS), group)
        left = logistic(tol=1e-10).fit(X[kept], y[kept])
        after, before = (getattr(m, target)(X_test) for m in (left, whole))
        change = after - before
        assert_normwise(values, change[:, 1] if change.ndim == 2 else change, 1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_sparse_and_float32_data_say_the_same(method):
    X, y, X_test, y_test, _ = table("two classes")
    X = np.where(np.abs(X) < 0.7, 0.0, X).astype(np.float32)
    expected = group_influence(
        InfluenceExplainer(logistic()).fit(X.astype(float), y),
        GROUPS,
        X_test,
        y_test,
        method=method,
    )
    for given in (sparse.csr_array(X.astype(float)), X):
        explainer = InfluenceExplainer(logistic()).fit(given, y)
        got = group_influence(explainer, GROUPS, X_test, y_test, method=method)
        assert_normwise(got, expected, 1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_iterative_solvers_say_the_same(method):
    data = table("three classes")
    expected = group_influence(fitted(logistic(), data), GROUPS, *data[2:4], method=method)
    explainer = fitted(logistic(), data, solver="cg")
    got = group_influence(explainer, GROUPS, *data[2:4], method=method)
    assert_normwise(got, expected, 1e-4)


def test_auto_is_the_newton_step_where_the_hessian_is_factorised():
    data = table("two classes")
    for solver, method in (("cholesky", "newton_step"), ("cg", "first_order")):
        explainer = fitted(logistic(), data, solver=solver)
        got = group_influence(explainer, GROUPS, *data[2:4], method="auto")
        expected = group_influence(explainer, GROUPS, *data[2:4], method=method)
        np.testing.assert_array_equal(got, expected)


def test_the_explainers_own_method_is_the_default():
    data = table("two classes")
    explainer = fitted(logistic(), data, method="first_order")
    got = group_influence(explainer, GROUPS, *data[2:4])
    expected = group_influence(explainer, GROUPS, *data[2:4], method="first_order")
    np.testing.assert_array_equal(got, expected)


def test_earlier_steps_of_a_pipeline_stay_as_they_are():
    X, y, X_test, y_test, _ = table("values")
    X, X_test = X * [1, 10, 100, 1000], X_test * [1, 10, 100, 1000]
    explainer = InfluenceExplainer(make_pipeline(StandardScaler(), Ridge())).fit(X, y)
    scaler = StandardScaler().fit(X)
    data = (scaler.transform(X), y, scaler.transform(X_test), y_test, None)
    got = group_influence(explainer, GROUPS, X_test, y_test)
    assert_normwise(got, refitted_changes(Ridge(), data, GROUPS), 1e-9)


@pytest.mark.parametrize("method", ["newton_step", "refit"])
@pytest.mark.parametrize("kind", ["two classes", "three classes"])
def test_a_group_with_all_rows_of_a_class_is_nan_and_named(kind, method):
    data = table(kind)
    explainer = fitted(logistic(), data)
    groups = {"a whole class": data[1] == data[1][0], "some": [1, 2]}
    with pytest.warns(RuntimeWarning, match=r"1 of 2 groups are NaN.*\['a whole class'\]"):
        got = group_influence(explainer, groups, *data[2:4], method=method)
    assert np.isnan(got[:, 0]).all()
    assert np.isfinite(got[:, 1]).all()


@pytest.mark.parametrize("method", ["second_order", "newton_step", "refit"])
def test_the_group_of_all_rows_is_nan_and_named(method):
    data = table("values")
    explainer = fitted(Ridge(), data)
    with pytest.warns(RuntimeWarning, match=r"1 of 1 groups are NaN.*\['0'\]"):
        got = group_influence(explainer, [range(N_ROWS)], *data[2:4], method=method)
    assert np.isnan(got).all()


@pytest.mark.parametrize("method", ["newton_step", "refit"])
def test_without_a_group_that_alone_determines_a_coefficient_least_squares_is_of_least_norm(method):
    X, y, X_test, _, _ = table("values")
    X = np.column_stack([X, np.isin(np.arange(N_ROWS), [4, 5])])
    X_test = np.column_stack([X_test, np.ones(len(X_test))])
    explainer = InfluenceExplainer(LinearRegression()).fit(X, y)
    labels = np.where(X[:, 4] == 1, "marked", np.where(X[:, 0] > 0.5, "high", "low"))
    got = group_influence(explainer, labels, X_test, method=method, target="predict")
    rest = labels != "marked"
    after = LinearRegression().fit(X[rest], y[rest]).predict(X_test)
    np.testing.assert_allclose(got[:, 2], after - explainer.predict(X_test), atol=1e-10)


def test_a_refit_without_an_optimum_is_nan_and_named():
    """Without row 0 the classes are separable, and nothing penalises the coefficients."""
    x = np.array([2.0, -3.0, -2.0, -1.0, 1.0, 1.5, 3.0, 4.0])[:, None]
    explainer = InfluenceExplainer(logistic(C=np.inf)).fit(x, [0, 0, 0, 0, 1, 1, 1, 1])
    groups = {"first": [0], "last": [6]}
    with pytest.warns(RuntimeWarning, match=r"1 of 2 groups are NaN.*infinite.*\['first'\]"):
        got = group_influence(explainer, groups, x, method="refit")
    assert np.isnan(got[:, 0]).all()
    assert np.isfinite(got[:, 1]).all()


def test_first_order_stays_finite_without_a_class():
    data = table("two classes")
    explainer = fitted(logistic(), data)
    got = group_influence(explainer, [data[1] == "yes"], *data[2:4], method="first_order")
    assert np.isfinite(got).all()


def test_a_fisher_matrix_gives_no_newton_step():
    data = table("two classes")
    explainer = fitted(logistic(), data, curvature="empirical_fisher")
    for method in ("newton_step", "second_order"):
        with pytest.raises(ValueError, match=r'made of second derivatives.*curvature="hessian"'):
            group_influence(explainer, GROUPS, *data[2:4], method=method)
    values = group_influence(explainer, GROUPS, *data[2:4], method="auto")
    expected = group_influence(explainer, GROUPS, *data[2:4], method="first_order")
    np.testing.assert_array_equal(values, expected)


def test_the_table_has_a_line_for_each_group():
    pd = pytest.importorskip("pandas")
    X, y, X_test, y_test, _ = table("two classes")
    X = pd.DataFrame(X, columns=list("pqrs"))
    explainer = InfluenceExplainer(logistic()).fit(X, y)
    given = {"few": [1, 2], "many": range(3, 20)}
    frame = group_table(explainer, given, pd.DataFrame(X_test, columns=list("pqrs")), y_test)
    values = group_influence(explainer, given, pd.DataFrame(X_test, columns=list("pqrs")), y_test)
    assert frame["group"].tolist() == ["few", "many"]
    assert frame["n_rows"].tolist() == [2, 17]
    np.testing.assert_array_equal(frame["influence"], values.mean(axis=0))
    np.testing.assert_array_equal(frame["share_positive"], (values > 0).mean(axis=0))
