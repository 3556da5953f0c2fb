"""Figure 1 of Koh & Liang (2017): components of influence on MNIST, 1 versus 7, test row 30."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from skinfluence import InfluenceExplainer
from skinfluence.components import influence_components

TEST_ROW = 30
WEIGHT_DECAY = 0.01


@pytest.fixture(scope="module")
def digits(shared_data):
    X, y, X_test, y_test = shared_data.mnist_binary()
    return X.astype(float), y, X_test.astype(float), y_test


@pytest.fixture(scope="module")
def reference(shared_data):
    return shared_data.koh_liang_reference()["fig1_mnist_1v7"]


@pytest.fixture(scope="module")
def explainer(digits):
    X, y, _, _ = digits
    model = LogisticRegression(C=1 / (len(y) * WEIGHT_DECAY), fit_intercept=False)
    return InfluenceExplainer(model, penalty_scaling="mean").fit(X, y)


@pytest.fixture(scope="module")
def parts(explainer, digits):
    _, _, X_test, y_test = digits
    return influence_components(explainer, X_test[[TEST_ROW]], y_test[[TEST_ROW]])


def test_the_model_is_that_of_the_paper(explainer, reference, digits):
    X, _, X_test, y_test = digits
    objective = explainer.objective_
    assert (len(X), len(X_test)) == (reference["n_train"], reference["n_test"])
    assert_allclose(objective.row_values().mean(), reference["train_logloss"], rtol=1e-7)
    assert_allclose(np.linalg.norm(objective.coef), reference["w_norm"], rtol=1e-7)
    right = (X_test @ objective.coef[0] > 0) == y_test
    assert_allclose(right.mean(), reference["test_acc"], rtol=1e-12)


def test_the_influences_are_those_of_the_paper(parts, reference, digits):
    y, y_test = digits[1], digits[3]
    scaled = parts.influence[0] * len(y)
    expected = reference["influence_times_n"]
    assert_allclose([scaled.min(), scaled.max()], [expected["min"], expected["max"]], rtol=1e-7)
    assert (scaled.argmin(), scaled.argmax()) == (expected["argmin"], expected["argmax"])
    same = np.flatnonzero(y == y_test[TEST_ROW])
    fifth = same[np.argsort(scaled[same])[4]]
    assert fifth == reference["harmful_same_class_rank5_row"]
    assert scaled[fifth] < 0


def test_the_other_panels_are_the_formulas_of_the_paper(explainer, parts, digits):
    X, y, X_test, y_test = digits
    theta, x = explainer.objective_.coef[0], X_test[TEST_ROW]
    signs, sign = 2 * y - 1, 2 * y_test[TEST_ROW] - 1
    p = expit(X @ theta)
    H = (X.T * (p * (1 - p))) @ X / len(X) + WEIGHT_DECAY * np.eye(784)
    scale = sign * expit(-sign * (theta @ x))
    without_loss = scale * signs * (X @ np.linalg.solve(H, x)) / len(X)
    inner_product = scale * signs * (X @ x)
    # the regulariser is folded into every row's loss (their footnote 1)
    folded = scale * -WEIGHT_DECAY * (theta @ x)
    without_hessian = inner_product * expit(-signs * (X @ theta)) + folded
    for actual, expected in (
        (parts.without_loss, without_loss),
        (parts.inner_product, inner_product),
        (parts.without_hessian, without_hessian),
    ):
        assert_allclose(actual[0], expected, rtol=0, atol=1e-7 * np.abs(expected).max())


def test_what_the_paper_says_of_the_panels(parts, digits):
    y, y_test = digits[1], digits[3]
    influence, same = parts.influence[0], y == y_test[TEST_ROW]
    size = np.abs(influence).max()
    # left: rows of hardly any influence are among the strongest without the training loss
    strongest = np.argsort(-np.abs(parts.without_loss[0]))[:100]
    assert np.mean(np.abs(influence[strongest]) < 0.01 * size) > 0.2
    # right: every row of the same label is called helpful, and many are not
    assert (parts.inner_product[0, same] >= 0).all() and (parts.inner_product[0, ~same] <= 0).all()
    assert np.mean(influence[same] < 0) > 0.1
