"""The greedy search against brute force, and its updates against whole Newton steps."""

from itertools import combinations

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, Ridge, RidgeClassifier

from skinfluence import InfluenceExplainer
from skinfluence.groups import group_influence, most_influential_group
from skinfluence.svm import SmoothHingeSVC
from tests._compare import assert_normwise
from tests.adapters._cases import COUNTS_ARE_WEIGHTED
from tests.groups._tables import logistic, refitted_changes, table

MODELS = {
    "ridge": (Ridge(0.7), "values", {}),
    "ridge classifier": (RidgeClassifier(0.7), "three classes", {}),
    "logistic": (logistic(), "two classes", {}),
    "damped": (logistic(), "two classes", {"damping": 0.05}),
    "multinomial": (logistic(C=0.5), "three classes", {}),
    "smooth hinge, three": (SmoothHingeSVC(temperature=0.5), "three classes", {}),
    "balanced": (logistic(class_weight="balanced"), "three classes", {}),
    "mean": (Ridge(2.0), "values", {"penalty_scaling": "mean"}),
    "iterative": (logistic(), "two classes", {"solver": "cg"}),
}
every_model = pytest.mark.parametrize("name", MODELS)


def fitted(name, weighted=True):
    estimator, kind, settings = MODELS[name]
    data = table(kind)
    if name == "balanced" and not COUNTS_ARE_WEIGHTED:
        weighted = False
    explainer = InfluenceExplainer(estimator, **settings)
    return explainer.fit(data[0], data[1], sample_weight=data[4] if weighted else None), data


@pytest.mark.parametrize("target", ["loss", "decision"])
@every_model
def test_the_path_is_the_newton_step_of_each_prefix(name, target):
    explainer, data = fitted(name)
    asked = {"y_test": data[3]}
    if target == "decision":
        known = "predict" if MODELS[name][1] == "values" else "decision_function"
        asked = {"target": known}
    found = most_influential_group(explainer, data[2], n_rows=9, **asked)
    for group in (found, found.additive):
        prefixes = [group.rows[: i + 1] for i in range(9)]
        whole = group_influence(explainer, prefixes, data[2], **asked, method="newton_step")
        rtol = 1e-4 if name == "iterative" else 1e-9
        assert_normwise(group.path, whole.mean(axis=0), rtol)
        assert group.change == group.path[-1]
        first = group_influence(explainer, [group.rows], data[2], **asked, method="first_order")
        np.testing.assert_allclose(group.first_order, first.mean(), rtol=1e-3)


@every_model
def test_the_first_row_is_that_of_the_largest_newton_step(name):
    explainer, data = fitted(name)
    values = group_influence(
        explainer, np.arange(len(data[0])), data[2][:1], data[3][:1], method="newton_step"
    )[0]
    for direction, best in (("increase", values.argmax()), ("decrease", values.argmin())):
        found = most_influential_group(
            explainer, data[2][:1], data[3][:1], n_rows=1, direction=direction
        )
        assert found.rows.tolist() == [best]


def small(kind, seed):
    X, y, X_test, y_test, _ = table(kind, seed)
    return X[:16, :3], y[:16], X_test[:, :3], y_test


@pytest.mark.filterwarnings("ignore:1 of 560 groups are NaN")  # the three rows of a class
@pytest.mark.parametrize(
    ("kind", "size"), [("values", 2), ("values", 3), ("two classes", 3), ("three classes", 2)]
)
def test_greedy_is_near_the_best_of_all_groups_and_no_worse_than_adding_up(kind, size):
    """On four tables each: the best by brute force over all groups of that size."""
    model = LinearRegression() if kind == "values" else logistic()
    ratios, wins = [], 0
    for seed in range(4):
        X, y, X_test, y_test = small(kind, seed)
        explainer = InfluenceExplainer(model).fit(X, y)
        groups = [list(c) for c in combinations(range(16), size)]
        values = group_influence(explainer, groups, X_test[:1], y_test[:1], method="newton_step")[0]
        found = most_influential_group(
            explainer, X_test[:1], y_test[:1], n_rows=size, direction="increase"
        )
        ratios.append(found.change / np.nanmax(values))
        wins += found.change >= found.additive.change - 1e-12
    assert max(ratios) <= 1.0 + 1e-9
    assert sum(ratio > 0.9999 for ratio in ratios) >= 2
    assert min(ratios) > 0.8
    assert wins >= 3


def test_the_refit_is_that_of_scikit_learn():
    explainer, data = fitted("logistic", weighted=False)
    found = most_influential_group(explainer, data[2], data[3], n_rows=5)
    truth = refitted_changes(logistic(), data, [found.rows, found.additive.rows]).mean(axis=0)
    np.testing.assert_allclose([found.refit(), found.additive.refit()], truth, rtol=1e-6)


