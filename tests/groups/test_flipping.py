"""Flipping sets against scikit-learn's own refits and against brute force."""

from itertools import combinations

import numpy as np
import pytest
from sklearn.linear_model import Ridge, RidgeClassifier

from skinfluence import InfluenceExplainer
from skinfluence.groups import smallest_flipping_set
from skinfluence.svm import SmoothHingeSVC
from skinfluence.testing._truth import fit_tightly
from tests.groups._tables import N_ROWS, logistic, table

MODELS = {
    "logistic": (logistic(), "two classes"),
    "multinomial": (logistic(), "three classes"),
    "ridge classifier": (RidgeClassifier(), "three classes"),
    "smooth hinge": (SmoothHingeSVC(temperature=0.3), "two classes"),
    "balanced": (logistic(class_weight="balanced"), "two classes"),
}
METHODS = ["newton_step", "first_order"]


def without(estimator, data, rows, weights=None):
    """The estimator refitted by scikit-learn without some rows."""
    X, y = data[:2]
    kept = np.setdiff1d(np.arange(len(y)), rows)
    weights = np.ones(len(y)) if weights is None else weights
    return fit_tightly(estimator, X[kept], y[kept], weights[kept])


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", MODELS)
def test_the_refitted_estimator_predicts_otherwise(name, method):
    estimator, kind = MODELS[name]
    data = table(kind)
    explainer = InfluenceExplainer(estimator).fit(*data[:2])
    found = smallest_flipping_set(explainer, data[2], method=method)
    assert len(found) == len(data[2])
    assert any(f.size is not None for f in found)
    for row, f in zip(data[2], found, strict=True):
        assert f.prediction == without(estimator, data, []).predict([row])[0]
        if f.size is None:
            assert (f.new_prediction, f.rows.size) == (f.prediction, 0)
            continue
        assert f.size == len(f.rows) == len(set(f.rows))
        assert f.new_prediction == without(estimator, data, f.rows).predict([row])[0]
        assert f.new_prediction != f.prediction
        # one row less of the same order is not enough
        assert without(estimator, data, f.rows[:-1]).predict([row])[0] == f.prediction


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", MODELS)
def test_what_was_expected_is_kept_and_checked(name, method):
    estimator, kind = MODELS[name]
    data = table(kind)
    explainer = InfluenceExplainer(estimator).fit(*data[:2])
    for row, f in zip(
        data[2], smallest_flipping_set(explainer, data[2], method=method), strict=True
    ):
        if f.predicted_size is None:
            assert (f.confirmed, f.predicted_rows.size) == (False, 0)
            continue
        assert f.predicted_size == len(f.predicted_rows)
        refitted = without(estimator, data, f.predicted_rows).predict([row])[0]
        assert f.confirmed == (refitted != f.prediction)


def test_sample_weights_go_into_search_and_refit():
    X, y, X_test, _, weights = table("two classes")
    explainer = InfluenceExplainer(logistic()).fit(X, y, sample_weight=weights)
    found = smallest_flipping_set(explainer, X_test)
    assert any(f.size is not None for f in found)
    for row, f in zip(X_test, found, strict=True):
        if f.size is not None:
            refitted = without(logistic(), (X, y), f.rows, weights)
            assert f.new_prediction == refitted.predict([row])[0] != f.prediction


def test_rows_are_added_until_the_refit_says_yes():
    data = table("three classes", seed=2)
    explainer = InfluenceExplainer(logistic()).fit(*data[:2])
    found = smallest_flipping_set(explainer, data[2])
    grown = [f for f in found if f.predicted_size and f.size and not f.confirmed]
    assert len(grown) == 2
    for f in grown:
        assert f.size > f.predicted_size
        np.testing.assert_array_equal(f.rows[: f.predicted_size], f.predicted_rows)


def test_rows_are_taken_back_where_fewer_are_enough():
    data = table("three classes")
    explainer = InfluenceExplainer(logistic()).fit(*data[:2])
    found = smallest_flipping_set(explainer, data[2], method="first_order")
    assert any(f.size < f.predicted_size for f in found if f.size and f.predicted_size)


@pytest.mark.parametrize("kind", ["two classes", "three classes"])
def test_no_smaller_set_exists_on_small_tables(kind):
    """Against scikit-learn's refits without every set of up to two rows."""
    X, y, X_test, _, _ = table(kind, seed=1)
    X, y = X[:12], y[:12]
    explainer = InfluenceExplainer(logistic()).fit(X, y)
    found = smallest_flipping_set(explainer, X_test, max_rows=3)
    least = np.full(len(X_test), 3)
    before = explainer.predict(X_test)
    for size in (2, 1):
        for group in combinations(range(12), size):
            if len(set(np.delete(y, group))) < len(set(y)):
                continue
            least[without(logistic(), (X, y), group).predict(X_test) != before] = size
    assert (least < 3).any()
    assert [f.size if f.size and f.size < 3 else 3 for f in found] == least.tolist()


