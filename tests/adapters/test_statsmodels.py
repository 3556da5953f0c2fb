"""Results of statsmodels are explained as statsmodels itself refits them."""

import numpy as np
import pytest

from skinfluence import InfluenceExplainer, supports
from skinfluence.adapters import UnsupportedEstimatorError

sm = pytest.importorskip("statsmodels.api", reason="statsmodels is not installed")

RNG = np.random.default_rng(0)
X = np.column_stack([np.ones(60), RNG.standard_normal((60, 3))])
MEAN = np.exp(0.3 + 0.4 * X[:, 1] - 0.3 * X[:, 2])
COUNTS = RNG.poisson(MEAN).astype(float)
POSITIVE = RNG.gamma(3.0, MEAN / 3.0)
VALUES = np.log(POSITIVE)
LABELS = (RNG.random(60) < 1 / (1 + np.exp(-X[:, 1]))).astype(float)
WEIGHTS = 0.5 + RNG.random(60)
FAMILIES = sm.families


def glm(family):
    return lambda y, X, w: sm.GLM(y, X, family=family, var_weights=w).fit(tol=1e-14, maxiter=200)


def newton(model):
    return lambda y, X, w: model(y, X).fit(disp=0, method="newton", tol=1e-14, maxiter=200)


CASES = {
    "OLS": (lambda y, X, w: sm.OLS(y, X).fit(), VALUES),
    "WLS": (lambda y, X, w: sm.WLS(y, X, weights=w).fit(), VALUES),
    "GLM-gaussian": (glm(FAMILIES.Gaussian()), VALUES),
    "GLM-poisson": (glm(FAMILIES.Poisson()), COUNTS),
    "GLM-gamma": (glm(FAMILIES.Gamma(FAMILIES.links.Log())), POSITIVE),
    "GLM-tweedie": (glm(FAMILIES.Tweedie(FAMILIES.links.Log(), var_power=1.5)), COUNTS),
    "GLM-binomial": (glm(FAMILIES.Binomial()), LABELS),
    "Logit": (newton(sm.Logit), LABELS),
    "Poisson": (newton(sm.Poisson), COUNTS),
}


def explained(name):
    make, y = CASES[name]
    results = make(y, X, WEIGHTS)
    return InfluenceExplainer(results).fit(results.model.exog, results.model.endog), results


@pytest.mark.parametrize("name", CASES)
def test_refits_are_those_of_statsmodels(name):
    make, y = CASES[name]
    explainer, results = explained(name)
    assert explainer.stationarity_ < 1e-8
    target = "predict_proba" if y is LABELS else "predict"
    sign = np.where(results.predict(X[:5]) > 0.5, 1.0, -1.0) if y is LABELS else np.ones(5)
    for row in (3, 17):
        kept = np.delete(np.arange(60), row)
        after = make(y[kept], X[kept], WEIGHTS[kept]).predict(X[:5])
        truth = sign * (after - results.predict(X[:5]))
        got = explainer.influence(X[:5], target=target, rows=[row], method="refit")[:, 0]
        assert np.abs(got - truth).max() < 1e-6 * np.abs(truth).max()


def test_diagnostics_are_those_of_statsmodels():
    explainer, results = explained("OLS")
    table, theirs = explainer.diagnostics(), results.get_influence()
    for name, expected in {
        "leverage": theirs.hat_matrix_diag,
        "cooks_distance": theirs.cooks_distance[0],
        "dffits": theirs.dffits[0],
        "studentized_residual": theirs.resid_studentized_external,
    }.items():
        assert np.abs(table[name] - expected).max() < 1e-9 * np.abs(expected).max()


def test_rows_may_be_frames():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=["const", "a", "b", "c"])
    values = pandas.Series(VALUES)
    explainer = InfluenceExplainer(sm.OLS(values, frame).fit()).fit(frame, values)
    expected = explained("OLS")[0].influence(X[:3], VALUES[:3])
    assert np.abs(explainer.influence(frame[:3], values[:3]) - expected).max() < 1e-12


def test_what_is_refused():
    results = sm.GLM(COUNTS, X, family=FAMILIES.Poisson(), offset=np.ones(60)).fit()
    probit = sm.Probit(LABELS, X).fit(disp=0)
    sparse = sm.Logit(LABELS, X).fit_regularized(disp=0, alpha=0.1)
    for made in (results, probit, sparse):
        assert not supports(made)
        with pytest.raises(UnsupportedEstimatorError, match="without offset or exposure"):
            InfluenceExplainer(made).fit(X, made.model.endog)
    assert supports(explained("OLS")[1])
    results = explained("OLS")[1]
    with pytest.raises(ValueError, match=r"Pass fit\(results.model.exog"):
        InfluenceExplainer(results).fit(X[:50], VALUES[:50])
    with pytest.raises((UnsupportedEstimatorError, TypeError), match="sample_weight"):
        InfluenceExplainer(results).fit(X, VALUES, WEIGHTS)
