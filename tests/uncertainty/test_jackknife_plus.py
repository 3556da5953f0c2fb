"""Jackknife+ against n real refits, its coverage, and scikit-learn's checks."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.linear_model import LogisticRegression, PoissonRegressor, Ridge, RidgeClassifier
from sklearn.model_selection import KFold, ShuffleSplit
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import parametrize_with_checks

from skinfluence.uncertainty import JackknifePlusClassifier, JackknifePlusRegressor


@pytest.fixture(scope="module")
def diabetes():
    X, y = load_diabetes(return_X_y=True)
    return X[:120], y[:120], X[120:140], y[120:140]


def by_refits(model, X, y, new, alpha, folds):
    """The definition of Barber et al. (2021), equations 1.4 and 3.1, with real refits."""
    lower, upper = [], []
    for fold in folds:
        fit = clone(model).fit(np.delete(X, fold, axis=0), np.delete(y, fold))
        for i in fold:
            residual = abs(y[i] - fit.predict(X[[i]])[0])
            lower.append(fit.predict(new) - residual)
            upper.append(fit.predict(new) + residual)
    n = len(lower)
    lower, upper = np.sort(lower, axis=0), np.sort(upper, axis=0)
    low, high = int(np.floor(alpha * (n + 1))), int(np.ceil((1 - alpha) * (n + 1)))
    return np.column_stack([lower[low - 1], upper[high - 1]])


@pytest.mark.parametrize(
    "model", [Ridge(0.1), make_pipeline(FunctionTransformer(np.sign), Ridge())]
)
@pytest.mark.parametrize("cv", [None, 6])
def test_intervals_are_those_of_real_refits(model, cv, diabetes):
    X, y, new, _ = diabetes
    folds = [[i] for i in range(len(y))]
    if cv:
        folds = [test for _, test in KFold(cv).split(X)]
    expected = by_refits(model, X, y, new, 0.2, folds)
    mine = JackknifePlusRegressor(model, alpha=0.2, cv=cv).fit(X, y).predict_interval(new)
    np.testing.assert_allclose(mine, expected, rtol=1e-8)


def test_counts_in_the_units_of_predict(diabetes):
    X, y, new, _ = diabetes
    X, new, y = X / X.std(axis=0), new / X.std(axis=0), np.round(y / 40)
    model = PoissonRegressor(alpha=1e-3, solver="newton-cholesky", tol=1e-8)
    expected = by_refits(model, X, y, new, 0.2, [[i] for i in range(len(y))])
    mine = JackknifePlusRegressor(model, alpha=0.2, method="refit").fit(X, y).predict_interval(new)
    np.testing.assert_allclose(mine, expected, rtol=1e-4)


@pytest.mark.parametrize("cv", [None, 5])
@pytest.mark.parametrize("model", [LogisticRegression(tol=1e-10, max_iter=1000), GaussianNB()])
def test_sets_are_those_of_real_refits(model, cv):
    X, y = load_iris(return_X_y=True)
    X, y, new = X[::2], y[::2], X[1::6]
    mine = JackknifePlusClassifier(model, alpha=0.1, cv=cv, method="refit").fit(X, y)
    folds = [[i] for i in range(len(y))] if cv is None else mine._folds
    count = np.zeros((len(new), 3))
    for fold in folds:
        fit = clone(model).fit(np.delete(X, fold, axis=0), np.delete(y, fold))
        for i in fold:
            own = 1 - fit.predict_proba(X[[i]])[0, y[i]]
            count += own < 1 - fit.predict_proba(new)
    np.testing.assert_array_equal(mine.predict_set(new), count < 0.9 * (len(y) + 1))


def test_coverage():
    rng, inside = np.random.default_rng(0), []
    for _ in range(100):
        X = rng.normal(size=(60, 10))
        y = X[:, 0] + rng.standard_t(3, size=60)
        model = JackknifePlusRegressor(Ridge(), alpha=0.2).fit(X[:40], y[:40])
        low, high = model.predict_interval(X[40:]).T
        inside.append(((low <= y[40:]) & (y[40:] <= high)).mean())
    assert 0.77 <= np.mean(inside) <= 0.87
    X, y = load_breast_cancer(return_X_y=True)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    sets = JackknifePlusClassifier(alpha=0.05).fit(X[:250], y[:250]).predict_set(X[250:])
    held = sets[np.arange(len(sets)), y[250:]].mean()
    assert 0.9 <= held <= 0.99


def test_few_rows_give_infinite_intervals(diabetes):
    X, y, new, _ = diabetes
    interval = JackknifePlusRegressor(alpha=0.05).fit(X[:10], y[:10]).predict_interval(new[:1])
    assert interval.tolist() == [[-np.inf, np.inf]]


def test_rows_of_weight_zero_are_as_good_as_absent(diabetes):
    X, y, new, _ = diabetes
    weight = np.ones(len(y))
    weight[::3] = 0.0
    there = weight > 0
    mine = JackknifePlusRegressor(Ridge()).fit(X, y, sample_weight=weight)
    less = JackknifePlusRegressor(Ridge()).fit(X[there], y[there])
    np.testing.assert_allclose(mine.predict_interval(new), less.predict_interval(new), rtol=1e-9)


def test_bad_input(diabetes):
    X, y, _, _ = diabetes
    with pytest.raises(TypeError, match="take JackknifePlusClassifier"):
        JackknifePlusRegressor(LogisticRegression()).fit(X, y > 100)
    with pytest.raises(TypeError, match="take JackknifePlusRegressor"):
        JackknifePlusClassifier(Ridge()).fit(X, y)
    with pytest.raises(TypeError, match="has no probabilities"):
        JackknifePlusClassifier(RidgeClassifier()).fit(X, y > 100)
    with pytest.raises(ValueError, match=r"alpha=1\.5"):
        JackknifePlusRegressor(alpha=1.5).fit(X, y)
    with pytest.raises(ValueError, match="more than once"):
        JackknifePlusRegressor(cv=ShuffleSplit(3, random_state=0)).fit(X, y)
    with pytest.raises(ValueError, match="1d array"):
        JackknifePlusRegressor().fit(X, np.column_stack([y, y]))


WHOLE = "a row of weight two is left out as a whole, one of two equal rows is not"


@parametrize_with_checks([JackknifePlusRegressor(), JackknifePlusClassifier()])
def test_conformance(estimator, check):
    check(estimator)


def test_the_models_without_a_row_serve_all_predictions(monkeypatch, diabetes):
    X, y, new, _ = diabetes
    model = JackknifePlusRegressor(method="refit").fit(X, y)
    calls, own = [], model._left_out
    monkeypatch.setattr(model, "_left_out", lambda: calls.append(1) or own())
    first = model.predict_interval(new)
    np.testing.assert_array_equal(model.predict_interval(new), first)
    assert len(calls) == 1
    other = model.fit(X[:60], y[:60]).predict_interval(new)  # and are made anew after a fit
    assert len(calls) == 2 and (other != first).any()
