"""What is explained, against the outputs of scikit-learn estimators that were really refitted."""

import copy

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression, Ridge

from skinfluence import InfluenceExplainer
from skinfluence.targets import TARGETS, DecisionValue, Probability

rng = np.random.default_rng(5)
N, ROWS = 60, np.arange(0, 60, 6)
X = rng.normal(size=(N, 3))
X_test = rng.normal(size=(5, 3))
scores = X @ rng.normal(size=(3, 3)) + rng.logistic(size=(N, 3))
three = np.array(["ant", "bee", "cat"])
exact = LogisticRegression(C=2.0, solver="newton-cholesky", tol=1e-12, max_iter=200)
DATA = {
    "binary": (exact, three[(scores[:, 0] > 0).astype(int)], three[[0, 1, 0, 1, 0]]),
    "multinomial": (exact, three[scores.argmax(axis=1)], three[[0, 1, 2, 1, 0]]),
    "regression": (Ridge(), scores[:, 0], rng.normal(size=5)),
    "multi-output": (Ridge(np.array([0.5, 1.0, 2.0])), scores, rng.normal(size=(5, 3))),
}
WHOLE = {kind: clone(model).fit(X, y) for kind, (model, y, _) in DATA.items()}


def codes(model, labels):
    return np.searchsorted(model.classes_, labels)


def loss(kind, model, labels):
    if kind in ("binary", "multinomial"):
        return -model.predict_log_proba(X_test)[np.arange(5), codes(model, labels)]
    error = model.predict(X_test) - labels
    return 0.5 * (error**2).reshape(5, -1).sum(axis=1)


def margin(model, labels=None):
    raw = model.decision_function(X_test)
    if raw.ndim == 1:  # positive speaks for the second class; unnamed it is explained as it is
        return raw if labels is None else np.where(codes(model, labels) == 1, raw, -raw)
    return (raw - raw.mean(axis=1, keepdims=True))[np.arange(5), codes(model, labels)]


def probability(model, labels):
    return model.predict_proba(X_test)[np.arange(5), codes(model, labels)]


def predicted(kind):
    return WHOLE[kind].predict(X_test)


# (kind of data, target, y_test of the question, what the model's own outputs make of it)
QUESTIONS = {}
for kind, (_, _, labels) in DATA.items():
    QUESTIONS[kind, "loss"] = ("auto", labels, lambda m, k=kind, y=labels: loss(k, m, y))
for kind in ("binary", "multinomial"):
    mine, each = predicted(kind), DATA[kind][2]
    for what, value in (("decision_function", margin), ("predict_proba", probability)):
        unnamed = None if (kind, what) == ("binary", "decision_function") else mine
        QUESTIONS[kind, what] = (what, None, lambda m, v=value, y=unnamed: v(m, y))
        of = TARGETS[what]
        QUESTIONS[kind, what + " of ant"] = (
            of("ant"), None, lambda m, v=value: v(m, np.repeat("ant", 5)),
        )  # fmt: skip
        QUESTIONS[kind, what + " of each"] = (of(each), None, lambda m, v=value, y=each: v(m, y))
    QUESTIONS[kind, "predict"] = ("auto", None, lambda m, k=kind, y=mine: loss(k, m, y))
for kind in ("regression", "multi-output"):
    QUESTIONS[kind, "predict"] = (
        "auto", None, lambda m: m.predict(X_test).reshape(5, -1).sum(axis=1),
    )  # fmt: skip


def ask(question, method):
    (kind, _), (target, y_test, value) = question, QUESTIONS[question]
    model, y, _ = DATA[kind]
    explainer = InfluenceExplainer(model).fit(X, y)
    return explainer.influence(X_test, y_test, target=target, method=method, rows=ROWS), value


def refitted(kind, row, weight):
    model, y, _ = DATA[kind]
    weights = np.ones(N)
    weights[row] = weight
    return clone(model).fit(X, y, sample_weight=weights)


@pytest.mark.parametrize("question", QUESTIONS, ids=" ".join)
def test_first_order_is_the_derivative_of_the_estimators_own_refit(question):
    got, value = ask(question, "first_order")
    h = 1e-3
    changes = [
        (value(refitted(question[0], r, 1 - h)) - value(refitted(question[0], r, 1 + h))) / (2 * h)
        for r in ROWS
    ]
    want = np.transpose(changes)
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6 * np.abs(want).max())


@pytest.mark.parametrize("question", QUESTIONS, ids=" ".join)
def test_refit_is_the_value_without_the_row_minus_with_it(question):
    got, value = ask(question, "refit")
    want = np.transpose([value(refitted(question[0], r, 0.0)) for r in ROWS])
    want = want - value(WHOLE[question[0]])[:, None]
    np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-7 * np.abs(want).max())


