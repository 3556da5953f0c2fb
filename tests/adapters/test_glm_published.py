"""Generalised linear models of counts against published numbers, to the digits printed.

Warp breaks: Tippett (1950), Technological Applications of Statistics; the numbers are those of
R's ``summary(glm(breaks ~ wool + tension, family = poisson))``. Budworms: Collett (1991), Modelling
Binary Data, p. 75; the numbers are those of Venables & Ripley (2002), Modern Applied Statistics
with S, section 7.2.
"""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import xlogy
from sklearn.linear_model import LogisticRegression, PoissonRegressor

from skinfluence import InfluenceExplainer
from skinfluence.groups import group_influence

TIGHT = {"solver": "newton-cholesky", "tol": 1e-12}

BREAKS = [
    *(26, 30, 54, 25, 70, 52, 51, 26, 67, 18, 21, 29, 17, 12, 18, 35, 30, 36),
    *(36, 21, 24, 18, 10, 43, 28, 15, 26, 27, 14, 29, 19, 29, 31, 41, 20, 44),
    *(42, 26, 19, 16, 39, 28, 21, 39, 29, 20, 21, 24, 17, 13, 15, 15, 16, 28),
]
WOOL, TENSION = np.repeat([0, 1], 27), np.tile(np.repeat([0, 1, 2], 9), 2)

#: Of 20 budworms each, six doses for males and then for females.
DEAD = np.array([1, 4, 9, 13, 18, 20, 0, 2, 6, 10, 12, 16])
DOSE, MALE = np.tile(np.arange(6.0), 2), np.repeat([1.0, 0.0], 6)


@pytest.fixture(scope="module")
def warp_breaks():
    X = np.column_stack([WOOL, TENSION == 1, TENSION == 2]).astype(float)
    return InfluenceExplainer(PoissonRegressor(alpha=0.0, **TIGHT)).fit(X, BREAKS)


def test_warp_breaks_equal_r(warp_breaks):
    model, table = warp_breaks.estimator_, warp_breaks.diagnostics()
    coef = [model.intercept_, *model.coef_]
    assert_allclose(coef, [3.69196, -0.20599, -0.32132, -0.51849], atol=5e-6)
    deviance = table["deviance_residual"]
    assert (deviance**2).sum() == pytest.approx(210.39, abs=5e-3)
    quartiles = [-3.6871, -1.6503, -0.4269, 1.1902, 4.2616]
    assert_allclose(np.quantile(deviance, [0, 0.25, 0.5, 0.75, 1]), quartiles, atol=5e-5)
    # the dispersion of the quasi-Poisson family
    assert (table["pearson_residual"] ** 2).sum() / 50 == pytest.approx(4.2615, abs=5e-5)
    assert table["leverage"].sum() == pytest.approx(4.0)


def test_one_step_changes_of_warp_breaks_are_those_of_williams(warp_breaks):
    """Coefficients less (X'WX)^-1 x_i (y_i - mean_i) / (1 - h_i), and Cook's distance of them."""
    X = np.column_stack([warp_breaks.X_train_, np.ones(54)])
    mean = warp_breaks.estimator_.predict(warp_breaks.X_train_)
    inverse = np.linalg.inv((X.T * mean) @ X)
    h = mean * np.einsum("ij,jk,ik->i", X, inverse, X)
    step = -(X @ inverse) * ((BREAKS - mean) / (1 - h))[:, None]
    got = warp_breaks.coef_influence(method="newton_step")
    assert_allclose(got, step, atol=1e-12)
    table = warp_breaks.diagnostics()
    cook = np.einsum("ij,jk,ik->i", step, (X.T * mean) @ X, step) / 4
    assert_allclose(table["cooks_distance"], cook, rtol=1e-9)


@pytest.fixture(scope="module")
def budworms():
    """Binomial counts as weighted rows: the dead of each dose, then those alive."""
    X = np.column_stack([MALE, DOSE, MALE * DOSE])
    weight = np.concatenate([DEAD, 20 - DEAD]).astype(float)
    y = np.repeat([1, 0], 12)
    model = LogisticRegression(C=np.inf, **TIGHT)
    return InfluenceExplainer(model).fit(np.vstack([X, X]), y, sample_weight=weight)


def test_binomial_counts_equal_the_published_fit(budworms):
    model = budworms.estimator_
    coef = [*model.intercept_, *model.coef_[0]]
    assert_allclose(coef, [-2.9935, 0.1750, 0.9060, 0.3529], atol=5e-5)
    p = model.predict_proba(budworms.X_train_[:12])[:, 1]
    dead = xlogy(DEAD, DEAD / (20 * p)) + xlogy(20 - DEAD, (20 - DEAD) / (20 * (1 - p)))
    assert 2 * dead.sum() == pytest.approx(4.9937, abs=5e-5)
    inverse = np.linalg.inv(budworms.objective_.hessian().to_dense())
    layout = budworms.objective_.estimator_layout(np.eye(4)[:, None])
    errors = np.sqrt(np.einsum("ij,ik,kl->jl", layout, inverse, layout).diagonal())
    assert_allclose(errors, [0.7783, 0.1671, 0.2700, 0.5527], atol=5e-5)


def test_a_dose_leaves_as_the_group_of_its_two_rows(budworms):
    X, model = budworms.X_train_[:12], budworms.estimator_
    Z, p = np.column_stack([X, np.ones(12)]), model.predict_proba(X)[:, 1]
    inverse = np.linalg.inv((Z.T * (20 * p * (1 - p))) @ Z)
    h = 20 * p * (1 - p) * np.einsum("ij,jk,ik->i", Z, inverse, Z)
    leverage = budworms.leverage()
    assert_allclose(leverage[:12] + leverage[12:], h, rtol=1e-9)
    # the change of the log-odds of dose i without it: Pregibon's one-step form
    groups = [[i, i + 12] for i in range(12)]
    got = group_influence(budworms, groups, X, target="decision_function", method="newton_step")
    pearson = (DEAD - 20 * p) / np.sqrt(20 * p * (1 - p))
    own = -pearson * h / (1 - h) / np.sqrt(20 * p * (1 - p))
    assert_allclose(got.diagonal(), own, rtol=1e-8)
    without = LogisticRegression(C=np.inf, **TIGHT)
    kept = np.setdiff1d(np.arange(24), groups[5])
    without.fit(
        budworms.X_train_[kept], budworms.y_train_[kept], budworms.sample_weight_train_[kept]
    )
    got = group_influence(budworms, [groups[5]], X, target="decision_function", method="refit")
    change = without.decision_function(X) - model.decision_function(X)
    assert_allclose(got[:, 0], change, atol=1e-8)