def test_a_limit_is_kept():
    data = table("two classes")
    explainer = InfluenceExplainer(logistic()).fit(*data[:2])
    free = smallest_flipping_set(explainer, data[2])
    held = smallest_flipping_set(explainer, data[2], max_rows=3)
    assert any(f.size is not None and f.size > 3 for f in free)
    for f, g in zip(free, held, strict=True):
        if f.size is not None and f.size <= 3:
            np.testing.assert_array_equal(f.rows, g.rows)
        else:
            assert g.size is None


def test_by_default_at_most_a_quarter_of_the_rows_goes():
    data = table("two classes")
    explainer = InfluenceExplainer(logistic()).fit(*data[:2])
    far = data[2] * 100
    found = smallest_flipping_set(explainer, far)
    assert any(f.size is None for f in found)
    assert all(f.size <= N_ROWS // 4 for f in found if f.size is not None)


@pytest.mark.parametrize("method", METHODS)
def test_a_regressor_crosses_the_threshold(method):
    data = table("values")
    explainer = InfluenceExplainer(Ridge(0.7)).fit(*data[:2])
    found = smallest_flipping_set(explainer, data[2], threshold=0.5, method=method)
    assert any(f.size is not None for f in found)
    for row, f in zip(data[2], found, strict=True):
        if f.size is None:
            continue
        value = without(Ridge(0.7), data, f.rows).predict([row])[0]
        assert (value > 0.5) != (f.prediction > 0.5)
        np.testing.assert_allclose(f.new_prediction, value, rtol=1e-9)
        if method == "newton_step":  # exact for squared error
            assert (f.confirmed, f.size) == (True, f.predicted_size)


def test_a_class_is_never_emptied():
    """Without the two rows that alone say yes, nothing would be left to refit."""
    X, y, X_test, _, _ = table("two classes")
    y = np.where(np.arange(N_ROWS) < 2, "yes", "no")
    explainer = InfluenceExplainer(logistic(C=100.0)).fit(X, y)
    for method in METHODS:
        for f in smallest_flipping_set(explainer, np.r_[X[:2], X_test], method=method):
            assert not {0, 1} <= set(f.rows)


def test_a_refit_without_an_optimum_is_no_flip():
    """Without row 0 the classes are separable, and nothing penalises the coefficients."""
    x = np.array([2.0, -3.0, -2.0, -1.0, 1.0, 1.5, 3.0, 4.0])[:, None]
    y = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    explainer = InfluenceExplainer(logistic(C=np.inf)).fit(x, y)
    found = smallest_flipping_set(explainer, [[0.5], [1.0]], max_rows=5)
    assert found[0].predicted_rows.tolist() == [0]
    for f in found:
        assert not f.confirmed or 0 not in f.predicted_rows
        assert 0 not in f.rows


@pytest.mark.parametrize(
    ("kind", "changed", "message"),
    [
        ("values", {}, r"threshold=None; a regressor's prediction flips.*Pass threshold=0.0"),
        ("values", {"threshold": np.nan}, "crosses a finite number"),
        ("values", {"threshold": "high"}, "crosses a finite number"),
        ("two classes", {"threshold": 0.5}, "threshold=0.5 is for regressors"),
        ("two classes", {"method": "refit"}, "method='refit' is not known"),
        ("two classes", {"max_rows": 0}, "max_rows=0. Expected a whole number"),
        ("two classes", {"max_rows": 1.5}, "max_rows=1.5. Expected a whole number"),
        ("two classes", {"X_test": np.zeros((0, 4))}, "minimum of 1 is required"),
    ],
    ids=range(8),
)
def test_questions_that_mean_nothing_are_refused(kind, changed, message):
    X, y, X_test, _, _ = table(kind)
    explainer = InfluenceExplainer(Ridge() if kind == "values" else logistic()).fit(X, y)
    asked = {"X_test": X_test} | changed
    with pytest.raises(ValueError, match=message):
        smallest_flipping_set(explainer, **asked)


def test_several_values_a_row_are_refused():
    X, y, X_test, _, _ = table("values")
    explainer = InfluenceExplainer(Ridge()).fit(X, np.column_stack([y, y]))
    with pytest.raises(ValueError, match="predicts 2 values a row; expected one"):
        smallest_flipping_set(explainer, X_test, threshold=0.0)


def test_only_an_explainer_is_asked():
    with pytest.raises(TypeError, match="explainer is Ridge"):
        smallest_flipping_set(Ridge(), [[1.0]])
