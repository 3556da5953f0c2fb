"""The fewest rows that move a functional, against refits of the scikit-learn estimator."""

from itertools import combinations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.base import clone
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.metrics import roc_auc_score

from skinfluence import InfluenceExplainer
from skinfluence.functionals import Coefficient, TValue, functional_value, smallest_set
from skinfluence.targets import EqualOpportunityGap, FunctionTarget

rng = np.random.default_rng(11)
N = 100
X = rng.normal(size=(N, 4))
VALUES = X @ [1.0, -1.0, 0.5, 0.12] + rng.normal(size=N)
LABELS = VALUES + rng.logistic(size=N) > 0
X_TEST, GROUPS = rng.normal(size=(80, 4)), np.arange(80) % 2
LABELS_TEST = X_TEST @ [1.0, -1.0, 0.5, 0.0] + rng.logistic(size=80) > 0
LOGISTIC = LogisticRegression(solver="newton-cholesky", tol=1e-12, max_iter=300)


def without(model, y, rows):
    left = np.delete(np.arange(len(y)), rows)
    return clone(model).fit(X[: len(y)][left], y[left])


@pytest.mark.parametrize(
    ("model", "y"), [(LinearRegression(), VALUES), (Ridge(2.0), VALUES), (LOGISTIC, LABELS)]
)
def test_a_coefficient_changes_its_sign_by_a_refit(model, y):
    found = smallest_set(InfluenceExplainer(model).fit(X, y), Coefficient("x3"))
    refitted = without(model, y, found.rows).coef_.ravel()[3]
    assert_allclose(refitted, found.new_value, rtol=1e-5)
    assert np.sign(refitted) == -np.sign(found.value)
    assert np.sign(without(model, y, found.rows[:-1]).coef_.ravel()[3]) == np.sign(found.value)
    assert 0 < found.size == len(found.rows) <= found.additive.size
    assert "coefficient of x3 goes from" in repr(found)
    assert "By sums of influences" in repr(found)


def test_a_t_value_loses_its_significance():
    sm = pytest.importorskip("statsmodels.api")
    explainer = InfluenceExplainer(LinearRegression()).fit(X, VALUES)
    before = functional_value(explainer, TValue("x2"))
    found = smallest_set(explainer, TValue("x2"), to=1.96)
    assert before > 1.96
    left = np.delete(np.arange(N), found.rows)
    refitted = sm.OLS(VALUES[left], sm.add_constant(X[left])).fit().tvalues[3]
    assert_allclose(refitted, found.new_value, rtol=1e-9)
    assert refitted < 1.96
    assert found.size == found.predicted_size  # exact for squared error
    assert found.size <= found.additive.size


def test_no_smaller_set_exists_on_a_small_table():
    y = VALUES[:14]
    found = smallest_set(InfluenceExplainer(LinearRegression()).fit(X[:14], y), TValue(3), to=0)
    sign = np.sign(found.value)
    least = next(
        size
        for size in range(1, 14)
        if any(
            np.sign(without(LinearRegression(), y, rows).coef_[3]) == -sign
            for rows in combinations(range(14), size)
        )
    )
    assert found.size == least


@pytest.mark.parametrize("change", [-0.01, 0.004])
def test_an_area_moves_by_the_given_amount(change):
    explainer = InfluenceExplainer(LOGISTIC).fit(X, LABELS)
    found = smallest_set(explainer, "roc_auc", X_TEST, LABELS_TEST, change=change)
    scores = without(LOGISTIC, LABELS, found.rows).decision_function(X_TEST)
    after = roc_auc_score(LABELS_TEST, scores)
    assert_allclose(after, found.new_value, rtol=1e-12)
    assert abs(after - found.value) > abs(change)
    assert np.sign(after - found.value) == np.sign(change)


def test_a_gap_between_groups_closes():
    explainer = InfluenceExplainer(LOGISTIC).fit(X, LABELS)
    gap = EqualOpportunityGap(GROUPS)
    found = smallest_set(explainer, gap, X_TEST, LABELS_TEST, change=-0.05)
    assert found.size is not None
    again = InfluenceExplainer(LOGISTIC).fit(
        np.delete(X, found.rows, axis=0), np.delete(LABELS, found.rows)
    )
    high, low = found.name.split(", ")[1].split(" minus ")
    pair = EqualOpportunityGap(GROUPS, between=(int(high), int(low)))
    after = functional_value(again, pair, X_TEST, LABELS_TEST)
    assert_allclose(after, found.new_value, rtol=1e-6)
    assert after < found.value - 0.05


def test_what_no_set_reaches_is_said():
    explainer = InfluenceExplainer(LOGISTIC).fit(X, LABELS)
    found = smallest_set(explainer, Coefficient("x0"), to=-9.0, max_rows=3)
    assert (found.size, len(found.rows), found.new_value) == (None, 0, found.value)
    assert "does not cross -9" in repr(found)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"change": 0.0}, "change=0.0"),
        ({"change": 1.0, "to": 2.0}, "both given"),
        ({"to": np.inf}, "to=inf"),
        ({"max_rows": 0}, "max_rows=0"),
    ],
)
def test_bounds_that_mean_nothing_are_refused(asked, message):
    explainer = InfluenceExplainer(LOGISTIC).fit(X, LABELS)
    with pytest.raises(ValueError, match=message):
        smallest_set(explainer, Coefficient(0), **asked)


def test_a_functional_without_a_finite_value_is_refused():
    explainer = InfluenceExplainer(LOGISTIC).fit(X, LABELS)
    nothing = FunctionTarget(lambda raw: np.nan, np.zeros_like)
    with pytest.raises(ValueError, match="The functional is nan"):
        smallest_set(explainer, nothing, X_TEST)
