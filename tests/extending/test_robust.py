"""The loss and the estimator keep the contracts, and can be explained."""

import numpy as np
import pytest
from sklearn.datasets import load_diabetes

from skinfluence import InfluenceExplainer
from skinfluence.testing import check_adapter, check_loss, leave_one_out_influence
from tests.extending.robust import PseudoHuber, RobustRegressor

X, Y = load_diabetes(return_X_y=True)
X, Y = 20.0 * X[:70], (Y[:70] - 150.0) / 50.0


def test_the_loss_keeps_the_contract():
    check_loss(PseudoHuber())


@pytest.mark.parametrize("weighted", [False, True])
def test_the_adapter_keeps_the_contract(weighted):
    weights = 0.5 + np.random.default_rng(0).random(60) if weighted else None
    check_adapter(
        RobustRegressor(0.5), X[:60], Y[:60], weights, X_test=X[60:], y_test=Y[60:], rows=[0, 9]
    )


def test_the_estimator_is_explained_like_any_other():
    rows = [3, 40]
    truth = leave_one_out_influence(RobustRegressor(), X[:60], Y[:60], X[60:], Y[60:], rows)
    explainer = InfluenceExplainer(RobustRegressor()).fit(X[:60], Y[:60])
    refit = explainer.influence(X[60:], Y[60:], rows=rows, method="refit")
    step = explainer.influence(X[60:], Y[60:], rows=rows)
    assert np.abs(refit - truth).max() < 1e-8 * np.abs(truth).max()
    assert np.abs(step - truth).max() < 0.1 * np.abs(truth).max()
