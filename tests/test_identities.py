"""Exact identities of influence, whatever the model."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import sparse
from sklearn import config_context
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge, RidgeClassifier

from skinfluence import InfluenceExplainer, SmoothHingeSVC
from tests._compare import assert_normwise

RNG = np.random.default_rng(11)
N, N_TEST = 60, 15
X_ALL = RNG.standard_normal((N + N_TEST, 6)) + 1.0
X_ALL[RNG.random(X_ALL.shape) < 0.3] = 0.0
SCORES = X_ALL @ RNG.standard_normal((6, 3)) + 2.0 * RNG.standard_normal((N + N_TEST, 3))
X, X_TEST = X_ALL[:N], X_ALL[N:]
WEIGHTS = 0.5 + RNG.random(N)

TARGETS = {
    "values": SCORES[:, 0],
    "two classes": np.where(SCORES[:, 0] > np.median(SCORES[:, 0]), 1, 0),
    "three classes": SCORES.argmax(axis=1),
}
MODELS = {
    "ridge": (Ridge(0.5), "values"),
    "logistic": (LogisticRegression(), "two classes"),
    "multinomial": (LogisticRegression(), "three classes"),
    "smooth-hinge": (SmoothHingeSVC(temperature=0.5), "three classes"),
    "balanced": (SmoothHingeSVC(temperature=0.5, class_weight="balanced"), "three classes"),
}
METHODS = ("first_order", "newton_step", "refit")
every_model = pytest.mark.parametrize("name", MODELS)
every_method = pytest.mark.parametrize("method", METHODS)


def data(name):
    """(estimator, y, y_test)."""
    estimator, kind = MODELS[name]
    return estimator, TARGETS[kind][:N], TARGETS[kind][N:]


def fitted(name, X=X, weights=WEIGHTS, **settings):
    estimator, y, _ = data(name)
    return InfluenceExplainer(estimator, **settings).fit(X, y, weights)


@every_model
def test_a_duplicated_row_equals_weight_two(name):
    estimator, y, y_test = data(name)
    doubled = WEIGHTS.copy()
    doubled[4] *= 2.0
    heavy = InfluenceExplainer(estimator).fit(X, y, doubled)
    again = np.append(np.arange(N), 4)
    long = InfluenceExplainer(estimator).fit(X[again], y[again], WEIGHTS[again])
    expected = heavy.influence(X_TEST, y_test, method="first_order")
    got = long.influence(X_TEST, y_test, method="first_order")
    assert_normwise(got[:, 4] + got[:, N], expected[:, 4])
    assert_normwise(np.delete(got[:, :N], 4, axis=1), np.delete(expected, 4, axis=1))


@every_model
def test_weighted_gradients_sum_to_minus_the_penaltys(name):
    objective = fitted(name).objective_
    G, s = objective.per_sample_gradients(), objective.sample_weight[:, 0]
    total = (G.T @ s).reshape(objective.coef.shape)
    assert_normwise(total, -objective.penalty.gradient(objective.coef), rtol=1e-8)


@every_model
@every_method
@pytest.mark.parametrize("make", [sparse.csr_array, sparse.csc_matrix])
def test_sparse_equals_dense(name, method, make):
    _, _, y_test = data(name)
    expected = fitted(name).influence(X_TEST, y_test, method=method)
    got = fitted(name, make(X)).influence(make(X_TEST), y_test, method=method)
    assert_normwise(got, expected)


@every_model
@every_method
def test_small_blocks_equal_the_full_matrix(name, method):
    _, _, y_test = data(name)
    explainer = fitted(name)
    expected = explainer.influence(X_TEST, y_test, method=method)
    with config_context(working_memory=0.002):
        assert_normwise(fitted(name).influence(X_TEST, y_test, method=method), expected)


@every_model
@every_method
def test_some_rows_equal_columns_of_the_full_matrix(name, method):
    _, _, y_test = data(name)
    explainer = fitted(name)
    expected = explainer.influence(X_TEST, y_test, method=method)
    rows = [50, 3, 3, -1]
    assert_normwise(
        explainer.influence(X_TEST, y_test, method=method, rows=rows), expected[:, rows]
    )


@pytest.mark.parametrize("order", ["magnitude", "helpful", "harmful"])
@every_method
def test_top_influences_equal_the_sorted_matrix(order, method):
    _, _, y_test = data("multinomial")
    explainer = fitted("multinomial")
    full = explainer.influence(X_TEST, y_test, method=method)
    key = {"magnitude": -np.abs(full), "helpful": -full, "harmful": full}[order]
    expected = np.argsort(key, axis=1, kind="stable")[:, :7]
    with config_context(working_memory=0.002):
        index, values = explainer.top_influences(X_TEST, y_test, k=7, order=order, method=method)
    np.testing.assert_array_equal(index, expected)
    assert_normwise(values, np.take_along_axis(full, expected, axis=1))


@pytest.mark.parametrize(
    "labels",
    [["x", "m", "b"], [2, 0, 1], [-5, 100, 7], [7.0, -1.0, 2.0]],
    ids=["strings", "permuted", "integers", "floats"],
)
@pytest.mark.parametrize(
    "name", ["logistic", "multinomial", "smooth-hinge", "balanced", "ridge-classifier"]
)
def test_other_names_for_the_classes_change_nothing(name, labels):
    if name == "ridge-classifier":
        estimator, y, y_test = RidgeClassifier(class_weight="balanced"), *data("multinomial")[1:]
    else:
        estimator, y, y_test = data(name)
    labels = np.array(labels)
    expected = InfluenceExplainer(estimator).fit(X, y, WEIGHTS).influence(X_TEST, y_test)
    renamed = InfluenceExplainer(estimator).fit(X, labels[y], WEIGHTS)
    assert_normwise(renamed.influence(X_TEST, labels[y_test]), expected)


@every_method
@pytest.mark.parametrize("name", ["ridge", "logistic", "multinomial"])
def test_more_test_rows_than_parameters(name, method):
    """Row by row: a matrix that is wrongly of low rank or zero would show here."""
    _, _, y_test = data(name)
    explainer = fitted(name)
    many, labels = np.tile(X_TEST, (4, 1)), np.tile(y_test, 4)
    got = explainer.influence(many, labels, method=method)
    assert got.shape == (60, N)
    one_by_one = [
        explainer.influence(x[None], [label], method=method)[0]
        for x, label in zip(X_TEST, y_test, strict=True)
    ]
    assert_normwise(got, np.tile(one_by_one, (4, 1)))
    assert np.abs(got).max(axis=1).min() > 0


@pytest.mark.parametrize("method", ["first_order", "newton_step"])
@pytest.mark.parametrize("kind", ["values", "two classes", "three classes"])
def test_more_parameters_than_rows(kind, method):
    """The row side (Woodbury) and the column side (Cholesky) agree, and are not zero."""
    wide = np.random.default_rng(1).standard_normal((N, 150))
    estimator = Ridge(2.0) if kind == "values" else LogisticRegression(C=0.5)
    y = TARGETS[kind][:N]
    explainers = [
        InfluenceExplainer(estimator, solver=solver, method=method).fit(wide, y)
        for solver in ("auto", "cholesky")
    ]
    rows_side, columns_side = (e.influence(wide[:5], y[:5]) for e in explainers)
    assert explainers[0].health().solver == "woodbury"
    assert_normwise(rows_side, columns_side)
    assert np.abs(rows_side).min(axis=1).max() > 0


@every_model
@every_method
def test_a_row_of_weight_zero_has_no_influence(name, method):
    _, _, y_test = data(name)
    weights = WEIGHTS.copy()
    weights[[0, 9]] = 0.0
    explainer = fitted(name, weights=weights)
    got = explainer.influence(X_TEST, y_test, method=method)
    # a refit starts from an optimum that is known to rounding only
    least = 1e-11 * np.abs(got).max() if method == "refit" else 1e-16
    assert np.abs(got[:, [0, 9]]).max() <= least
    assert (np.abs(np.delete(got, [0, 9], axis=1)).max(axis=0) > 0).all()


@pytest.mark.parametrize("weighted", [False, True])
@every_method
@pytest.mark.parametrize("kind", ["values", "two classes"])
def test_without_a_penalty_scale_and_shift_of_features_change_nothing(kind, method, weighted):
    if kind == "values":
        estimator = LinearRegression()
    else:
        estimator = LogisticRegression(C=np.inf, solver="newton-cholesky")
    y, y_test = TARGETS[kind][:N], TARGETS[kind][N:]
    weights = WEIGHTS if weighted else None
    # no further: LinearRegression drops singular values below 1e-6 of the largest
    scale, shift = np.array([1e-2, 1.0, 50.0, 7.0, 0.1, 1e3]), np.array([5.0, -9, 0, 100, 1, -1])
    moved = InfluenceExplainer(estimator, method=method).fit(X * scale + shift, y, weights)
    plain = InfluenceExplainer(estimator, method=method).fit(X, y, weights)
    got = moved.influence(X_TEST * scale + shift, y_test)
    assert_normwise(got, plain.influence(X_TEST, y_test), rtol=1e-7)


@every_model
def test_first_order_influences_of_all_rows_follow_a_common_factor_of_the_weights(name):
    """Weights times c equal a penalty divided by c: the sum over rows is the penalty's slope."""
    _, _, y_test = data(name)
    explainer = fitted(name)
    total = explainer.influence(X_TEST, y_test, method="first_order").sum(axis=1)
    h = 1e-3

    def losses(factor):
        objective = fitted(name, weights=factor * WEIGHTS).objective_
        raw = objective.raw_predictions(objective.predictor.of(X_TEST))
        return objective.loss.value(objective.coding.encode(y_test), raw)

    slope = (losses(1 + h) - losses(1 - h)) / (2 * h)
    assert_allclose(total, -slope, atol=1e-5 * np.abs(slope).max())