def test_for_squared_error_the_prediction_is_the_refit():
    explainer, data = fitted("ridge", weighted=False)
    found = most_influential_group(explainer, data[2], data[3], n_rows=20)
    np.testing.assert_allclose(found.change, found.refit(), rtol=1e-9)
    np.testing.assert_allclose(
        found.change, refitted_changes(Ridge(0.7), data, [found.rows]).mean(), rtol=1e-9
    )


def test_twins_are_found_together_where_their_sum_is_not():
    """Two rows hold up a prediction that either of them alone would hold up as well."""
    rng = np.random.default_rng(0)
    x = np.r_[rng.standard_normal(30), 12.0, 12.0]
    y = np.r_[rng.standard_normal(30), 12.0, 12.0]
    explainer = InfluenceExplainer(LinearRegression()).fit(x[:, None], y)
    found = most_influential_group(explainer, [[12.0]], n_rows=2, direction="decrease")
    assert sorted(found.rows) == [30, 31]
    assert (
        found.change < 4.0 * found.path[0]
    )  # the second twin adds more than three times the first
    assert abs(found.first_order) < 0.3 * abs(found.change)


def test_either_direction_takes_the_larger_change():
    explainer, data = fitted("ridge")
    asked = {"X_test": data[2][:1], "y_test": data[3][:1], "n_rows": 4}
    up, down, either = (
        most_influential_group(explainer, **asked, direction=d)
        for d in ("increase", "decrease", "either")
    )
    assert up.change > 0.0 > down.change
    larger = up if abs(up.change) > abs(down.change) else down
    np.testing.assert_array_equal(either.rows, larger.rows)


def test_the_last_row_of_a_class_stays():
    X, y, X_test, _, _ = table("two classes")
    y = np.where(np.arange(len(y)) < 3, "yes", "no")
    explainer = InfluenceExplainer(logistic()).fit(X, y)
    found = most_influential_group(explainer, X_test, ["yes"] * 7, n_rows=57)
    for group in (found, found.additive):
        assert set(y[np.setdiff1d(np.arange(60), group.rows)]) == {"yes", "no"}


def test_rows_of_weight_zero_are_never_found():
    X, y, X_test, y_test, weights = table("values")
    weights[::2] = 0.0
    explainer = InfluenceExplainer(Ridge()).fit(X, y, sample_weight=weights)
    found = most_influential_group(explainer, X_test, y_test, n_rows=29)
    assert not set(found.rows) & set(range(0, 60, 2))


def test_rows_of_leverage_one_are_never_found():
    X, y, X_test, y_test, _ = table("values")
    X = np.column_stack([X, np.arange(60) == 7])
    X_test = np.column_stack([X_test, np.zeros(7)])
    explainer = InfluenceExplainer(LinearRegression()).fit(X, y)
    found = most_influential_group(explainer, X_test, y_test, n_rows=30)
    assert np.isfinite(found.path).all()
    assert 7 not in found.rows


def test_where_nothing_helps_nothing_is_found():
    """A prediction that no training row has a part in."""
    X, y, *_ = table("values")
    explainer = InfluenceExplainer(Ridge(fit_intercept=False)).fit(X, y)
    found = most_influential_group(explainer, np.zeros((1, 4)))
    assert found.rows.tolist() == []
    assert found.change == 0.0
    assert found.refit() == 0.0


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"n_rows": 0}, "n_rows=0. Expected a whole number, at least 1"),
        ({"n_rows": 2.5}, r"n_rows=2.5. Expected a whole number"),
        ({"n_rows": True}, r"n_rows=True. Expected a whole number"),
        ({"direction": "up"}, "direction='up' is not known. Expected one of"),
        ({"target": "x"}, "target='x' is not known"),
    ],
    ids=str,
)
def test_questions_that_mean_nothing_are_refused(changed, message):
    explainer, data = fitted("ridge")
    with pytest.raises(ValueError, match=message):
        most_influential_group(explainer, data[2], data[3], **changed)


def test_a_fisher_matrix_is_refused():
    X, y, X_test, y_test, _ = table("two classes")
    explainer = InfluenceExplainer(logistic(), curvature="empirical_fisher").fit(X, y)
    with pytest.raises(ValueError, match="made of second derivatives"):
        most_influential_group(explainer, X_test, y_test)


def test_only_an_explainer_is_asked():
    with pytest.raises(TypeError, match="explainer is str"):
        most_influential_group("explainer", [[1.0]])
