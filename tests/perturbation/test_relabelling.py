"""Other labels, against refits of the scikit-learn estimator."""

import tracemalloc

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifier
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skinfluence import InfluenceExplainer
from skinfluence.explainer import lins_concordance
from skinfluence.perturbation import (
    relabel_influence,
    relabel_influence_blocks,
    replacement_influence,
)
from skinfluence.targets import DecisionValue
from tests.perturbation._refits import (
    MODELS,
    changed_loss,
    data,
    explained,
    logistic,
    losses,
    refit,
)


def refitted_effects(explainer, train, test, rows, classes):
    """(n_test, n_rows, n_classes), one fit of the estimator for every other label."""
    model = explainer.estimator_
    before = losses(refit(model, *train), *test)
    out = np.zeros((len(before), len(rows), len(classes)))
    for b, row in enumerate(rows):
        for k, label in enumerate(classes):
            if label != train[1][row]:
                out[:, b, k] = changed_loss(model, train, test, row, label=label) - before
    return out


CLASSIFIERS = [n for n in MODELS if not n.startswith("ridge")]


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_refits_are_those_of_the_estimator(name):
    explainer, train, test = explained(name)
    rows = np.array([2, 64, 99])
    got = relabel_influence(explainer, *test, rows=rows, method="refit")
    expected = refitted_effects(explainer, train, test, rows, explainer.classes_)
    assert_allclose(got, expected, atol=1e-6 * np.abs(expected).max())


def held_out(load, model):
    X, y = load(return_X_y=True)
    X, X_test, y, y_test = train_test_split(X, y, random_state=0)
    return InfluenceExplainer(model).fit(X, y), (X, y), (X_test, y_test)


@pytest.mark.parametrize("C", [0.1, 1.0, 10.0])
def test_newton_steps_on_breast_cancer(C):
    """Every fourth label of the training half against scikit-learn's own refits."""
    model = make_pipeline(StandardScaler(), logistic(C=C))
    explainer, train, test = held_out(load_breast_cancer, model)
    rows = np.arange(0, len(train[1]), 4)
    got = relabel_influence(explainer, *test, rows=rows)
    expected = refitted_effects(explainer, train, test, rows, [0, 1])
    other = np.arange(2) != train[1][rows][:, None]  # the zeros of the own label prove nothing
    got, expected = got[:, other], expected[:, other]
    assert lins_concordance(got, expected) >= 0.99
    assert lins_concordance(got.mean(axis=0), expected.mean(axis=0)) >= 0.99
    if C >= 1.0:
        first = relabel_influence(explainer, *test, rows=rows, method="first_order")
        assert lins_concordance(first[:, other], expected) < 0.95


@pytest.mark.slow
@pytest.mark.parametrize("C", [0.01, 1.0])
def test_newton_steps_on_all_classes_of_digits(C):
    """All ten labels of some rows against our refits, and one against scikit-learn's."""
    model = make_pipeline(StandardScaler(), LogisticRegression(C=C, tol=1e-6, max_iter=10**4))
    explainer, train, test = held_out(load_digits, model)
    rows = np.arange(0, len(train[1]), 150)
    got = relabel_influence(explainer, *test, rows=rows)
    expected = relabel_influence(explainer, *test, rows=rows, method="refit")
    assert got.shape == (450, 9, 10)
    other = np.arange(10) != train[1][rows][:, None]
    assert lins_concordance(got[:, other], expected[:, other]) >= 0.99
    means = got[:, other].mean(axis=0), expected[:, other].mean(axis=0)
    assert lins_concordance(*means) >= 0.99
    row, label = rows[4], (train[1][rows[4]] + 3) % 10
    exact = make_pipeline(StandardScaler(), LogisticRegression(C=C, tol=1e-9, max_iter=10**5))
    exact.fit(*train)
    refitted = changed_loss(exact, train, test, row, label=label) - losses(exact, *test)
    assert_allclose(expected[:, 4, label], refitted, atol=1e-3 * np.abs(refitted).max())


@pytest.mark.parametrize("name", ["multinomial-balanced", "logistic"])
@pytest.mark.parametrize("method", ["first_order", "newton_step", "refit"])
def test_all_classes_are_the_single_labels_side_by_side(name, method):
    explainer, (_, y), test = explained(name)
    rows = np.array([5, 17, 80, 81])
    every = relabel_influence(explainer, *test, rows=rows, method=method)
    own = np.take_along_axis(every, y[rows][None, :, None], axis=2)
    assert_array_equal(own, 0.0)
    for k, label in enumerate(explainer.classes_):
        one = relabel_influence(explainer, *test, label, rows=rows, method=method)
        assert_allclose(every[:, :, k], one, atol=1e-8)
        replaced = replacement_influence(explainer, rows, None, [label] * 4, *test, method=method)
        assert_allclose(one, replaced, atol=1e-8)
    mixed = relabel_influence(explainer, *test, [0, 1, 1, 0], rows=rows, method=method)
    expected = np.stack([every[:, b, k] for b, k in enumerate([0, 1, 1, 0])], axis=1)
    assert_allclose(mixed, expected, atol=1e-8)


