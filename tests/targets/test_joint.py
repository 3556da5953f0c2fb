"""Influence on one number of many test rows, against refits of the scikit-learn estimator."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import expit
from sklearn.base import clone
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.multioutput import ClassifierChain

from skinfluence import InfluenceExplainer
from skinfluence.groups import group_influence, most_influential_group
from skinfluence.selection import relative_influence
from skinfluence.targets import (
    AUROC,
    AveragePrecision,
    CalibrationError,
    JointTarget,
    Mean,
    WeightedSum,
)

rng = np.random.default_rng(8)
N = 40
X, X_TEST = rng.normal(size=(N, 3)), rng.normal(size=(30, 3))
BETA = np.array([1.0, -1.0, 0.5])
VALUES, VALUES_TEST = X @ BETA + rng.normal(size=N), X_TEST @ BETA
CLASSES, CLASSES_TEST = VALUES > 0, VALUES_TEST + rng.logistic(size=30) > 0
EXACT = LogisticRegression(solver="newton-cholesky", tol=1e-12, max_iter=200)


class Gap(JointTarget):
    """Difference of the mean probability of the second class between two groups of test rows."""

    def __init__(self, group):
        self.group = group

    def value(self, raw):
        p = expit(raw[:, 0])
        return p[self.group].mean() - p[~self.group].mean()

    def gradient(self, raw):
        p = expit(raw[:, 0])
        weight = np.where(self.group, 1.0 / self.group.sum(), -1.0 / (~self.group).sum())
        return (weight * p * (1.0 - p))[:, None]


GROUP = X_TEST[:, 1] > 0


def area(model):
    scores = model.decision_function(X_TEST)
    return expit((scores[CLASSES_TEST, None] - scores[~CLASSES_TEST]) / 0.1).mean()


def loss(model):
    return -model.predict_log_proba(X_TEST)[np.arange(30), CLASSES_TEST.astype(int)].mean()


def gap(model):
    p = model.predict_proba(X_TEST)[:, 1]
    return p[GROUP].mean() - p[~GROUP].mean()


PAIR = np.array([[0.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
# estimator, training labels, test rows, their labels, target, value of a scikit-learn model
QUESTIONS = {
    "mean loss": (EXACT, CLASSES, X_TEST, CLASSES_TEST, Mean("loss"), loss),
    "AUROC": (EXACT, CLASSES, X_TEST, CLASSES_TEST, AUROC(), area),
    "a gap of the user": (EXACT, CLASSES, X_TEST, None, Gap(GROUP), gap),
    "a coefficient": (
        Ridge(), VALUES, PAIR, None, WeightedSum("predict", [-1, 1]), lambda m: m.coef_[1],
    ),
    "mean squares": (
        LinearRegression(), VALUES, X_TEST, VALUES_TEST, Mean(),
        lambda m: 0.5 * ((m.predict(X_TEST) - VALUES_TEST) ** 2).mean(),
    ),
}  # fmt: skip


def refitted(model, y, weights):
    return clone(model).fit(X, y, sample_weight=weights)


@pytest.mark.parametrize("name", QUESTIONS)
def test_refits_are_those_of_the_estimator(name):
    model, y, *test, target, value = QUESTIONS[name]
    explainer = InfluenceExplainer(model).fit(X, y)
    got = explainer.influence(*test, target=target, method="refit", rows=range(12))
    before = value(refitted(model, y, np.ones(N)))
    want = [value(refitted(model, y, np.arange(N) != i)) - before for i in range(12)]
    assert got.shape == (1, 12)
    assert_allclose(got[0], want, rtol=1e-6, atol=1e-8 * np.abs(want).max())


@pytest.mark.parametrize("name", QUESTIONS)
def test_first_order_is_the_derivative_of_refits(name):
    model, y, *test, target, value = QUESTIONS[name]
    got = InfluenceExplainer(model).fit(X, y).influence(*test, target=target, method="first_order")
    h, want = 1e-3, []
    for i in range(12):
        unit = h * (np.arange(N) == i)
        less, more = (value(refitted(model, y, 1 + s * unit)) for s in (-1, 1))
        want.append((less - more) / (2 * h))
    assert got.shape == (1, N)
    assert_allclose(got[0, :12], want, rtol=1e-4, atol=1e-5 * np.abs(want).max())


@pytest.mark.parametrize("method", ["first_order", "newton_step"])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_influence_on_a_mean_is_the_mean_of_the_influences(n_classes, method):
    y = np.digitize(VALUES, [-0.5, 0.5][: n_classes - 1])
    explainer = InfluenceExplainer(LogisticRegression(class_weight="balanced")).fit(X, y)
    y_test = y[:30]
    each = explainer.influence(X_TEST, y_test, method=method)
    found = explainer.influence(X_TEST, y_test, target=Mean("loss"), method=method)
    assert_allclose(found, each.mean(axis=0, keepdims=True), rtol=1e-9, atol=1e-15)
    rows, values = explainer.top_influences(X_TEST, y_test, target=Mean("loss"), method=method, k=3)
    order = np.argsort(-np.abs(found[0]), kind="stable")[:3]
    assert rows.tolist() == [order.tolist()]
    assert_allclose(values[0], found[0, order])


@pytest.mark.parametrize("method", ["first_order", "second_order", "newton_step", "refit"])
def test_groups_move_a_mean_by_the_mean_of_what_they_move(method):
    explainer = InfluenceExplainer(EXACT).fit(X, CLASSES)
    test, groups = (X_TEST, CLASSES_TEST), [range(4), [7], range(20, 30)]
    each = group_influence(explainer, groups, *test, method=method)
    found = group_influence(explainer, groups, *test, target=Mean("loss"), method=method)
    assert_allclose(found, each.mean(axis=0, keepdims=True), rtol=1e-9)


def test_relative_influence_on_a_mean_is_the_mean_of_relative_influences():
    explainer = InfluenceExplainer(EXACT).fit(X, CLASSES)
    each = relative_influence(explainer, X_TEST, CLASSES_TEST)
    found = relative_influence(explainer, X_TEST, CLASSES_TEST, target=Mean("loss"))
    assert_allclose(found, each.mean(axis=0, keepdims=True), rtol=1e-9)


def test_the_group_that_lowers_the_area_most_is_confirmed_by_its_refit():
    explainer = InfluenceExplainer(EXACT).fit(X, CLASSES)
    found = most_influential_group(
        explainer, X_TEST, CLASSES_TEST, target=AUROC(), n_rows=3, direction="decrease"
    )
    without = refitted(EXACT, CLASSES, ~np.isin(np.arange(N), found.rows))
    assert found.change < 0
    assert_allclose(found.refit(), area(without) - area(refitted(EXACT, CLASSES, None)), rtol=1e-5)


REFUSED = {
    "a table for each row": (lambda e, t: e.explain(*t, target=Mean("loss")), "Use top_influences"),
    "no labels": (lambda e, t: e.influence(t[0], target=AUROC()), "needs y_test"),
    "one class": (lambda e, t: e.influence(t[0], [True] * 30, target=AUROC()), "one class only"),
    "negative temperature": (lambda e, t: e.influence(*t, target=AUROC(-1.0)), "temperature=-1.0"),
    "two weights": (
        lambda e, t: e.influence(*t, target=WeightedSum("loss", [1, 2])), r"expected \(30,\)",
    ),
    "labels that are not read": (lambda e, t: e.influence(*t, target=Gap(GROUP)), "no y_test"),
    "a class of targets": (lambda e, t: e.influence(*t, target=Mean), "is not known"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_means_nothing_is_refused(case):
    ask, message = REFUSED[case]
    explainer = InfluenceExplainer(EXACT).fit(X, CLASSES)
    with pytest.raises(ValueError, match=message):
        ask(explainer, (X_TEST, CLASSES_TEST))


@pytest.mark.parametrize("target", [AUROC(), AveragePrecision(), CalibrationError()])
def test_two_labels_a_row_are_not_two_classes(target):
    chain = ClassifierChain(LogisticRegression())
    explainer = InfluenceExplainer(chain).fit(X, np.c_[CLASSES, ~CLASSES].astype(int))
    both = np.c_[CLASSES_TEST, ~CLASSES_TEST].astype(int)
    with pytest.raises(ValueError, match="for classifiers of two classes"):
        explainer.influence(X_TEST, both, target=target)
