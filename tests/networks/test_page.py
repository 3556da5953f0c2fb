"""The code of the page "Networks of PyTorch" runs, and says what the page says."""

import runpy

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import scale

from skinfluence import InfluenceExplainer

pytest.importorskip("torch", reason="torch is not installed")
from tests._data import ROOT
from tests.networks import on_the_page as page


@pytest.fixture(scope="module")
def cancer():
    X, y = load_breast_cancer(return_X_y=True)
    X = scale(X)
    return X[:200], y[:200], X[200:210], y[200:210]


def test_modules_and_their_last_layers(cancer):
    X, y, X_test, y_test = cancer
    module = page.trained_module(X, y)
    whole = page.explain_module(module, X, y, X_test, y_test)
    last = page.explain_last_layer(module, X, y, X_test, y_test)
    factors = page.explain_large_module(module, X, y, X_test, y_test)
    assert whole.shape == last.shape == factors.shape == (10, 200)
    assert np.corrcoef(whole.ravel(), factors.ravel())[0, 1] > 0.8
    agreement = [spearmanr(a, b)[0] for a, b in zip(whole, last, strict=True)]
    assert np.mean(agreement) > 0.5
    model = make_pipeline(page.frozen_network(module), LogisticRegression()).fit(X, y)
    assert model.score(X_test, y_test) >= 0.9
    assert InfluenceExplainer(model).fit(X, y).influence(X_test).shape == (10, 200)


def test_a_risk_of_ones_own():
    X, y = load_diabetes(return_X_y=True)
    X, y = scale(X), scale(y)
    influence = page.explain_own_risk(X[:-5], y[:-5], X[-5:], y[-5:])
    assert influence.shape == (5, len(X) - 5)


@pytest.mark.slow
def test_the_example_flips_a_prediction_by_one_grey_level():
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    result = runpy.run_path(str(ROOT / "examples" / "attack_frozen_network.py"))["result"]
    assert result.confirmed.all()
    assert np.abs(result.X_changed - result.X_original).max() == 1
