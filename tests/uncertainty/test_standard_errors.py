"""Standard errors against the textbook's formulas and real refits."""

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.linear_model import LinearRegression, LogisticRegression, PoissonRegressor, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.svm import LinearSVC

from skinfluence import InfluenceExplainer
from skinfluence.targets import Mean, Probability
from skinfluence.uncertainty import coef_covariance, standard_error

KINDS = ["HC0", "HC1", "HC2", "HC3"]


@pytest.fixture(scope="module")
def table():
    X, y = load_diabetes(return_X_y=True)
    return X[:150, :4], y[:150], 1.0 + np.arange(150) % 4


def textbook(X, y, kind, weight):
    """Sandwich of weighted least squares with an intercept, as econometrics texts define it."""
    Z = np.column_stack([X, np.ones(len(X))]) * np.sqrt(weight)[:, None]
    e = y * np.sqrt(weight) - Z @ np.linalg.lstsq(Z, y * np.sqrt(weight), rcond=None)[0]
    bread = np.linalg.inv(Z.T @ Z)
    h = np.einsum("ij,jk,ik->i", Z, bread, Z)
    n, p = Z.shape
    square = {
        "HC0": e**2,
        "HC1": e**2 * n / (n - p),
        "HC2": e**2 / (1 - h),
        "HC3": e**2 / (1 - h) ** 2,
    }[kind]
    return bread @ (Z.T * square) @ Z @ bread


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("weighted", [False, True])
def test_least_squares(kind, weighted, table):
    X, y, weight = table
    weight = weight if weighted else np.ones(len(y))
    explainer = InfluenceExplainer(LinearRegression()).fit(X, y, sample_weight=weight)
    expected = textbook(X, y, kind, weight)
    np.testing.assert_allclose(coef_covariance(explainer, kind), expected, rtol=1e-10)
    Z = np.column_stack([X[:5], np.ones(5)])
    predicted = np.sqrt(np.einsum("ij,jk,ik->i", Z, expected, Z))
    np.testing.assert_allclose(standard_error(explainer, X[:5], kind=kind), predicted, rtol=1e-10)


@pytest.mark.parametrize("kind", ["HC0", "HC1"])
def test_clusters_of_least_squares(kind, table):
    X, y, _ = table
    groups = np.arange(150) // 7
    explainer = InfluenceExplainer(LinearRegression()).fit(X, y)
    Z = np.column_stack([X, np.ones(len(X))])
    e = y - Z @ np.linalg.lstsq(Z, y, rcond=None)[0]
    bread = np.linalg.inv(Z.T @ Z)
    scores = np.stack([(Z * e[:, None])[groups == g].sum(axis=0) for g in np.unique(groups)])
    n, p, G = *Z.shape, len(scores)
    factor = 1.0 if kind == "HC0" else G / (G - 1) * (n - 1) / (n - p)
    expected = factor * bread @ scores.T @ scores @ bread
    np.testing.assert_allclose(coef_covariance(explainer, kind, groups=groups), expected, rtol=1e-9)
    predicted = np.sqrt(np.einsum("ij,jk,ik->i", Z[:3], expected, Z[:3]))
    mine = standard_error(explainer, X[:3], kind=kind, groups=groups)
    np.testing.assert_allclose(mine, predicted, rtol=1e-9)


def really_left_out(model, X, y, groups, values):
    """Values of the models that are really refitted without each group."""
    left = [groups != g for g in np.unique(groups)]
    return np.stack([values(model.fit(X[rows], y[rows])) for rows in left])


@pytest.mark.parametrize("size", [1, 10])
def test_jackknife_is_that_of_real_refits(size, table):
    X, y, _ = table
    groups = np.arange(150) // size
    explainer = InfluenceExplainer(Ridge(0.1)).fit(X, y)
    coefs = really_left_out(Ridge(0.1), X, y, groups, lambda m: np.append(m.coef_, m.intercept_))
    G = len(coefs)
    expected = (G - 1) * np.cov(coefs.T, bias=True)
    given = None if size == 1 else groups
    mine = coef_covariance(explainer, "jackknife", groups=given)
    np.testing.assert_allclose(mine, expected, rtol=1e-8)
    predictions = really_left_out(Ridge(0.1), X, y, groups, lambda m: m.predict(X[:4]))
    errors = np.sqrt((G - 1) * predictions.var(axis=0))
    mine = standard_error(explainer, X[:4], kind="jackknife", groups=given)
    np.testing.assert_allclose(mine, errors, rtol=1e-8)


