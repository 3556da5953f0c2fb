"""Models of celer, skglm and glum are explained as these packages refit them."""

import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes

from skinfluence import InfluenceExplainer, supports
from skinfluence.adapters import UnsupportedEstimatorError

N = 80
X, y = load_diabetes(return_X_y=True)
X = X[: N + 8] / X.std(axis=0)
Y = np.column_stack([y, y[::-1]])[: N + 8] / y.std()
POSITIVE, COUNTS = y[: N + 8] / y.mean(), np.floor(y[: N + 8] / 40.0)
CLASSES = load_breast_cancer(return_X_y=True)
CLASSES = CLASSES[0][: N + 8] / CLASSES[0].std(axis=0), CLASSES[1][: N + 8]
COLUMNS = np.linspace(0.5, 1.5, 10)
TIGHT = {"tol": 1e-13, "max_iter": 1000}


def package(name):
    return pytest.importorskip(name, reason=f"{name} is not installed")


def glum(**settings):
    return package("glum").GeneralizedLinearRegressor(**settings, gradient_tol=1e-12, max_iter=500)


MODELS = {
    "celer.Lasso": (lambda: package("celer").Lasso(0.05, weights=COLUMNS, **TIGHT), Y[:, 0]),
    "celer.ElasticNet": (lambda: package("celer").ElasticNet(0.05, l1_ratio=0.7, **TIGHT), Y[:, 0]),
    "celer.LogisticRegression": (
        lambda: package("celer").LogisticRegression(C=0.3, **TIGHT),
        CLASSES[1],
    ),
    "skglm.Lasso": (lambda: package("skglm").Lasso(0.05, **TIGHT), Y[:, 0]),
    "skglm.WeightedLasso": (
        lambda: package("skglm").WeightedLasso(0.05, weights=COLUMNS, **TIGHT),
        Y[:, 0],
    ),
    "skglm.ElasticNet": (lambda: package("skglm").ElasticNet(0.05, l1_ratio=0.7, **TIGHT), Y[:, 0]),
    "skglm.MultiTaskLasso": (lambda: package("skglm").MultiTaskLasso(0.1, **TIGHT), Y),
    "skglm.SparseLogisticRegression": (
        lambda: package("skglm").SparseLogisticRegression(0.03, l1_ratio=0.8, **TIGHT),
        CLASSES[1],
    ),
    "glum normal": (lambda: glum(alpha=0.1), Y[:, 0]),
    "glum Poisson": (lambda: glum(family="poisson", alpha=0.1, P2=COLUMNS), COUNTS),
    "glum gamma, l1": (
        lambda: glum(family="gamma", alpha=0.02, l1_ratio=0.9, P1=COLUMNS),
        POSITIVE,
    ),
    "glum inverse Gaussian": (lambda: glum(family="inverse.gaussian", alpha=0.1), POSITIVE),
    "glum Tweedie": (lambda: glum(family="tweedie (1.5)", alpha=0.1, l1_ratio=0.2), COUNTS),
}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore:'@' is faster on contiguous arrays")
def test_removals_are_real_refits(name):
    make, targets = MODELS[name]
    model, table = make(), CLASSES[0] if targets is CLASSES[1] else X
    assert supports(model)
    rows, target = [0, 7, 33], "decision_function" if targets is CLASSES[1] else "predict"
    train, test = table[:N], table[N:]
    explainer = InfluenceExplainer(model).fit(train, targets[:N])
    assert explainer.stationarity_ < 1e-6

    def numbers(kept):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            out = getattr(clone(model).fit(train[kept], targets[:N][kept]), target)(test)
        return out if out.ndim == 1 else 0.5 * ((targets[N:] - out) ** 2).sum(axis=1)

    everything = np.arange(N)
    truth = np.stack([numbers(np.delete(everything, row)) for row in rows], axis=1)
    truth -= numbers(everything)[:, None]
    asked = {"target": target} if targets.ndim == 1 else {"y_test": targets[N:]}
    got = explainer.influence(test, **asked, rows=rows, method="refit")
    np.testing.assert_allclose(got, truth, atol=1e-5 * np.abs(truth).max())


def test_weights_of_glum_have_the_derivative_of_its_refits():
    model, h, row = glum(family="poisson", alpha=0.1, l1_ratio=0.2), 1e-3, 7
    weights = np.linspace(0.5, 1.5, N)

    def mean(factor):
        changed = np.where(np.arange(N) == row, factor, 1.0) * weights
        return clone(model).fit(X[:N], COUNTS[:N], sample_weight=changed).predict(X[N:])

    explainer = InfluenceExplainer(model).fit(X[:N], COUNTS[:N], weights)
    got = explainer.influence(X[N:], target="predict", rows=[row], method="first_order")[:, 0]
    slope = (mean(1.0 - h) - mean(1.0 + h)) / (2.0 * h)
    np.testing.assert_allclose(got, slope, atol=1e-5 * np.abs(slope).max())


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: glum(family="binomial"), "family='binomial'.*Expected \"normal\""),
        (lambda: glum(scale_predictors=True), "scale_predictors=True"),
        (lambda: glum(lower_bounds=np.zeros(10)), "Expected no lower_bounds"),
        (lambda: package("celer").Lasso(positive=True), "positive=True"),
        (lambda: package("skglm").MCPRegression(0.1), "not convex|no objective that is known"),
    ],
    ids=["binomial", "scaled", "bounds", "positive", "MCP"],
)
def test_what_is_another_optimum_is_refused(make, message):
    with pytest.raises(UnsupportedEstimatorError, match=message):
        InfluenceExplainer(make()).fit(X[:N], (COUNTS[:N] > 3.0).astype(float))
