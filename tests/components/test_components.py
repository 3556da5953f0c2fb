"""Components of influence beside the formulas of Koh & Liang (2017, section 2.3) in numpy."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from scipy.special import expit
from sklearn import config_context
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from skinfluence import InfluenceExplainer
from skinfluence.components import influence_components
from skinfluence.components._components import _directions

TIGHT = {"tol": 1e-12, "max_iter": 10_000}
NAMES = ("influence", "without_loss", "without_hessian", "inner_product")


def cancer(n=150):
    X, y = load_breast_cancer(return_X_y=True)
    X = (X[:, :6] - X[:, :6].mean(axis=0)) / X[:, :6].std(axis=0) + 1.0
    return X[:n], y[:n], X[n : n + 20], y[n : n + 20]


def flowers():
    X, y = load_iris(return_X_y=True)
    order = np.random.default_rng(0).permutation(150)
    X, y = X[order], y[order]
    return X[:100], y[:100], X[100:], y[100:]


@pytest.fixture(scope="module")
def paper():
    """The paper's setting: binary logistic loss, no intercept, weights of its own."""
    X, y, X_test, y_test = cancer()
    weights = np.random.default_rng(0).uniform(0.5, 2.0, len(X))
    weights[4] = 0.0
    explainer = InfluenceExplainer(LogisticRegression(C=0.5, fit_intercept=False, **TIGHT))
    explainer.fit(X, y, sample_weight=weights)
    theta = explainer.objective_.coef[0]
    signs, test_signs = 2 * y - 1, 2 * y_test - 1
    p = expit(X @ theta)
    H = (X.T * (weights * p * (1 - p))) @ X + 2.0 * np.eye(6)
    outer = np.outer(test_signs * expit(-test_signs * (X_test @ theta)), signs * weights)
    size = expit(-signs * (X @ theta))
    by_hessian, by_hand = X_test @ np.linalg.solve(H, X.T), X_test @ X.T
    expected = {
        "influence": outer * size * by_hessian,
        "without_loss": outer * by_hessian,
        "without_hessian": outer * size * by_hand,
        "inner_product": outer * by_hand,
    }
    return explainer, influence_components(explainer, X_test, y_test), expected


@pytest.mark.parametrize("name", NAMES)
def test_the_formulas_of_the_paper(paper, name):
    _, parts, expected = paper
    actual = getattr(parts, name)
    assert_allclose(actual, expected[name], rtol=1e-8, atol=1e-12)
    assert (actual[:, 4] == 0).all()  # a row of weight zero


def test_influence_is_the_explainers_own(paper):
    explainer, parts, _ = paper
    _, _, X_test, y_test = cancer()
    first_order = explainer.influence(X_test, y_test, method="first_order")
    assert_array_equal(parts.influence, first_order)


def test_the_intercept_and_earlier_steps_are_part_of_the_row():
    X, y, X_test, y_test = cancer()
    model = make_pipeline(StandardScaler(), PCA(3), LogisticRegression(**TIGHT))
    explainer = InfluenceExplainer(model).fit(X, y)
    parts = influence_components(explainer, X_test, y_test)
    fitted = explainer.estimator_
    Z, Z_test = (np.column_stack([fitted[:-1].transform(A), np.ones(len(A))]) for A in (X, X_test))
    p, p_test = (fitted.predict_proba(A)[:, 1] for A in (X, X_test))
    product = Z_test @ Z.T
    assert_allclose(
        parts.without_hessian, np.outer(p_test - y_test, p - y) * product, rtol=1e-5, atol=1e-8
    )
    assert_allclose(
        parts.inner_product, np.outer(p_test - y_test, 1 - 2 * y) * product, rtol=1e-5, atol=1e-8
    )


def by_hand(explainer, tests, pulls):
    """All products of test gradients with any (n, K) pulls of the rows, with and without H^-1."""
    G_test = tests.coef_gradients().to_dense()
    Z = explainer.objective_.design.to_dense()
    G = (pulls[:, :, None] * Z[:, None]).reshape(len(Z), -1)
    return G_test @ explainer.linearization_.inverse.solve(G.T), G_test @ G.T


