"""Koh & Liang (2017), section 5.3: readmission to hospital with a planted domain mismatch.

20 of the 21 children who were not readmitted are taken out of the training set; test row 1742, a
child who was not readmitted, is then predicted wrongly. Reference numbers: the same problem solved
in float64 to its optimum and refitted without each listed row. The authors' notebook stopped
L-BFGS after 1000 iterations, short of the optimum; it ranks the same ten rows in the same order.
"""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import LogisticRegression

from skinfluence import InfluenceExplainer

WEIGHT_DECAY = 1e-4
TEST_ROW = 1742


@pytest.fixture(scope="module")
def hospital(shared_data):
    X, y, X_test, y_test, names = shared_data.hospital_modified()
    model = LogisticRegression(
        C=1 / (len(y) * WEIGHT_DECAY), fit_intercept=False, solver="newton-cg"
    )
    explainer = InfluenceExplainer(model, penalty_scaling="mean").fit(X.astype(float), y)
    child = X[:, list(names).index("age_[0-10)")] == 1
    return explainer, X_test[[TEST_ROW]], y_test[[TEST_ROW]], child


@pytest.fixture(scope="module")
def reference(shared_data):
    return shared_data.koh_liang_reference()["hospital"]["exact_optimum_float64"]


@pytest.fixture(scope="module")
def first_order(hospital):
    explainer, X_test, y_test, _ = hospital
    return explainer.influence(X_test, y_test, method="first_order")[0]


@pytest.fixture(scope="module")
def listed(reference):
    """The reference's ten most harmful and ten most helpful rows: row, first order, refit."""
    rows, _, predicted, refitted = zip(*reference["top"], strict=True)
    return np.array(rows), np.array(predicted), np.array(refitted)


def test_objective_at_the_optimum(hospital, reference):
    objective = hospital[0].objective_
    expected = reference["modified"]["train"]
    assert_allclose(objective.value() / objective.n_rows, expected["objective"], rtol=1e-12)
    assert_allclose(objective.row_values().mean(), expected["logloss"], rtol=1e-10)
    assert_allclose(np.linalg.norm(objective.coef), reference["modified"]["param_norm"], rtol=1e-9)


def test_gradient_norm_of_the_test_row(hospital, reference):
    """The test loss carries no penalty."""
    explainer, X_test, _, _ = hospital
    objective = explainer.objective_
    raw = X_test.astype(float) @ objective.coef.T
    # a negative test row: the derivative of its loss is P(readmitted) x
    norm = np.linalg.norm(X_test.astype(float)) / (1 + np.exp(-raw[0, 0]))
    assert_allclose(norm, reference["norm_test_grad"], rtol=1e-9)


def test_the_child_is_predicted_wrongly(hospital):
    explainer, X_test, y_test, child = hospital
    assert explainer.predict(X_test)[0] != y_test[0]
    assert child.sum() == 4


def test_first_order_influences_of_the_listed_rows(first_order, listed):
    rows, predicted, _ = listed
    assert_allclose(first_order[rows], predicted, rtol=1e-10)


def test_refitted_influences_of_the_listed_rows(hospital, listed):
    explainer, X_test, y_test, _ = hospital
    rows, _, refitted = listed
    actual = explainer.influence(X_test, y_test, method="refit", rows=rows)[0]
    assert_allclose(actual, refitted, rtol=1e-9)


def test_newton_step_is_closer_to_the_refits_than_first_order(hospital, first_order, listed):
    explainer, X_test, y_test, _ = hospital
    rows, _, refitted = listed
    newton = explainer.influence(X_test, y_test, method="newton_step", rows=rows)[0]
    error = np.linalg.norm(newton - refitted) / np.linalg.norm(refitted)
    first_order_error = np.linalg.norm(first_order[rows] - refitted) / np.linalg.norm(refitted)
    assert error < 0.002, error
    assert first_order_error > 0.05, first_order_error


@pytest.mark.parametrize("order", ["harmful", "helpful"])
def test_ten_strongest_rows_in_the_same_order(hospital, listed, order):
    explainer, X_test, y_test, _ = hospital
    rows = listed[0][:10] if order == "harmful" else listed[0][10:]
    found, values = explainer.top_influences(
        X_test, y_test, k=10, order=order, method="first_order"
    )
    assert_array_equal(found[0], rows)
    assert (values[0] < 0).all() if order == "harmful" else (values[0] > 0).all()


def test_children_stand_out_by_30_to_40_times(hospital, first_order, reference, shared_data):
    """Three readmitted children harm, the one who was not helps, and no other row comes near.

    The paper says that each was "30-40 times as influential as the next most influential
    examples". Measured as |influence| over that of the strongest other row: 37, 36, 25 and 30 at
    the optimum, 32 in the mean; 41, 40, 28 and 27 in the authors' notebook, 34 in the mean.
    """
    _, _, _, child = hospital
    y = shared_data.hospital_modified()[1]
    assert_array_equal(np.sign(first_order[child]), np.where(y[child] == 1, -1, 1))
    factors = np.abs(first_order[child]) / np.abs(first_order[~child]).max()
    assert 30 < factors.mean() < 40, factors
    assert factors.min() > 24, factors