def after_one_newton_step(kind, row):
    """The estimator after one Newton step on the objective without the row, written out."""
    model, y, _ = DATA[kind]
    if kind in ("regression", "multi-output"):  # one step is a refit there
        return refitted(kind, row, 0.0)
    moved = copy.deepcopy(WHOLE[kind])
    p = moved.predict_proba(X)
    hot = (y[:, None] == moved.classes_).astype(float)
    if kind == "binary":  # the second class's log-odds are the only output
        p, hot = p[:, 1:], hot[:, 1:]
    Z, K = np.c_[X, np.ones(N)], p.shape[1]
    penalty = np.tile([1.0 / model.C] * 3 + [0.0], K)
    theta = np.c_[moved.coef_, moved.intercept_]
    kept = np.arange(N) != row
    slope = ((p - hot)[kept].T @ Z[kept]).ravel() + penalty * theta.ravel()
    curved = np.diag(penalty)
    for i in np.flatnonzero(kept):
        own = np.diag(p[i]) - np.outer(p[i], p[i])
        curved += np.kron(own, np.outer(Z[i], Z[i]))
    theta = theta - (np.linalg.pinv(curved, rcond=1e-12) @ slope).reshape(K, 4)
    moved.coef_, moved.intercept_ = theta[:, :3], theta[:, 3]
    return moved


@pytest.mark.parametrize("question", QUESTIONS, ids=" ".join)
def test_newton_step_is_the_value_after_one_step_without_the_row(question):
    got, value = ask(question, "newton_step")
    want = np.transpose([value(after_one_newton_step(question[0], r)) for r in ROWS])
    want = want - value(WHOLE[question[0]])[:, None]
    np.testing.assert_allclose(got, want, rtol=1e-8, atol=1e-9 * np.abs(want).max())


def test_removing_a_row_raises_its_own_loss():
    for kind, (model, y, _) in DATA.items():
        explainer = InfluenceExplainer(model).fit(X, y)
        assert (np.diag(explainer.influence(X, y)) > 0).all(), kind


def test_without_labels_a_classifier_explains_the_loss_at_its_prediction():
    model, y, _ = DATA["multinomial"]
    explainer = InfluenceExplainer(model).fit(X, y)
    np.testing.assert_array_equal(
        explainer.influence(X_test), explainer.influence(X_test, explainer.predict(X_test))
    )


def test_naming_the_other_class_of_two_turns_the_sign():
    model, y, _ = DATA["binary"]
    explainer = InfluenceExplainer(model).fit(X, y)
    for target in (DecisionValue, Probability):
        one = explainer.influence(X_test, target=target("ant"))
        np.testing.assert_allclose(explainer.influence(X_test, target=target("bee")), -one)


def test_probabilities_of_all_classes_change_by_nothing_in_sum():
    model, y, _ = DATA["multinomial"]
    explainer = InfluenceExplainer(model).fit(X, y)
    parts = [explainer.influence(X_test, target=Probability(c)) for c in three]
    np.testing.assert_allclose(np.sum(parts, axis=0), 0.0, atol=1e-14)


def test_a_row_of_weight_zero_has_influence_zero():
    model, y, labels = DATA["binary"]
    weights = np.ones(N)
    weights[7] = 0.0
    explainer = InfluenceExplainer(model).fit(X, y, sample_weight=weights)
    for method in ("first_order", "newton_step", "refit"):
        got = explainer.influence(X_test, labels, method=method)
        # a refit ends within rounding of the optimum that it began at
        assert np.abs(got[:, 7]).max() <= (1e-12 if method == "refit" else 0.0), method
        assert np.abs(got[:, :7]).min() > 1e-7, method


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("method", ["first_order", "newton_step"])
def test_probabilities_far_from_the_boundary_keep_their_digits(classes, method):
    """There the change of a probability is its odds times the change of the log-odds."""
    rng = np.random.default_rng(0)
    table = rng.standard_normal((90, 2))
    labels = np.digitize(table[:, 0] + 0.3 * rng.standard_normal(90), [0.0, 0.8][: classes - 1])
    explainer = InfluenceExplainer(LogisticRegression(C=100.0, tol=1e-8)).fit(table, labels)
    far = np.array([[25.0, 0.0]])
    top = classes - 1
    raw = explainer.test_rows(far).raw_prediction  # at the optimum
    odds = np.exp(-raw[0, 0] if classes == 2 else raw[0, 1] - raw[0, 2])
    assert 0 < odds < 1e-17
    margin = explainer.influence(far, target="decision_function", method="first_order")
    if classes == 3:
        two, one = (
            explainer.influence(far, target=DecisionValue(c), method="first_order") for c in (2, 1)
        )
        margin = two - one
    got = explainer.influence(far, target=Probability(top), method=method)
    assert len(np.unique(got)) > 60
    if method == "first_order":
        np.testing.assert_allclose(got, odds * margin, rtol=1e-6, atol=1e-9 * np.abs(got).max())