def test_logistic_regression_by_its_own_sandwich():
    X, y = load_breast_cancer(return_X_y=True)
    X = X[:, :3] / X[:, :3].std(axis=0)
    explainer = InfluenceExplainer(LogisticRegression(C=10.0, tol=1e-10)).fit(X, y)
    coef = np.append(explainer.estimator_.coef_, explainer.estimator_.intercept_)
    Z = np.column_stack([X, np.ones(len(X))])
    p = explainer.predict_proba(X)[:, 1]
    hessian = (Z.T * (p * (1 - p))) @ Z + np.diag([0.1, 0.1, 0.1, 0.0])
    bread, scores = np.linalg.inv(hessian), Z * (p - y)[:, None]
    assert coef.shape == (4,)
    np.testing.assert_allclose(
        coef_covariance(explainer, "HC0"), bread @ scores.T @ scores @ bread, rtol=1e-6
    )


def test_functionals_of_all_rows(table):
    X, y, _ = table
    y = np.round(y / 40)
    explainer = InfluenceExplainer(PoissonRegressor(alpha=1e-3, max_iter=1000)).fit(X, y)
    (error,) = standard_error(explainer, X, y, target=Mean("loss"), kind="jackknife")
    effects = explainer.influence(X, y, target=Mean("loss"), method="newton_step")[0]
    assert error == pytest.approx(np.sqrt(149 * effects.var()), rel=1e-9)


def test_models_in_closed_form():
    X, y = load_breast_cancer(return_X_y=True)
    X, y, groups = X[:60, :2], y[:60], np.arange(60) // 6
    explainer = InfluenceExplainer(GaussianNB()).fit(X, y)
    for given, size in [(None, 1), (groups, 6)]:
        real = really_left_out(
            GaussianNB(), X, y, np.arange(60) // size, lambda m: m.predict_proba(X[:3])[:, 1]
        )
        mine = standard_error(
            explainer, X[:3], target=Probability(1), kind="jackknife", groups=given
        )
        np.testing.assert_allclose(mine, np.sqrt((len(real) - 1) * real.var(axis=0)), rtol=1e-7)
    with pytest.raises(ValueError, match="counts coefficients"):
        standard_error(explainer, X, kind="HC1")
    with pytest.raises(TypeError, match="needs an objective"):
        coef_covariance(explainer)


def test_coverage_where_the_spread_of_errors_grows():
    """The point of these errors: the usual ones are too small where noise grows with x."""
    rng, inside = np.random.default_rng(0), []
    for _ in range(300):
        x = rng.uniform(0, 1, size=(100, 1))
        y = 2 * x[:, 0] + x[:, 0] ** 2 * 3 * rng.normal(size=100)
        explainer = InfluenceExplainer(LinearRegression(), verbose=0).fit(x, y)
        error = np.sqrt(coef_covariance(explainer)[0, 0])
        inside.append(abs(explainer.estimator_.coef_[0] - 2) < 1.96 * error)
    assert 0.91 <= np.mean(inside) <= 0.98


def test_bad_input(table):
    X, y, _ = table
    explainer = InfluenceExplainer(Ridge()).fit(X, y)
    with pytest.raises(ValueError, match="kind='HC4'"):
        coef_covariance(explainer, "HC4")
    with pytest.raises(ValueError, match="not known for groups"):
        standard_error(explainer, X, kind="HC2", groups=np.arange(150) // 3)
    with pytest.raises(ValueError, match="100 of 150 training rows are in no group"):
        coef_covariance(explainer, groups=[np.arange(50)])
    with pytest.raises(TypeError, match="expected an InfluenceExplainer"):
        standard_error(Ridge(), X)
    hinge = InfluenceExplainer(LinearSVC(loss="hinge", max_iter=100_000)).fit(X, y > 150)
    with pytest.warns(UserWarning, match="stands in"):
        coef_covariance(hinge)


@pytest.mark.parametrize("kind", ["HC1", "HC3", "jackknife"])
@pytest.mark.parametrize("grouped", [False, True])
def test_rows_of_weight_zero_are_as_good_as_absent(kind, grouped, table):
    X, y, weights = table[0], table[1], table[2].copy()
    weights[:8] = 0.0
    site = np.arange(len(y)) // 4 if grouped else None
    with_them = InfluenceExplainer(LinearRegression()).fit(X, y, sample_weight=weights)
    absent = InfluenceExplainer(LinearRegression()).fit(X[8:], y[8:], sample_weight=weights[8:])
    others = None if site is None else site[8:]
    want = coef_covariance(absent, kind, groups=others)
    np.testing.assert_allclose(coef_covariance(with_them, kind, groups=site), want, rtol=1e-9)
    want = standard_error(absent, X[:3], kind=kind, groups=others)
    np.testing.assert_allclose(
        standard_error(with_them, X[:3], kind=kind, groups=site), want, rtol=1e-9
    )
