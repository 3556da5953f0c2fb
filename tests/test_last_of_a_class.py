"""The only row of a class: without it another model would be fitted, and every task says so."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifier

from skinfluence import InfluenceExplainer
from skinfluence.groups import group_influence
from skinfluence.metrics import group_concordance, linear_datamodeling_score, loo_concordance
from skinfluence.selection import relative_influence

X, Y = load_iris(return_X_y=True)
KEPT = np.r_[0:30, 50:80, 120]  # row 60 is the only one of class 2
X_TRAIN, Y_TRAIN, ALONE = X[KEPT], Y[KEPT], 60
X_TEST, Y_TEST = X[30:50], Y[30:50]
METHODS = ("newton_step", "refit")
TOLD = r"Training row\(s\) \[60\] are the only one of their class"

ESTIMATORS = {
    "multinomial": LogisticRegression(C=0.5, max_iter=1000),
    "balanced": LogisticRegression(C=0.5, class_weight="balanced", max_iter=1000),
    "ridge": RidgeClassifier(),
}


def explained(name="multinomial", weight=None, **settings):
    model = ESTIMATORS[name]
    return InfluenceExplainer(model, **settings).fit(X_TRAIN, Y_TRAIN, sample_weight=weight)


@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.parametrize("method", METHODS)
def test_its_influence_is_nan_as_that_of_the_group_of_it_alone(name, method):
    explainer = explained(name)
    with pytest.warns(RuntimeWarning, match=TOLD) as caught:
        got = explainer.influence(X_TEST, Y_TEST, method=method)
    assert len(caught) == 1
    assert np.isnan(got[:, ALONE]).all()
    with pytest.warns(RuntimeWarning, match="1 of 3 groups are NaN"):
        groups = group_influence(explainer, [[0], [ALONE], [40]], X_TEST, Y_TEST, method=method)
    assert_allclose(got[:, [0, ALONE, 40]], groups, rtol=1e-6, atol=1e-9)
    assert np.isfinite(np.delete(got, ALONE, axis=1)).all()


@pytest.mark.parametrize("name", ESTIMATORS)
def test_first_order_describes_the_model_as_it_is_and_stays_finite(name):
    explainer = explained(name)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        got = explainer.influence(X_TEST, Y_TEST, method="first_order")
        groups = group_influence(explainer, [[ALONE]], X_TEST, Y_TEST, method="first_order")
    assert_allclose(got[:, [ALONE]], groups, rtol=1e-8, atol=1e-12)
    assert np.isfinite(explainer.self_influence("first_order")).all()
    assert np.isfinite(relative_influence(explainer, X_TEST, Y_TEST)).all()


def test_other_rows_are_as_if_it_were_not_asked_about():
    explainer, others = explained(), np.arange(60)
    for method in METHODS:
        with pytest.warns(RuntimeWarning, match=TOLD):
            every = explainer.influence(X_TEST, Y_TEST, method=method)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            some = explainer.influence(X_TEST, Y_TEST, method=method, rows=others)
        assert_allclose(every[:, :60], some, rtol=1e-8, atol=1e-12)


def test_two_classes_of_which_one_is_left_have_no_refit():
    rows = np.r_[0:30, 50]
    model = LogisticRegression()
    explainer = InfluenceExplainer(model).fit(X[rows], Y[rows])
    with pytest.raises(ValueError, match="class"):  # scikit-learn agrees
        LogisticRegression().fit(X[rows[:-1]], Y[rows[:-1]])
    for method in METHODS:
        with pytest.warns(RuntimeWarning, match=r"Training row\(s\) \[30\]"):
            assert np.isnan(explainer.influence(X_TEST, Y_TEST, method=method)[:, 30]).all()


@pytest.mark.parametrize("method", METHODS)
def test_the_other_questions_about_its_removal_are_nan_too(method):
    explainer = explained(method=method)
    with pytest.warns(RuntimeWarning, match=TOLD) as caught:
        own = explainer.self_influence()
    assert len(caught) == 1
    with pytest.warns(RuntimeWarning, match=TOLD):
        moved = explainer.coef_influence()
    with pytest.warns(RuntimeWarning, match=TOLD):
        left_out = explainer.leave_one_out_raw_predictions()
    for answer in (own[:, None], moved, left_out):
        assert_array_equal(np.isnan(answer).all(axis=1), np.arange(61) == ALONE)
        assert_array_equal(np.isnan(answer).any(axis=1), np.arange(61) == ALONE)
    with pytest.warns(RuntimeWarning, match=TOLD):
        table = explainer.diagnostics()
    assert_array_equal(np.isnan(table["leave_one_out_loss"]), np.arange(61) == ALONE)
    assert np.isfinite(table["loss"]).all()


def test_it_is_not_among_the_strongest_rows():
    explainer = explained()
    with pytest.warns(RuntimeWarning, match=TOLD):
        indices, values = explainer.top_influences(X_TEST, Y_TEST, k=61)
    assert ALONE not in indices
    assert (indices[:, -1] == -1).all()
    assert np.isfinite(values[:, :-1]).all()
    with pytest.warns(RuntimeWarning, match=TOLD):
        assert np.isfinite(explainer.explain(X_TEST, Y_TEST)[0].share).all()


def test_rows_of_weight_zero_hold_no_class():
    rows = np.r_[KEPT, 121]
    weight = np.ones(62)
    weight[61] = 0.0
    explainer = InfluenceExplainer(ESTIMATORS["multinomial"]).fit(X[rows], Y[rows], weight)
    with pytest.warns(RuntimeWarning, match=TOLD):
        got = explainer.influence(X_TEST, Y_TEST)
    assert np.isnan(got[:, 60]).all()
    assert_array_equal(got[:, 61], 0.0)


def test_a_class_of_two_rows_loses_either():
    rows = np.r_[KEPT, 121]
    explainer = InfluenceExplainer(ESTIMATORS["multinomial"]).fit(X[rows], Y[rows])
    assert np.isfinite(explainer.influence(X_TEST, Y_TEST)).all()


def test_values_are_no_classes():
    explainer = InfluenceExplainer(Ridge()).fit(X_TRAIN, np.r_[np.zeros(60), 7.0])
    assert np.isfinite(explainer.influence(X_TEST, np.zeros(20), method="refit")).all()


def test_scores_leave_it_out():
    explainer, labels = explained(), np.r_[Y_TEST, 1, 1]
    test = np.r_[X_TEST, X[80:82]]
    assert loo_concordance(explainer, test, labels, n_rows=60) > 0.99
    assert np.isfinite(explainer.score(test, labels))


def test_scores_of_groups_know_of_it_only_where_it_is():
    explainer = explained()
    test, labels = np.r_[X_TEST, X[80:90]], np.r_[Y_TEST, Y[80:90]]
    assert linear_datamodeling_score(explainer, test, labels, n_subsets=5) > 0.5
    assert np.isfinite(group_concordance(explainer, test, labels, n_groups=5, fraction=0.1))