def test_a_softmax_keeps_the_odds_among_the_other_classes():
    X, y, X_test, y_test = flowers()
    explainer = InfluenceExplainer(LogisticRegression(C=0.5, fit_intercept=False)).fit(X, y)
    parts = influence_components(explainer, X_test, y_test)
    p = explainer.objective_.loss.probability(explainer.objective_.raw_prediction)
    one_hot = np.eye(3)[y]
    wrong = 1 - (p * one_hot).sum(axis=1, keepdims=True)
    pulls = (p - one_hot) / wrong
    assert_allclose(pulls[one_hot == 1], -1.0)
    assert_allclose(pulls.sum(axis=1), 0.0, atol=1e-10)
    tests = explainer.test_rows(X_test, y_test)
    solved, product = by_hand(explainer, tests, pulls)
    assert_allclose(parts.without_loss, solved, rtol=1e-8, atol=1e-10)
    assert_allclose(parts.inner_product, product, rtol=1e-8, atol=1e-10)
    assert_allclose(parts.influence, parts.without_loss * wrong.T, rtol=1e-8, atol=1e-12)
    assert_allclose(parts.without_hessian, parts.inner_product * wrong.T, rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_row_that_the_model_is_sure_of_still_has_a_direction(n_classes):
    """Its residual rounds to nothing, and without the loss it counts like any other."""
    X, y, _, _ = flowers()
    X, y = X[y < n_classes], y[y < n_classes]
    explainer = InfluenceExplainer(LogisticRegression(**TIGHT)).fit(X, y)
    objective = explainer.objective_
    sure = objective.with_coef(1e5 * objective.coef)
    certain = np.flatnonzero((sure.residual == 0).all(axis=1))
    assert len(certain) > 30
    directions = _directions(sure, certain)
    if n_classes == 2:
        assert_array_equal(directions[:, 0], 1 - 2 * y[certain])
    else:
        assert_array_equal(directions[np.arange(len(certain)), y[certain]], -1.0)
        assert_allclose(directions.sum(axis=1), 0.0, atol=1e-12)


def test_squared_error_keeps_the_sign_of_each_residual():
    X, y = load_diabetes(return_X_y=True)
    X, Y = 20 * X[:100], np.column_stack([y[:100], X[:100, 0] ** 2]) / 50
    explainer = InfluenceExplainer(Ridge(1.0, fit_intercept=False)).fit(X[:80], Y[:80])
    parts = influence_components(explainer, X[80:], Y[80:])
    signs = np.sign(explainer.predict(X[:80]) - Y[:80])
    solved, product = by_hand(explainer, explainer.test_rows(X[80:], Y[80:]), signs)
    assert_allclose(parts.without_loss, solved, rtol=1e-8, atol=1e-10)
    assert_allclose(parts.inner_product, product, rtol=1e-8, atol=1e-10)
    assert list(parts.frame().columns[:3]) == ["row", "label_0", "label_1"]


def test_a_ridge_classifier_has_residuals_of_both_signs():
    X, y, X_test, y_test = cancer()
    explainer = InfluenceExplainer(RidgeClassifier(fit_intercept=False)).fit(X, y)
    parts = influence_components(explainer, X_test, y_test)
    signs = np.sign(explainer.decision_function(X) - (2 * y - 1))[:, None]
    assert (signs[:, 0] != 1 - 2 * y).any()
    solved, _ = by_hand(explainer, explainer.test_rows(X_test, y_test), signs)
    assert_allclose(parts.without_loss, solved, rtol=1e-8, atol=1e-10)


def test_rows_beyond_the_margin_count_only_without_the_loss():
    X, y, X_test, y_test = cancer()
    model = LinearSVC(C=0.1, fit_intercept=False, tol=1e-10, max_iter=100_000)
    explainer = InfluenceExplainer(model).fit(X, y)
    parts = influence_components(explainer, X_test, y_test)
    beyond = (2 * y - 1) * explainer.decision_function(X) > 1.01
    violated = (2 * y_test - 1) * explainer.decision_function(X_test) < 0.99
    assert beyond.any() and violated.any()
    for name in ("influence", "without_hessian"):
        assert (getattr(parts, name)[:, beyond] == 0).all()
    for name in ("without_loss", "inner_product"):
        assert (getattr(parts, name)[np.ix_(violated, beyond)] != 0).all()


@pytest.mark.parametrize("settings", ["balanced", "mean"])
def test_without_the_hessian_other_rows_weights_still_follow(settings):
    """The derivative of the gradient in a row's weight, by differences, in plain numpy."""
    X, y, X_test, y_test = cancer()
    balanced = settings == "balanced"
    model = LogisticRegression(class_weight="balanced" if balanced else None, **TIGHT)
    explainer = InfluenceExplainer(model, penalty_scaling="estimator" if balanced else "mean")
    explainer.fit(X, y)
    fitted, n = explainer.estimator_, len(X)
    Z, Z_test = (np.column_stack([A, np.ones(len(A))]) for A in (X, X_test))
    p, p_test = (fitted.predict_proba(A)[:, 1] for A in (X, X_test))
    penalised = np.append(fitted.coef_[0], 0.0)

    def gradient(weights):
        total = weights.sum()
        if not balanced:
            return Z.T @ (weights * (p - y)) + penalised * total / n
        counts = np.bincount(y, weights=weights)
        return Z.T @ (weights * (total / (2 * counts))[y] * (p - y)) + penalised

    expected = []
    for i in range(5):
        h = 1e-4 * (np.arange(n) == i)
        expected.append((gradient(1 + h) - gradient(1 - h)) / 2e-4)
    expected = ((p_test - y_test)[:, None] * Z_test) @ np.array(expected).T
    parts = influence_components(explainer, X_test, y_test, rows=np.arange(5))
    assert_allclose(parts.without_hessian, expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())


def test_some_rows_are_those_of_all_rows(paper):
    explainer, parts, _ = paper
    _, _, X_test, y_test = cancer()
    rows = [100, 3, 57]
    some = influence_components(explainer, X_test, y_test, rows=rows)
    assert some.rows.tolist() == rows
    for name in NAMES:
        assert_allclose(getattr(some, name), getattr(parts, name)[:, rows], rtol=1e-10)
    assert influence_components(explainer, X_test, y_test, rows=[]).influence.shape == (20, 0)


def test_blocks_of_test_rows_give_the_same(paper):
    explainer, parts, _ = paper
    _, _, X_test, y_test = cancer()
    with config_context(working_memory=0.001):
        blocks = influence_components(explainer, X_test, y_test)
    for name in NAMES:
        assert_allclose(getattr(blocks, name), getattr(parts, name), rtol=1e-10, atol=1e-15)


@pytest.mark.parametrize("as_table", [sparse.csr_array, lambda X: X.astype(np.float32)])
def test_sparse_rows_and_single_precision(as_table):
    X, y, X_test, y_test = flowers()
    explainer = InfluenceExplainer(LogisticRegression(class_weight="balanced", **TIGHT))
    expected = influence_components(explainer.fit(X, y), X_test, y_test)
    other = explainer.fit(as_table(X), y)
    actual = influence_components(other, as_table(X_test), y_test)
    for name in NAMES:
        a, b = getattr(actual, name), getattr(expected, name)
        assert a.dtype == as_table(X).dtype
        assert_allclose(a, b, rtol=0, atol=1e-4 * np.abs(b).max())


def test_without_labels_the_prediction_is_explained(paper):
    explainer, _, _ = paper
    _, _, X_test, _ = cancer()
    given = influence_components(explainer, X_test, explainer.predict(X_test))
    predicted = influence_components(explainer, X_test)
    for name in NAMES:
        assert_array_equal(getattr(predicted, name), getattr(given, name))
    margin = influence_components(explainer, X_test, target="decision_function")
    X, y, _, _ = cancer()
    signs = (1 - 2 * y) * explainer.sample_weight_train_
    assert_allclose(margin.inner_product, X_test @ X.T * signs, rtol=1e-10)


@pytest.mark.parametrize("library", [pd.DataFrame, pl.DataFrame], ids=["pandas", "polars"])
def test_the_frame_is_of_the_users_kind(library):
    X, y, X_test, y_test = flowers()
    names = np.array(["rose", "iris", "oak"])
    columns = [f"c{j}" for j in range(4)]
    table = library(dict(zip(columns, X.T, strict=True)))
    asked = library(dict(zip(columns, X_test.T, strict=True)))
    if library is pd.DataFrame:
        table.index = [f"plant {i}" for i in range(100)]
    explainer = InfluenceExplainer(LogisticRegression()).fit(table, names[y])
    parts = influence_components(explainer, asked, names[y_test], rows=[7, 5])
    frame = parts.frame(3)
    assert isinstance(frame, library)
    named = ["position"] if library is pd.DataFrame else []
    assert list(frame.columns) == ["row", *named, "label", *NAMES]
    expected = ["plant 7", "plant 5"] if library is pd.DataFrame else [7, 5]
    assert list(frame["row"]) == expected
    assert list(frame["label"]) == names[y[[7, 5]]].tolist()
    for name in NAMES:
        assert_array_equal(np.asarray(frame[name]), getattr(parts, name)[3])


def test_answers_are_compared_by_identity(paper):
    explainer, parts, _ = paper
    again = influence_components(explainer, *cancer()[2:])
    assert parts == parts and parts != again


class TestWrongInput:
    def test_something_else_than_an_explainer(self):
        _, _, X_test, y_test = cancer()
        with pytest.raises(TypeError, match="expected an InfluenceExplainer"):
            influence_components(LogisticRegression(), X_test, y_test)
        with pytest.raises(NotFittedError):
            influence_components(InfluenceExplainer(), X_test, y_test)

    def test_a_test_row_that_was_not_asked_about(self, paper):
        with pytest.raises(IndexError, match="there are 20 test rows"):
            paper[1].frame(20)

    @pytest.mark.parametrize("test_row", ["a", 1.5, True, None, [0]])
    def test_a_position_that_is_none(self, test_row, paper):
        with pytest.raises(TypeError, match="expected the position of one test row, 0 to 19"):
            paper[1].frame(test_row)

    def test_test_rows_that_are_none(self, paper):
        explainer, _, _ = paper
        _, _, X_test, y_test = cancer()
        with pytest.raises(ValueError, match="NaN"):
            influence_components(explainer, np.full_like(X_test, np.nan), y_test)
        with pytest.raises(ValueError, match="0 sample"):
            influence_components(explainer, X_test[:0], y_test[:0])
        with pytest.raises(ValueError, match="not trained on"):
            influence_components(explainer, X_test[:2], [0, 7])
        with pytest.raises(ValueError, match="expected 0 to 149"):
            influence_components(explainer, X_test, y_test, rows=[150])
        with pytest.raises(ValueError, match="target='nothing'"):
            influence_components(explainer, X_test, y_test, target="nothing")