@pytest.mark.parametrize("method", ["first_order", "newton_step", "refit"])
def test_the_mean_over_test_rows(method):
    explainer, _, test = explained("multinomial")
    asked = {"rows": np.arange(0, 120, 4), "method": method}
    every = relabel_influence(explainer, *test, **asked)
    mean = relabel_influence(explainer, *test, **asked, aggregate="mean")
    assert mean.shape == (30, 3)
    with config_context(working_memory=0.05):
        small = relabel_influence(explainer, *test, **asked, aggregate="mean")
    assert_allclose(mean, every.mean(axis=0), atol=1e-8)
    assert_allclose(small, mean, atol=1e-8)
    one = relabel_influence(explainer, *test, 2, **asked, aggregate="mean")
    assert_allclose(one, mean[:, 2], atol=1e-8)


def test_regression_takes_values():
    explainer, train, test = explained("ridge")
    value = train[1].mean()
    rows = np.array([0, 50])
    got = relabel_influence(explainer, *test, value, rows=rows)
    for b, row in enumerate(rows):
        expected = changed_loss(explainer.estimator_, train, test, row, label=value)
        expected -= losses(explainer.estimator_, *test)
        assert_allclose(got[:, b], expected, rtol=1e-8)
    with pytest.raises(ValueError, match="Regression has none"):
        relabel_influence(explainer, *test)


def test_the_prediction_of_a_regression_moves_by_leverages():
    """Least squares: the prediction is linear in every label, with the hat matrix as its slope."""
    X, y, X_test, _ = data("diabetes")
    explainer = InfluenceExplainer(Ridge(1e-3)).fit(X, y)
    got = relabel_influence(explainer, X_test, None, y + 1.0)
    Z, Z_test = X - X.mean(axis=0), X_test - X.mean(axis=0)
    hat = Z_test @ np.linalg.solve(Z.T @ Z + 1e-3 * np.eye(10), Z.T) + 1.0 / len(X)
    assert_allclose(got, hat, atol=1e-9)


def test_squared_error_on_labels_is_exact():
    X, y, X_test, y_test = data("iris")
    explainer = InfluenceExplainer(RidgeClassifier(class_weight="balanced")).fit(X, y)
    rows = np.array([1, 30])
    got = relabel_influence(explainer, X_test, None, rows=rows, target=DecisionValue(y_test))
    refitted = relabel_influence(
        explainer, X_test, None, rows=rows, target=DecisionValue(y_test), method="refit"
    )
    label = (y[1] + 1) % 3
    moved = y.copy()
    moved[1] = label
    after, before = (
        RidgeClassifier(class_weight="balanced").fit(X, part).decision_function(X_test)
        for part in (moved, y)
    )
    expected = (after - before)[np.arange(25), y_test]
    assert_allclose(refitted[:, 0, label], expected, atol=1e-8)
    assert_allclose(got[:, 0, label], expected, atol=0.05 * np.abs(expected).max())


def test_string_labels_are_in_the_order_of_the_classes():
    X, y, X_test, y_test = data("iris")
    names = np.array(["c", "a", "b"])
    plain = InfluenceExplainer(logistic()).fit(X, y)
    named = InfluenceExplainer(logistic()).fit(X, names[y])
    expected = relabel_influence(plain, X_test, y_test, rows=[0, 9])
    got = relabel_influence(named, X_test, names[y_test], rows=[0, 9])
    assert_allclose(got[:, :, [2, 0, 1]], expected, atol=1e-7)
    one = relabel_influence(named, X_test, names[y_test], "a", rows=[0, 9])
    assert_allclose(one, expected[:, :, 1], atol=1e-7)


def test_wrong_input_is_told():
    explainer, _, test = explained("multinomial")
    with pytest.raises(TypeError, match="expected an InfluenceExplainer"):
        relabel_influence(LogisticRegression(), *test)
    with pytest.raises(ValueError, match=r"y_new contains labels.*Known classes: \[0, 1, 2\]"):
        relabel_influence(explainer, *test, 9)
    with pytest.raises(ValueError, match=r"y_new has 2 entries\. Expected 120"):
        relabel_influence(explainer, *test, [0, 1])
    with pytest.raises(ValueError, match="aggregate='sum'"):
        relabel_influence(explainer, *test, aggregate="sum")
    with pytest.raises(ValueError, match="0 to 119"):
        relabel_influence(explainer, *test, rows=[500])
    assert relabel_influence(explainer, *test, rows=[]).shape == (25, 0, 3)
    assert relabel_influence(explainer, *test, 1, rows=[], aggregate="mean").shape == (0,)


