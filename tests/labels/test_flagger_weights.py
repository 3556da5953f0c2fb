"""Weights of the rows of a flagger: zero, twos, and estimators that take none."""

import numpy as np
import pytest
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler

from skinfluence import LabelFlagger
from tests.labels._flipped import X, logistic, y


@pytest.mark.parametrize("estimator", [None, logistic, ExtraTreesClassifier(10)])
def test_a_row_of_weight_zero_is_absent(estimator):
    weight = np.ones(300)
    weight[:40] = 0.0
    scrambled, labels = X.copy(), y.copy()
    scrambled[:40] *= 1e3
    labels[:40] = 1 - labels[:40]
    whole = LabelFlagger(estimator).fit(scrambled, labels, sample_weight=weight)
    rest = LabelFlagger(estimator).fit(X[40:], y[40:])
    for name in ("scores_", "flagged_", "suggested_", "loo_proba_"):
        np.testing.assert_array_equal(getattr(whole, name)[40:], getattr(rest, name))
    np.testing.assert_allclose(
        whole.scores_[:40], rest.score_labels(scrambled[:40], labels[:40]), rtol=1e-9, atol=1e-12
    )


@pytest.mark.parametrize("estimator", [None, Ridge(), ExtraTreesRegressor(10)])
def test_a_value_of_weight_zero_is_absent(estimator):
    weight, values = np.ones(300), X @ np.arange(X.shape[1])
    weight[:40] = 0.0
    rest = LabelFlagger(estimator).fit(X[40:], values[40:])
    values[:40] += 1e3
    whole = LabelFlagger(estimator).fit(X, values, sample_weight=weight)
    for name in ("scores_", "flagged_", "suggested_", "row_weight_"):
        np.testing.assert_array_equal(getattr(whole, name)[40:], getattr(rest, name))
    want = rest.score_labels(X[:40], values[:40])
    np.testing.assert_allclose(whole.scores_[:40], want, rtol=1e-9, atol=1e-12)


def test_a_class_without_weight_is_no_class():
    weight = np.ones(300)
    weight[0] = 0.0
    labels = y.copy()
    labels[0] = 9
    found = LabelFlagger(logistic).fit(X, labels, sample_weight=weight)
    np.testing.assert_array_equal(found.classes_, [0, 1])
    assert found.scores_[0] == 1.0
    assert found.suggested_[0] in (0, 1)
    assert len(found.report()) == 300
    assert found.explainer_.influence(X[:3], [0, 1, 1]).shape == (3, 300)


def test_weights_are_repetitions():
    weight = np.ones(300)
    weight[50:100] = 2.0
    repeated = np.r_[np.arange(300), np.arange(50, 100)]
    model = LabelFlagger(LogisticRegression(C=0.01, tol=1e-10), noise_model=False, damping=0)
    scaled = StandardScaler().fit_transform(X)
    weighted = model.fit(scaled, y, sample_weight=weight).explainer_.objective_.coef
    twice = model.fit(scaled[repeated], y[repeated]).explainer_.objective_
    # the centre of the columns is the same: so are coefficients and intercept
    np.testing.assert_allclose(weighted, twice.coef, rtol=1e-8)


def test_no_weight_reaches_an_estimator_that_takes_none():
    weight = np.ones(300)
    weight[3] = 2.0
    with pytest.raises(ValueError, match=r"KNeighborsClassifier takes no sample_weight"):
        LabelFlagger(KNeighborsClassifier()).fit(X, y, sample_weight=weight)
    zero = np.where(np.arange(300) < 40, 0.0, 1.0)
    assert LabelFlagger(KNeighborsClassifier()).fit(X, y, sample_weight=zero).scores_.shape == (
        300,
    )
