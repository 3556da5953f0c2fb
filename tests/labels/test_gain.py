"""What correcting a label is worth, against models really refitted with the label corrected."""

import warnings

import numpy as np
import pandas as pd
from scipy.stats import spearmanr
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skinfluence import InfluenceExplainer
from skinfluence.datasets import flip_labels
from skinfluence.labels._review.review import expected_gains
from skinfluence.testing import tightened
from tests.labels._beliefs import class_beliefs, value_beliefs

X, y = load_breast_cancer(return_X_y=True)
X = X[:, :8]
given, flipped = flip_labels(y[:150], 0.1, random_state=0)
X_test, y_test = X[150:300], y[150:300]
X, y = X[:150], y[:150]
digits, digit = load_digits(n_class=3, return_X_y=True)
digits = digits[:, 2:60:5] / 16
three, _ = flip_labels(digit[:120], 0.1, random_state=0)
certain = np.eye(3)


def mean_loss(explainer, model, X, y):
    """Of rows, by the loss that the explainer has for the model, from its own predictions."""
    raw = np.asarray(getattr(model, "decision_function", model.predict)(X)).reshape(len(y), -1)
    objective = explainer.objective_
    return objective.loss.value(objective.coding.encode(y), raw).mean()


def reductions(explainer, estimator, X, given, labels, X_test, y_test, rows):
    """Of the mean test loss, when each row's label is replaced and the model fitted again."""
    before = mean_loss(explainer, tightened(estimator).fit(X, given), X_test, y_test)
    out = []
    for row in rows:
        corrected = given.copy()
        corrected[row] = labels[row]
        after = tightened(estimator).fit(X, corrected)
        out.append(before - mean_loss(explainer, after, X_test, y_test))
    return np.array(out)


def curvature(model, X, given, labels, X_test, rows):
    """Half the mean square by which test predictions move: the second order of squared error."""
    first = tightened(model).fit(X, given)
    say = getattr(first, "decision_function", first.predict)(X_test)
    out = []
    for row in rows:
        corrected = given.copy()
        corrected[row] = labels[row]
        after = tightened(model).fit(X, corrected)
        moved = getattr(after, "decision_function", after.predict)(X_test) - say
        out.append((moved**2).mean() / 2)
    return np.array(out)


def test_gains_on_a_test_set_are_those_of_real_refits():
    model = make_pipeline(StandardScaler(), LogisticRegression())
    explainer = InfluenceExplainer(model).fit(X, given)
    rows = np.arange(0, 150, 3)
    other = 1 - given
    beliefs = class_beliefs(explainer.objective_, np.eye(2)[other])
    got = expected_gains(explainer, beliefs, X_test, y_test)[rows]
    want = reductions(explainer, model, X, given, other, X_test, y_test, rows)
    assert spearmanr(got, want).statistic > 0.99
    assert np.linalg.norm(got - want) < 0.25 * np.linalg.norm(want)


def test_gains_of_squared_error_are_exact_but_for_its_second_order():
    model = make_pipeline(StandardScaler(), RidgeClassifier(5.0))
    explainer = InfluenceExplainer(model).fit(X, given)
    rows = np.arange(0, 150, 3)
    other = 1 - given
    beliefs = class_beliefs(explainer.objective_, np.eye(2)[other])
    got = expected_gains(explainer, beliefs, X_test, y_test)[rows]
    want = reductions(explainer, model, X, given, other, X_test, y_test, rows)
    second = curvature(model, X, given, other, X_test, rows)
    np.testing.assert_allclose(got - second, want, rtol=1e-8, atol=1e-12)


def test_gains_of_many_classes_are_those_of_real_refits():
    model = LogisticRegression()
    explainer = InfluenceExplainer(model).fit(digits[:120], three)
    other = (three + 1) % 3
    beliefs = class_beliefs(explainer.objective_, np.eye(3)[other])
    got = expected_gains(explainer, beliefs, digits[120:], digit[120:])[::4]
    want = reductions(
        explainer, model, digits[:120], three, other, digits[120:], digit[120:], range(0, 120, 4)
    )
    assert spearmanr(got, want).statistic > 0.98


def test_gains_of_values_are_those_of_real_refits():
    rng = np.random.default_rng(0)
    values = X @ np.full(8, 0.01) + rng.normal(size=150)
    suggested = values + rng.normal(size=150)
    model = make_pipeline(StandardScaler(), Ridge())
    explainer = InfluenceExplainer(model).fit(X, values)
    later = X_test @ np.full(8, 0.01)
    beliefs = value_beliefs(explainer.objective_, np.zeros(150), suggested)
    got = expected_gains(explainer, beliefs, X_test, later)
    want = reductions(explainer, model, X, values, suggested, X_test, later, range(150))
    second = curvature(model, X, values, suggested, X_test, range(150))
    np.testing.assert_allclose(got - second, want, rtol=1e-8, atol=1e-12)
    assert spearmanr(got, want).statistic > 0.95


