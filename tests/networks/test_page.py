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

torch = pytest.importorskip("torch", reason="torch is not installed")
from tests._data import ROOT  # noqa: E402
from tests.networks import on_the_page as page  # noqa: E402


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


@pytest.mark.filterwarnings("ignore:The parameters of ModuleClassifier are not near")
def test_products_of_gradients_at_checkpoints(cancer):
    X, y, X_test, y_test = cancer
    modules, expected = [page.trained_module(X[:n], y[:n]) for n in (50, 200)], 0.0
    for module, rate in zip(modules, (0.3, 0.1), strict=True):
        gradients = []
        for rows, labels in ((X_test, y_test), (X, y)):
            each = torch.func.vmap(torch.func.grad(_loss), in_dims=(None, None, 0, 0))
            named = {name: value.detach() for name, value in module.named_parameters()}
            rows = torch.as_tensor(rows, dtype=torch.float32)
            parts = each(named, module, rows, torch.as_tensor(labels)).values()
            gradients.append(np.concatenate([p.flatten(1).numpy() for p in parts], axis=1))
        expected += rate * gradients[0] @ gradients[1].T
    got = page.influence_of_checkpoints(modules, (0.3, 0.1), X, y, X_test, y_test)
    np.testing.assert_allclose(got, expected, atol=1e-5 * np.abs(expected).max())


def _loss(parameters, module, x, label):
    out = torch.func.functional_call(module, parameters, (x[None],))
    return torch.nn.functional.cross_entropy(out, label[None])


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
