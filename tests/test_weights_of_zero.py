"""Rows of weight zero: removing or relabelling them does what scikit-learn's own refit says."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifier

from skinfluence import InfluenceExplainer
from skinfluence.groups import group_influence
from skinfluence.perturbation import relabel_influence
from skinfluence.targets import DecisionValue

X, Y = load_iris(return_X_y=True)
KEPT = np.r_[0:25, 50:70, 120, 121]  # 45 and 46 are all rows of class 2
X_TRAIN, Y_TRAIN, ALL = X[KEPT], Y[KEPT], np.arange(47)
X_TEST, Y_TEST = X[30:50:4], np.full(5, 1)
RIDGE, BALANCED = RidgeClassifier(), RidgeClassifier(class_weight="balanced")
LOGISTIC = LogisticRegression(class_weight="balanced", tol=1e-12, solver="newton-cholesky")
METHODS = ("newton_step", "refit")


def explained(model, *without_weight):
    weight = np.linspace(0.5, 1.5, 47)
    weight[list(without_weight)] = 0.0
    return InfluenceExplainer(model).fit(X_TRAIN, Y_TRAIN, sample_weight=weight), weight


def refitted(model, weight, kept=ALL, y=Y_TRAIN):
    """Decision values of class 1 by scikit-learn's own refit."""
    refit = clone(model).fit(X_TRAIN[kept], y[kept], sample_weight=weight[kept])
    return refit.decision_function(X_TEST)[:, 1]


def answers(explainer, group, method):
    """The effect on those of removing a group; a single row by each of the ways there are."""
    asked = {"target": DecisionValue(1), "method": method}
    yield group_influence(explainer, [group], X_TEST, **asked)[:, 0]
    if len(group) == 1:
        yield explainer.influence(X_TEST, rows=group, **asked)[:, 0]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "model", [RIDGE, BALANCED, LOGISTIC], ids=["ridge", "balanced", "logistic"]
)
def test_their_removal_and_new_labels_do_what_the_refit_says(model, method):
    explainer, weight = explained(model, 0, 1)
    before = refitted(model, weight)
    rtol = 0.02 if model is LOGISTIC and method == "newton_step" else 1e-7
    for group in ([0], [0, 1], [0, 30]):
        expected = refitted(model, weight, np.setdiff1d(ALL, group)) - before
        for got in answers(explainer, group, method):
            if group == [0, 30] and rtol > 0.01:
                continue  # a row of some weight: one step is not the refit
            assert_allclose(got, expected, rtol=rtol, atol=1e-8)
            assert model is not RIDGE or len(group) > 1 or not got.any()
    asked = {"target": DecisionValue(1), "method": method}
    got = relabel_influence(explainer, X_TEST, None, 1, rows=[0], **asked)[:, 0]
    expected = refitted(model, weight, y=np.where(ALL == 0, 1, Y_TRAIN)) - before
    assert_allclose(got, expected, rtol=rtol, atol=1e-8)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("model", [RIDGE, BALANCED], ids=["ridge", "balanced"])
def test_least_squares_keeps_a_class_whose_rows_have_no_weight(model, method):
    explainer, weight = explained(model, 46)
    expected = refitted(model, weight, ALL != 45) - refitted(model, weight)
    for got in answers(explainer, [45], method):
        assert_allclose(got, expected, rtol=1e-7)
    assert np.isfinite(explainer.self_influence(method)).all()
    got = relabel_influence(
        explainer, X_TEST, None, 1, rows=[45], target=DecisionValue(1), method=method
    )
    expected = refitted(model, weight, y=np.where(ALL == 45, 1, Y_TRAIN)) - refitted(model, weight)
    assert_allclose(got[:, 0], expected, rtol=1e-7)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "model", [RIDGE, BALANCED, LogisticRegression(fit_intercept=False)], ids=str
)
def test_the_only_row_of_a_class_is_so_whatever_its_weight(model, method):
    """Without its label scikit-learn fits a model of fewer classes."""
    rows = ALL[:46]
    weight = np.where(rows == 45, 0.0, 1.0)
    explainer = InfluenceExplainer(model).fit(X_TRAIN[rows], Y_TRAIN[rows], sample_weight=weight)
    with pytest.warns(RuntimeWarning, match=r"\[45\] are the only one of their class"):
        got = explainer.influence(X_TEST, Y_TEST, method=method)
    with pytest.warns(RuntimeWarning, match="1 of 2 groups are NaN"):
        groups = group_influence(explainer, [[3], [45, 7]], X_TEST, Y_TEST, method=method)
    with pytest.warns(RuntimeWarning, match=r"\(rows \[45\]\)"):
        labels = relabel_influence(explainer, X_TEST, Y_TEST, 0, rows=[3, 45], method=method)
    with pytest.warns(RuntimeWarning, match=r"\[45\]"):
        own = explainer.self_influence(method)
    assert_array_equal(np.isnan(own), rows == 45)
    for answer in (got[:, [3, 45]], groups, labels):
        assert_array_equal(np.isnan(answer), np.tile([False, True], (5, 1)))


def test_without_any_weight_there_is_no_refit():
    explainer, _ = explained(Ridge(), *range(1, 47))
    for method in METHODS:
        with pytest.warns(RuntimeWarning, match=r"\[0\]"):
            assert np.isnan(explainer.influence(X_TEST, rows=[0], method=method)).all()
        with pytest.warns(RuntimeWarning, match="1 of 1 groups are NaN"):
            assert np.isnan(group_influence(explainer, [[0, 5]], X_TEST, method=method)).all()


@pytest.mark.parametrize("row", [0, 30])
def test_first_order_is_the_derivative_in_how_much_of_the_row_is_there(row):
    """Where "balanced" counts rows, what leaves is a part of the count and of the weight."""
    explainer, weight = explained(BALANCED, 0)
    got = explainer.influence(X_TEST, rows=[row], method="first_order", target=DecisionValue(1))

    def at(there):
        share = np.where(ALL == row, there, 1.0)
        counts = np.bincount(Y_TRAIN, share)
        model = RidgeClassifier(class_weight=dict(enumerate(counts.sum() / (3 * counts))))
        return refitted(model, weight * share)

    h = 1e-3
    slope = (8.0 * (at(1 + h) - at(1 - h)) - (at(1 + 2 * h) - at(1 - 2 * h))) / (12.0 * h)
    assert np.abs(slope).max() > 1e-5
    assert_allclose(got[:, 0], -slope, rtol=1e-7)
