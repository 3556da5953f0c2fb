"""The risk of the page "A risk of your own" keeps the contracts; the checks find mistakes."""

import inspect
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_diabetes

from skinfluence import InfluenceExplainer
from skinfluence.testing import check_adapter, check_loss, leave_one_out_influence
from tests.extending import own_risk
from tests.extending.own_risk import LogCosh, RiskRegressor

X, Y = load_diabetes(return_X_y=True)
X, Y = 20.0 * X[:70], (Y[:70] - 150.0) / 50.0


def test_the_risk_keeps_the_contracts():
    check_loss(LogCosh())
    check_adapter(RiskRegressor(alpha=0.5), X, Y)


def test_the_risk_is_explained():
    explainer = InfluenceExplainer(RiskRegressor()).fit(X[:60], Y[:60])
    refits = explainer.influence(X[60:], Y[60:], method="refit", rows=[3, 40])
    truth = leave_one_out_influence(RiskRegressor(), X[:60], Y[:60], X[60:], Y[60:], [3, 40])
    assert np.abs(refits - truth).max() < 1e-8 * np.abs(truth).max()


def test_it_is_short():
    lines = Path(own_risk.__file__).read_text("utf-8").split("class LogCosh")[1].splitlines()
    assert len([line for line in lines if line.strip()]) < 40


class HalfGradient(LogCosh):
    def gradient(self, y, raw_prediction):
        return 0.5 * super().gradient(y, raw_prediction)


class NoCurvature(LogCosh):
    def hessian_product(self, y, raw_prediction, V):
        return 0.0 * V


@pytest.mark.parametrize(
    "loss, message",
    [
        (HalfGradient(), "gradient is not the derivative of value"),
        (NoCurvature(), "hessian_product is not the derivative of gradient"),
    ],
)
def test_mistakes_in_the_loss_are_named(loss, message):
    with pytest.raises(AssertionError, match=message):
        check_loss(loss)


@pytest.mark.parametrize(
    "mistake, message",
    [
        (("penalty=estimator.alpha", "penalty=2.0 * estimator.alpha"), "not stationary"),
        (("RowWeights(sample_weight)", "RowWeights(sample_weight**2)"), "repetition"),
    ],
)
def test_mistakes_in_the_adapter_are_named(mistake, message, monkeypatch):
    from skinfluence.adapters import REGISTRY, register

    key = (own_risk.__name__, "RiskRegressor")
    monkeypatch.setitem(REGISTRY, key, REGISTRY[key])
    code = inspect.getsource(own_risk.risk).replace(*mistake).split("\n", 1)[1]
    made: dict = {}
    exec(code, vars(own_risk) | {"register": register}, made)
    register(*key, examples=lambda: [])(made["risk"])
    with pytest.raises(AssertionError, match=message):
        check_adapter(RiskRegressor(), X, Y)
