"""Poisson, gamma and Tweedie regression: refits, units of predictions, diagnostics."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import sparse
from sklearn.base import clone
from sklearn.linear_model import GammaRegressor, PoissonRegressor, TweedieRegressor
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skinfluence import InfluenceExplainer, LabelFlagger
from skinfluence.groups import group_influence
from skinfluence.losses import HalfTweedie
from skinfluence.perturbation import relabel_influence, replacement_influence
from skinfluence.testing import leave_one_out_influence, tightened

TIGHT = {"solver": "newton-cholesky", "tol": 1e-12, "max_iter": 1000}
MODELS = {
    "poisson": PoissonRegressor(alpha=0.01, **TIGHT),
    "gamma": GammaRegressor(alpha=0.01, **TIGHT),
    "tweedie-1.5": TweedieRegressor(power=1.5, alpha=0.01, **TIGHT),
    "tweedie-3": TweedieRegressor(power=3, alpha=0.01, tol=1e-12, max_iter=10_000),
    "log-normal": TweedieRegressor(power=0, link="log", alpha=0.01, **TIGHT),
    "normal": TweedieRegressor(power=0, alpha=0.01, **TIGHT),
}


def data(name, n=70, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, 3))
    mean = np.exp(1.0 + X @ [0.4, -0.3, 0.2])
    y = rng.poisson(mean).astype(float) if name in ("poisson", "tweedie-1.5") else None
    return X, rng.gamma(4.0, mean / 4.0) if y is None else y


@pytest.mark.parametrize("name", MODELS)
def test_removals_are_those_of_refits(name):
    X, y = data(name)
    train, test, rows = (X[:60], y[:60]), (X[60:], y[60:]), [0, 7, 31]
    truth = leave_one_out_influence(MODELS[name], *train, *test, rows)
    explainer = InfluenceExplainer(MODELS[name]).fit(*train)
    largest = np.abs(truth).max()
    errors = {
        method: np.abs(explainer.influence(*test, rows=rows, method=method) - truth).max() / largest
        for method in ("first_order", "newton_step", "refit")
    }
    assert errors["refit"] < 1e-6  # lbfgs, which power 3 needs, is good for seven digits
    assert max(errors.values()) < 0.4
    if explainer.objective_.loss.convex:
        assert errors["newton_step"] < 0.5 * errors["first_order"]


@pytest.mark.parametrize("name", MODELS)
def test_predictions_change_in_their_own_units(name):
    X, y = data(name)
    explainer = InfluenceExplainer(MODELS[name]).fit(X[:60], y[:60])
    got = explainer.influence(X[60:], method="refit", rows=[7], target="predict")[:, 0]
    kept = np.delete(np.arange(60), 7)
    after = clone(MODELS[name]).fit(X[kept], y[kept]).predict(X[60:])
    before = clone(MODELS[name]).fit(X[:60], y[:60]).predict(X[60:])
    assert_allclose(got, after - before, atol=1e-6 * np.abs(before).max())
    table = explainer.explain(X[60:61], k=2)
    assert_allclose(table[0].value, before[0])


@pytest.mark.parametrize("name", ["poisson", "gamma"])
def test_weights_groups_and_sparse_rows(name):
    X, y = data(name)
    weight = np.random.default_rng(1).uniform(0.5, 2.0, 60)
    rows = [3, 17, 40, 41]
    kept = np.delete(np.arange(60), rows)
    model = MODELS[name]
    explainer = InfluenceExplainer(model).fit(X[:60], y[:60], weight)
    got = group_influence(explainer, [rows], X[60:], target="predict", method="refit")[:, 0]
    after = clone(model).fit(X[kept], y[kept], weight[kept]).predict(X[60:])
    before = clone(model).fit(X[:60], y[:60], weight).predict(X[60:])
    assert_allclose(got, after - before, atol=1e-8 * np.abs(before).max())
    stored = InfluenceExplainer(model).fit(sparse.csr_array(X[:60]), y[:60], weight)
    assert_allclose(
        stored.influence(X[60:], y[60:]), explainer.influence(X[60:], y[60:]), rtol=1e-6
    )


def test_other_values_and_other_rows():
    X, y = data("poisson")
    model = MODELS["poisson"]
    explainer = InfluenceExplainer(model).fit(X[:60], y[:60])
    other = y[:60].copy()
    other[5] = 9.0
    got = relabel_influence(explainer, X[60:], y[60:], y_new=other[[5]], rows=[5], method="refit")
    refitted = InfluenceExplainer(model).fit(X[:60], other)
    loss = explainer.objective_.loss

    def losses(fitted):
        return loss.value(y[60:, None], np.log(fitted.predict(X[60:]))[:, None])

    expected = losses(tightened(model).fit(X[:60], other)) - losses(model.fit(X[:60], y[:60]))
    assert_allclose(np.squeeze(got), expected, atol=1e-9)
    moved = X[[5]] + 0.3
    got = replacement_influence(explainer, [5], moved, None, X[60:], y[60:], method="refit")
    rows = X[:60].copy()
    rows[5] = moved
    expected = losses(clone(model).fit(rows, y[:60])) - losses(model)
    assert_allclose(got[:, 0], expected, atol=1e-9)
    assert refitted.health().newton_step_is_exact is False


def reweighted_hat(model, X, y, power):
    """Leverages of iteratively reweighted least squares without a penalty."""
    mean = model.predict(X)
    Z = np.column_stack([np.ones(len(X)), X]) * np.sqrt(mean ** (2.0 - power))[:, None]
    return np.einsum("ij,ij->i", Z @ np.linalg.inv(Z.T @ Z), Z), mean


@pytest.mark.parametrize("name, power", [("poisson", 1.0), ("gamma", 2.0), ("tweedie-1.5", 1.5)])
def test_diagnostics_are_those_of_generalised_linear_models(name, power):
    X, y = data(name)
    model = clone(MODELS[name]).set_params(alpha=0.0)
    table = InfluenceExplainer(model).fit(X, y).diagnostics()
    h, mean = reweighted_hat(model.fit(X, y), X, y, power)
    assert_allclose(table["leverage"], h, rtol=1e-7)
    pearson = (y - mean) / mean ** (power / 2)
    assert_allclose(table["pearson_residual"], pearson, rtol=1e-6, atol=1e-9)
    deviance = table["deviance_residual"].to_numpy()
    if power == 1.0:
        ratio = np.where(y > 0, y / mean, 1.0)
        assert_allclose(deviance**2, 2 * (y * np.log(ratio) - (y - mean)), rtol=1e-6, atol=1e-12)
    total = model.score(X, y)  # the share of the deviance that is explained
    losses = HalfTweedie(power).value(y[:, None], np.full((len(y), 1), np.log(y.mean())))
    assert_allclose(1 - (deviance**2).sum() / (2 * losses.sum()), total, rtol=1e-7)
    dispersion = 1.0 if power == 1.0 else (pearson**2).sum() / (len(y) - 4)
    cook = (pearson / (1 - h)) ** 2 * h / (4 * dispersion)
    assert_allclose(table["cooks_distance"], cook, rtol=1e-5)


def test_in_pipelines_and_searches():
    X, y = data("poisson")
    model = make_pipeline(StandardScaler(), PoissonRegressor(solver="newton-cholesky"))
    grid = {"poissonregressor__alpha": [0.01, 1.0]}
    explainer = InfluenceExplainer(GridSearchCV(model, grid, cv=3)).fit(X[:60], y[:60])
    assert explainer.score(X[60:], y[60:]) > 0.99


def test_what_has_no_mean_without_a_row_is_refused():
    with pytest.raises(TypeError, match='link="log"'):
        InfluenceExplainer(TweedieRegressor(power=1.5, link="identity")).fit(*data("poisson"))


def test_wrong_values_are_judged_in_units_of_predictions():
    X, y = data("gamma", n=200)
    y[3] *= 30.0
    flagger = LabelFlagger(GammaRegressor(alpha=0.01, solver="newton-cholesky")).fit(X, y)
    assert flagger.ranking_[0] == 3
    kept = np.delete(np.arange(200), 3)
    without = GammaRegressor(alpha=0.01, **TIGHT).fit(X[kept], y[kept]).predict(X[[3]])
    assert_allclose(flagger.loo_prediction_[3], without[0], rtol=0.05)


def test_counts_that_are_all_zero_are_refused_in_words():
    rows = np.random.default_rng(0).normal(size=(30, 3))
    with pytest.raises(ValueError, match="intercept_ of PoissonRegressor is not finite"):
        with np.errstate(all="ignore"):
            InfluenceExplainer(PoissonRegressor()).fit(rows, np.zeros(30))
