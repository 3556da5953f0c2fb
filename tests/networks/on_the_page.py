"""The code of the page "Networks of PyTorch"; test_page.py runs it."""

import numpy as np
import torch
from torch import nn

from skinfluence import InfluenceExplainer
from skinfluence.components import influence_components
from skinfluence.networks import FeatureMap, ModuleClassifier, RiskMinimizer


def trained_module(X, y):
    """A small network, trained as one trains networks."""
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(X.shape[1], 8), nn.Tanh(), nn.Linear(8, 2))
    optimizer = torch.optim.Adam(module.parameters(), lr=0.02, weight_decay=0.01)
    rows, labels = torch.as_tensor(X, dtype=torch.float32), torch.as_tensor(y)
    for _ in range(300):
        optimizer.zero_grad()
        nn.functional.cross_entropy(module(rows), labels).backward()
        optimizer.step()
    return module


def explain_module(module, X, y, X_test, y_test):
    """Training rows that made predictions of a trained module what they are."""
    model = ModuleClassifier(module, weight_decay=0.01)
    explainer = InfluenceExplainer(model, damping=0.01, curvature="gauss_newton").fit(X, y)
    return explainer.influence(X_test, y_test, method="first_order")


def explain_large_module(module, X, y, X_test, y_test):
    """The same by Kronecker factors of each layer, whatever the number of parameters."""
    model = ModuleClassifier(module, weight_decay=0.01)
    settings = {"curvature": "gauss_newton", "damping": 0.1, "solver": "ekfac"}
    return InfluenceExplainer(model, **settings).fit(X, y).influence(X_test, y_test)


def explain_last_layer(module, X, y, X_test, y_test):
    """The same for the last layer alone, trained to its optimum: exact."""
    model = ModuleClassifier(module, weight_decay=0.01, layers=["2"], max_iter=1000)
    return InfluenceExplainer(model).fit(X, y).influence(X_test, y_test)


def log_cosh(raw, y):
    """Loss of one row: smooth, and linear far out."""
    return torch.log(torch.cosh(raw[0] - y))


def linear(theta, x):
    """Prediction of one row."""
    return theta[0] + x @ theta[1:]


def explain_own_risk(X, y, X_test, y_test):
    """Influence under a risk that is written as two functions."""
    model = RiskMinimizer(linear, log_cosh, start=np.zeros(1 + X.shape[1]), penalty=1.0)
    return InfluenceExplainer(model).fit(X, y).influence(X_test, y_test)


def frozen_network(module):
    """All layers but the last, as a transformer."""
    return FeatureMap(module[:-1])


def influence_of_checkpoints(modules, rates, X, y, X_test, y_test):
    """TracIn: gradient products at copies of a module that were kept while it was trained."""
    settings = {"curvature": "gauss_newton", "damping": 0.1, "solver": "ekfac"}
    total = 0.0
    for module, rate in zip(modules, rates, strict=True):
        explainer = InfluenceExplainer(ModuleClassifier(module), **settings).fit(X, y)
        total = total + rate * influence_components(explainer, X_test, y_test).without_hessian
    return total
