"""The generalised linear model of the page "Extending" keeps the contracts, and is explained."""

import pickle

import numpy as np
import pytest

from skinfluence import InfluenceExplainer
from skinfluence.groups import group_influence
from skinfluence.testing import check_adapter, check_loss, leave_one_out_influence
from tests.extending.poisson import ExposureRegressor, Poisson

RNG = np.random.default_rng(0)
X = np.column_stack([0.5 + RNG.random(80), RNG.standard_normal((80, 3))])
Y = RNG.poisson(X[:, 0] * np.exp(0.5 + X[:, 1:] @ [0.5, -0.3, 0.2])).astype(float)
TRAIN, TEST = (X[:60], Y[:60]), (X[60:], Y[60:])


def test_the_loss_keeps_the_contract():
    check_loss(Poisson())


@pytest.mark.parametrize("weighted", [False, True])
def test_the_adapter_keeps_the_contract(weighted):
    weights = 0.5 + RNG.random(60) if weighted else None
    check_adapter(ExposureRegressor(0.5), *TRAIN, weights, X_test=TEST[0], y_test=TEST[1])


def test_influences_are_those_of_refits_with_their_offsets():
    rows = [3, 40]
    truth = leave_one_out_influence(ExposureRegressor(0.5), *TRAIN, *TEST, rows)
    explainer = InfluenceExplainer(ExposureRegressor(0.5)).fit(*TRAIN)
    for method, tolerance in {"first_order": 0.1, "newton_step": 0.03, "refit": 1e-9}.items():
        got = explainer.influence(*TEST, rows=rows, method=method)
        assert np.abs(got - truth).max() < tolerance * np.abs(truth).max(), method


def test_the_prediction_that_is_explained_is_the_expected_count():
    explainer = InfluenceExplainer(ExposureRegressor(0.5)).fit(*TRAIN)
    kept = np.delete(np.arange(60), 3)
    after = ExposureRegressor(0.5).fit(X[kept], Y[kept]).predict(TEST[0])
    expected = after - explainer.predict(TEST[0])
    got = explainer.influence(TEST[0], rows=[3], method="refit")[:, 0]
    assert np.abs(got - expected).max() < 1e-9 * np.abs(expected).max()
    step = explainer.influence(TEST[0], rows=[3], method="newton_step")[:, 0]
    assert np.abs(step - expected).max() < 0.001 * np.abs(expected).max()
    ends, h = [], 1e-4
    for weight in (1 + h, 1 - h):
        weights = np.append([1.0, 1.0, 1.0, weight], np.ones(56))
        ends.append(ExposureRegressor(0.5).fit(*TRAIN, weights).predict(TEST[0]))
    slope = (ends[1] - ends[0]) / (2 * h)
    first = explainer.influence(TEST[0], rows=[3], method="first_order")[:, 0]
    assert np.abs(first - slope).max() < 1e-7 * np.abs(slope).max()


def test_a_fitted_explainer_is_pickled_with_its_columns_and_offsets():
    explainer = InfluenceExplainer(ExposureRegressor(0.5)).fit(*TRAIN)
    again = pickle.loads(pickle.dumps(explainer))
    np.testing.assert_array_equal(again.influence(*TEST), explainer.influence(*TEST))


def test_groups_know_the_offsets_too():
    group = [3, 17, 40]
    explainer = InfluenceExplainer(ExposureRegressor(0.5)).fit(*TRAIN)
    kept = np.delete(np.arange(60), group)
    after = InfluenceExplainer(ExposureRegressor(0.5)).fit(X[kept], Y[kept])
    expected = [
        model.objective_.loss.value(TEST[1][:, None], model.objective_.raw_predictions(rows))
        for model in (explainer, after)
        for rows in [model.fitted_model_.predictor(TEST[0])]
    ]
    got = group_influence(explainer, [group], *TEST, method="refit")[:, 0]
    assert np.abs(got - (expected[1] - expected[0])).max() < 1e-9