def test_the_expectation_is_the_mean_over_what_the_label_may_be():
    explainer = InfluenceExplainer(LogisticRegression()).fit(digits[:120], three)
    objective = explainer.objective_
    belief = np.random.default_rng(0).dirichlet(np.ones(3), size=120)
    parts = [
        expected_gains(
            explainer, class_beliefs(objective, np.tile(certain[k], (120, 1))), digits[120:],
            digit[120:],
        )
        for k in range(3)
    ]  # fmt: skip
    got = expected_gains(explainer, class_beliefs(objective, belief), digits[120:], digit[120:])
    np.testing.assert_allclose(got, (belief.T * parts).sum(axis=0), rtol=1e-9, atol=1e-15)


def test_leave_one_out_gains_are_those_of_real_refits_without_each_row():
    # ridge: what a model says of a row without it is known in closed form, and fitted here anew
    rng = np.random.default_rng(1)
    table = StandardScaler().fit_transform(X[:25])
    values = table @ rng.normal(size=8) + rng.normal(size=25)
    suggested = values - 3 * (rng.uniform(size=25) < 0.3)
    explainer = InfluenceExplainer(Ridge()).fit(table, values)
    beliefs = value_beliefs(explainer.objective_, np.zeros(25), suggested)
    got = expected_gains(explainer, beliefs)

    def losses(target):
        """Of each row's suggested value, by the model fitted without the row."""
        kept = [np.delete(np.arange(25), t) for t in range(25)]
        said = [Ridge().fit(table[k], target[k]).predict(table[[t]])[0] for t, k in enumerate(kept)]
        return (np.array(said) - suggested) ** 2 / 2

    before, want = losses(values), []
    for i in range(25):
        corrected = values.copy()
        corrected[i] = suggested[i]
        want.append((before - losses(corrected)).mean())
    moved = suggested != values
    np.testing.assert_allclose(got[~moved], 0.0, atol=1e-12)
    assert spearmanr(got[moved], np.array(want)[moved]).statistic > 0.8


def test_a_rows_own_leave_one_out_loss_is_not_its_gain():
    # one row alone in its direction: its label moves the prediction of no other row
    table = np.zeros((10, 2))
    table[:9, 0], table[9, 1] = np.linspace(-1, 1, 9), 1.0
    values = np.r_[np.linspace(-1, 1, 9), 5.0]
    explainer = InfluenceExplainer(Ridge(fit_intercept=False)).fit(table, values)
    suggested = np.r_[values[:9], 0.0]
    beliefs = value_beliefs(explainer.objective_, np.zeros(10), suggested)
    np.testing.assert_allclose(expected_gains(explainer, beliefs), 0.0, atol=1e-14)


def test_rows_of_weight_zero_have_nothing_to_gain():
    weight = np.ones(150)
    weight[::5] = 0
    explainer = InfluenceExplainer(make_pipeline(StandardScaler(), LogisticRegression()))
    explainer.fit(X, given, sample_weight=weight)
    beliefs = class_beliefs(explainer.objective_, np.eye(2)[1 - given])
    for test in ((), (X_test, y_test)):
        gains = expected_gains(explainer, beliefs, *test)
        np.testing.assert_array_equal(gains[::5], 0.0)
        assert (gains[1::5] != 0).all()


def test_frames_and_one_class_among_the_test_rows_do_no_harm():
    model = make_pipeline(StandardScaler(), LogisticRegression())
    names = [f"c{j}" for j in range(8)]
    explainer = InfluenceExplainer(model).fit(pd.DataFrame(X, columns=names), given)
    beliefs = class_beliefs(explainer.objective_, np.eye(2)[1 - given])
    ones = X_test[y_test == 1]
    frame = pd.DataFrame(ones, columns=names)
    got = expected_gains(explainer, beliefs, frame, np.ones(len(ones), int))
    bare = InfluenceExplainer(model).fit(X, given)
    want = expected_gains(bare, beliefs, ones, np.ones(len(ones), int))
    np.testing.assert_allclose(got, want, rtol=1e-9)


def test_the_only_row_of_a_class_is_taken_as_the_model_sees_it():
    """There is no model without it; that is no news to one who asks what labels are worth."""
    few = [*np.flatnonzero(digit[:120] != 2), np.flatnonzero(digit == 2)[0]]
    explainer = InfluenceExplainer(LogisticRegression()).fit(digits[few], digit[few])
    posterior = np.full((len(few), 3), 1 / 3)
    beliefs = class_beliefs(explainer.objective_, posterior)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        gains = expected_gains(explainer, beliefs, None, None)
    assert np.isfinite(gains).all()