def test_the_only_row_of_a_class_cannot_leave_it_by_a_refit():
    X, y, *test = data("iris")
    y = np.where(np.arange(len(y)) == 4, 1, 0)
    explainer = InfluenceExplainer(make_pipeline(StandardScaler(), logistic())).fit(X, y)
    test = (test[0], np.zeros(25, dtype=int))
    with pytest.warns(RuntimeWarning, match=r"last row of a class \(rows \[4\]\)"):
        got = relabel_influence(explainer, *test, 0, rows=[4], method="refit")
    assert np.isnan(got).all()


@pytest.mark.parametrize("method", ["first_order", "newton_step"])
def test_the_mean_never_holds_the_whole_answer(method):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((700, 5))
    y = (X[:, 0] + rng.standard_normal(700) > 0).astype(int)
    explainer = InfluenceExplainer(LogisticRegression()).fit(X, y)
    explainer.influence(X[:1], y[:1])

    def peak(**settings):
        tracemalloc.start()
        try:
            with config_context(working_memory=1):
                relabel_influence(explainer, X, y, method=method, **settings)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    whole = 8 * 700 * 700 * 2
    assert peak() < whole + 6e6
    assert peak(aggregate="mean") < 6e6


@pytest.mark.parametrize("name", ["multinomial-balanced", "logistic"])
@pytest.mark.parametrize("method", ["first_order", "newton_step", "refit"])
def test_blocks_put_together_are_the_whole_answer(name, method):
    explainer, _, test = explained(name)
    rows = np.array([3, 50, 119, 7, 8, 2])
    whole = relabel_influence(explainer, *test, rows=rows, method=method)
    for memory in (1000, 0.002):
        got = np.full(whole.shape, np.nan)
        n_blocks = 0
        with config_context(working_memory=memory):
            blocks = relabel_influence_blocks(explainer, *test, rows=rows, method=method)
            for tests, some, effects in blocks:
                place = np.array([rows.tolist().index(row) for row in some])
                got[tests.start : tests.stop, place] = effects
                n_blocks += 1
        assert (n_blocks == 1) == (memory == 1000)
        assert_allclose(got, whole, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("method", ["first_order", "newton_step"])
def test_blocks_never_hold_the_whole_answer(method):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((1000, 5))
    y = (X[:, 0] + rng.standard_normal(1000) > 0).astype(int)
    explainer = InfluenceExplainer(LogisticRegression()).fit(X, y)
    explainer.influence(X[:1], y[:1])
    seen = 0
    tracemalloc.start()
    try:
        with config_context(working_memory=1):
            for _, _, effects in relabel_influence_blocks(explainer, X, y, method=method):
                seen += effects.size
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert seen == 1000 * 1000 * 2
    assert peak < 8e6 < 8 * seen


def test_blocks_tell_of_wrong_input_at_once():
    explainer, _, test = explained("multinomial")
    with pytest.raises(ValueError, match="0 to 119"):
        relabel_influence_blocks(explainer, *test, rows=[500])
    with pytest.raises(TypeError, match="expected an InfluenceExplainer"):
        relabel_influence_blocks(LogisticRegression(), *test)
    values, _, regression_test = explained("ridge")
    with pytest.raises(ValueError, match="Regression has none"):
        relabel_influence_blocks(values, *regression_test)
    assert [*relabel_influence_blocks(explainer, *test, rows=[])] == []


def test_the_only_row_of_a_class_is_told_of_once_among_all_classes():
    X, y, *test = data("iris")
    y = np.where(np.arange(len(y)) == 4, 2, y % 2)
    explainer = InfluenceExplainer(make_pipeline(StandardScaler(), logistic())).fit(X, y)
    test = (test[0], np.zeros(25, dtype=int))
    with pytest.warns(RuntimeWarning, match=r"last row of a class \(rows \[4\]\)") as caught:
        got = relabel_influence(explainer, *test, rows=[3, 4, 5])
    assert len(caught) == 1
    assert_array_equal(np.isnan(got).any(axis=0), [[0, 0, 0], [1, 1, 0], [0, 0, 0]])


def test_labels_of_one_row_share_what_its_removal_takes(monkeypatch):
    """The inverse is applied to a row's features once, not once for each label."""
    explainer, _, test = explained("multinomial")
    inverse, columns = explainer.linearization_.inverse, []
    solve = type(inverse).solve

    def counted(self, V):
        columns.append(V.shape[1])
        return solve(self, V)

    relabel_influence(explainer, *test, rows=[0], aggregate="mean")
    monkeypatch.setattr(type(inverse), "solve", counted)
    relabel_influence(explainer, *test, rows=np.arange(20), aggregate="mean")
    reach = columns[:3]  # one right-hand side for each output
    assert reach == [20, 20, 20]
