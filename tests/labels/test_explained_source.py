"""The closed-form leave-one-out of a given estimator, against its real refits."""

import pickle

import numpy as np
import pytest
from scipy import sparse
from scipy.stats import spearmanr
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import (
    LinearRegression,
    LogisticRegression,
    Ridge,
    RidgeClassifier,
    RidgeCV,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from skinfluence.adapters import UnsupportedEstimatorError
from skinfluence.labels._inputs.targets import Target
from skinfluence.labels._sources.explained import LeaveOneOutPredictor
from tests.labels._targets import target_of

rng = np.random.default_rng(0)
X = rng.normal(size=(60, 4))
binary = (X[:, 0] + rng.normal(size=60) > 0).astype(int)
three = np.digitize(X[:, 0] + 0.7 * rng.normal(size=60), [-0.6, 0.6])
values = X @ [1.0, 2.0, 0.0, 1.0] + rng.normal(size=60)
ones = np.ones(60)
TIGHT = {"tol": 1e-10, "max_iter": 1000}


def source_of(estimator, target, n_classes, **settings):
    return LeaveOneOutPredictor(X, target_of(target, n_classes), estimator=estimator, **settings)


def refitted(estimator, target, method, weight=ones):
    """What the estimator, really refitted without each row, says of that row."""
    out = []
    for i in range(len(X)):
        rest = np.arange(len(X)) != i
        model = clone(estimator).fit(X[rest], target[rest], sample_weight=weight[rest])
        out.append(getattr(model, method)(X[[i]])[0])
    return np.array(out)


@pytest.mark.parametrize("weight", [ones, rng.uniform(0.2, 3.0, size=60)], ids=["ones", "weights"])
def test_ridge_without_a_row_is_the_real_refit(weight):
    prediction = source_of(Ridge(2.0), values, None, damping=0).fit(weight)
    np.testing.assert_allclose(
        prediction.value, refitted(Ridge(2.0), values, "predict", weight), rtol=1e-9, atol=1e-10
    )


@pytest.mark.parametrize(("target", "n_classes"), [(binary, 2), (three, 3)])
def test_logistic_probabilities_without_a_row_are_those_of_real_refits(target, n_classes):
    model = LogisticRegression(**TIGHT)
    got = np.exp(source_of(model, target, n_classes, damping=0).fit(ones).value)
    want = refitted(model, target, "predict_proba")
    assert got.shape == (60, n_classes)
    np.testing.assert_allclose(got.sum(axis=1), 1.0, rtol=1e-12)
    # one Newton step: third-order small in the row's leverage
    np.testing.assert_allclose(got, want, atol=0.01)
    given = np.arange(60), target
    assert spearmanr(got[given], want[given]).statistic >= 0.999


@pytest.mark.parametrize("damping", [0.01, 0.3])
def test_damping_is_a_penalty_of_the_fit(damping):
    got = source_of(Ridge(2.0), values, None, damping=damping).fit(ones)
    want = refitted_with_fixed_penalty(2.0 + 60 * damping)
    np.testing.assert_allclose(got.value, want, rtol=1e-9, atol=1e-10)
    assert got.damping == damping


def refitted_with_fixed_penalty(alpha):
    return refitted(Ridge(alpha), values, "predict")


def test_damping_of_a_logistic_regression_is_a_smaller_C():
    smaller = 1.0 / (1.0 + 60 * 0.05)
    damped = source_of(LogisticRegression(**TIGHT), three, 3, damping=0.05).fit(ones)
    bare = source_of(LogisticRegression(C=smaller, **TIGHT), three, 3, damping=0).fit(ones)
    np.testing.assert_allclose(damped.value, bare.value, rtol=1e-8, atol=1e-10)
    new = rng.normal(size=(5, 4))
    np.testing.assert_allclose(damped.predict(new), bare.predict(new), rtol=1e-8, atol=1e-10)


def test_auto_keeps_the_penalty_of_a_model_that_is_penalised_enough():
    assert source_of(LogisticRegression(), binary, 2).fit(ones).damping == 0.0


def test_auto_damps_a_model_that_overfits_and_real_refits_agree():
    wide = rng.normal(size=(60, 25))
    free = LogisticRegression(C=1e4, **TIGHT)
    prediction = LeaveOneOutPredictor(wide, target_of(binary, 2), estimator=free).fit(ones)
    assert prediction.damping > 0

    def cost(C):
        total = 0.0
        for i in range(60):
            rest = np.arange(60) != i
            model = LogisticRegression(C=C, **TIGHT).fit(wide[rest], binary[rest])
            total -= model.predict_log_proba(wide[[i]])[0, binary[i]]
        return total

    assert cost(1.0 / (1e-4 + 60 * prediction.damping)) < cost(1e4)


def test_a_model_that_chose_its_own_penalty_is_not_damped():
    wide = rng.normal(size=(60, 50))
    prediction = LeaveOneOutPredictor(wide, target_of(values), estimator=RidgeCV([1e-6, 1e-5])).fit(
        ones
    )
    assert prediction.damping == 0.0


@pytest.mark.parametrize(
    ("estimator", "target", "n_classes"),
    [(LogisticRegression(**TIGHT), three, 3), (Ridge(), values, None)],
)
def test_other_row_weights_are_a_refit_with_these_weights(estimator, target, n_classes):
    source = source_of(estimator, target, n_classes, damping=0)
    source.fit(ones)
    weight = rng.uniform(0.1, 1.0, size=60)
    again = source.fit(weight)
    fresh = source_of(estimator, target, n_classes, damping=0).fit(weight)
    np.testing.assert_allclose(again.value, fresh.value, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(again.leverage, fresh.leverage, rtol=1e-7, atol=1e-9)


def test_new_rows_are_judged_by_the_estimator_itself():
    model = make_pipeline(StandardScaler(), LogisticRegression(**TIGHT))
    prediction = source_of(model, three, 3, damping=0).fit(ones)
    new = rng.normal(size=(7, 4))
    want = model.fit(X, three).predict_log_proba(new)
    np.testing.assert_allclose(prediction.predict(new), want, rtol=1e-6)


@pytest.mark.parametrize("model", [RidgeClassifier(), LinearSVC(random_state=0)])
@pytest.mark.parametrize(("target", "n_classes"), [(binary, 2), (three, 3)])
def test_margins_become_probabilities_that_order_rows_as_the_margins_do(model, target, n_classes):
    prediction = source_of(model, target, n_classes, damping=0).fit(ones)
    np.testing.assert_allclose(np.exp(prediction.value).sum(axis=1), 1.0, rtol=1e-12)
    margins = model.fit(X, target).decision_function(X)
    said = prediction.predict(X)
    if n_classes == 2:
        np.testing.assert_allclose(said[:, 1] - said[:, 0], margins, rtol=1e-3, atol=1e-3)
    else:
        np.testing.assert_array_equal(said.argmax(axis=1), margins.argmax(axis=1))


def test_the_estimator_is_fitted_to_the_labels_themselves():
    labels = np.array(["cat", "dog"])
    target = Target(labels[binary], labels)
    heavy = LogisticRegression(class_weight={"cat": 5.0, "dog": 1.0}, **TIGHT)
    named = LeaveOneOutPredictor(X, target, estimator=heavy, damping=0).fit(ones)
    coded = source_of(
        LogisticRegression(class_weight={0: 5.0, 1: 1.0}, **TIGHT), binary, 2, damping=0
    ).fit(ones)
    np.testing.assert_allclose(named.value, coded.value, rtol=1e-10)


def test_a_class_without_rows_is_next_to_impossible():
    left = np.where(three == 1, 0, three)
    prediction = source_of(LogisticRegression(), left, 3).fit(ones)
    assert prediction.value.shape == (60, 3)
    assert (np.exp(prediction.value[:, 1]) < 1e-9).all()
    assert (np.exp(prediction.predict(X)[:, 1]) < 1e-9).all()


def test_a_row_that_alone_has_a_column_is_judged_without_it():
    table = np.c_[X, np.eye(60)[:, 0]]  # the last column is there for row 0 alone
    prediction = LeaveOneOutPredictor(
        table, target_of(values), estimator=LinearRegression(), damping=0
    ).fit(ones)
    without = LinearRegression().fit(table[1:], values[1:]).predict(table[:1])
    np.testing.assert_allclose(prediction.value[0], without, rtol=1e-10)


def test_leverage_is_that_of_the_explainer():
    hat = X @ np.linalg.solve(X.T @ X + np.eye(4), X.T)
    prediction = source_of(Ridge(fit_intercept=False), values, None, damping=0).fit(ones)
    np.testing.assert_allclose(prediction.leverage, np.diag(hat), rtol=1e-10)


def test_sparse_rows_are_judged_as_dense_ones():
    dense = source_of(LogisticRegression(**TIGHT), binary, 2).fit(ones)
    table = sparse.csr_array(X)
    table.indices, table.indptr = table.indices.astype(np.int64), table.indptr.astype(np.int64)
    got = LeaveOneOutPredictor(
        table, target_of(binary, 2), estimator=LogisticRegression(**TIGHT)
    ).fit(ones)
    np.testing.assert_allclose(got.value, dense.value, rtol=1e-8)


def test_predictions_can_be_pickled():
    prediction = source_of(LogisticRegression(), binary, 2).fit(ones)
    again = pickle.loads(pickle.dumps(prediction))
    np.testing.assert_array_equal(again.predict(X), prediction.predict(X))


def test_the_estimator_is_cloned():
    model = LogisticRegression()
    source_of(model, binary, 2).fit(ones)
    assert not hasattr(model, "coef_")


def test_a_model_without_influence_is_refused_at_once():
    source = source_of(RandomForestClassifier(random_state=0), binary, 2)
    with pytest.raises(
        UnsupportedEstimatorError, match="RandomForestClassifier cannot be explained"
    ):
        source.begin(ones)
