"""Estimators and settings without a smooth objective are refused with what to do instead."""

import warnings

import numpy as np
import pytest
import sklearn
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import (
    LinearRegression,
    LogisticRegression,
    LogisticRegressionCV,
    Ridge,
    RidgeClassifier,
)
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.utils.fixes import parse_version

from skinfluence import InfluenceExplainer
from skinfluence.adapters import UnsupportedEstimatorError
from tests.adapters._cases import table

OLD = parse_version(sklearn.__version__) < parse_version("1.8")


class MyRidge(Ridge):
    """May minimise anything: a subclass is not its parent."""


REFUSED = [
    (
        RandomForestClassifier(3),
        "two classes",
        r"RandomForestClassifier cannot be explained: it is made of trees.*Supported: ",
    ),
    (RandomForestClassifier(3), "two classes", "LinearSVC, LinearSVR, LogisticRegression"),
    (MyRidge(), "values", r"MyRidge is a subclass of Ridge, .*skinfluence.adapters.register"),
    (Ridge(positive=True), "values", "Ridge with positive=True.*Expected positive=False"),
    (LinearRegression(positive=True), "values", "LinearRegression with positive=True"),
    (RidgeClassifier(positive=True), "two classes", "RidgeClassifier with positive=True"),
    (
        LogisticRegressionCV(Cs=2, cv=2, refit=False),
        "two classes",
        "refit=False.*averaged coefficients minimise nothing",
    ),
    (
        LinearSVC(multi_class="crammer_singer"),
        "three classes",
        r"multi_class='crammer_singer'.*Expected multi_class=\"ovr\"",
    ),
    (LinearSVC(penalty="l1", dual=False), "two classes", "penalty='l1'.*penalty=\"l2\""),
    (
        GridSearchCV(Ridge(), {"alpha": [1.0]}, cv=2, refit=False),
        "values",
        "refit=False has no best_estimator_: expected refit=True",
    ),
    (make_pipeline(StandardScaler(), "passthrough"), "values", "pipeline ends with 'passthrough'"),
]


def fit(estimator, X, y):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn's own, about these settings
        return InfluenceExplainer(estimator).fit(X, y)


@pytest.mark.parametrize(
    "estimator, kind, message", REFUSED, ids=[f"{type(r[0]).__name__}-{r[2][:24]}" for r in REFUSED]
)
def test_what_has_no_smooth_objective_is_refused(estimator, kind, message):
    X, y, _, _, _ = table(kind, False)
    with pytest.raises(UnsupportedEstimatorError, match=message):
        fit(estimator, X, y)


def test_multilabel_targets_are_refused():
    X, y, _, _, _ = table("two values", False)
    with pytest.raises(UnsupportedEstimatorError, match=r"multilabel-indicator.*one label"):
        fit(RidgeClassifier(), X, (y > 0).astype(int))


@pytest.mark.skipif(not OLD, reason="scikit-learn 1.8 refuses these itself")
@pytest.mark.parametrize(
    "settings, kind",
    [({"solver": "liblinear"}, "three classes"), ({"multi_class": "ovr"}, "three classes")],
    ids=["liblinear", "ovr"],
)
def test_one_versus_rest_logistic_regression_is_refused(settings, kind):
    X, y, _, _, _ = table(kind, False)
    with pytest.raises(UnsupportedEstimatorError, match=r"3 classes.*leave multi_class alone"):
        fit(LogisticRegression(**settings), X, y)


@pytest.mark.parametrize(
    "weights, message",
    [
        (-1.0, "negative entries; expected weights >= 0"),
        (0.0, "zero for every row|at least one non-zero"),
    ],
    ids=["negative", "zero"],
)
def test_weights_that_mean_nothing_are_refused(weights, message):
    X, y, _, _, _ = table("values", False)
    given = np.full(len(y), weights) if weights == 0 else np.r_[weights, np.ones(len(y) - 1)]
    frozen = FrozenEstimator(Ridge().fit(X, y))
    with pytest.raises(ValueError, match=message):
        InfluenceExplainer(frozen).fit(X, y, given)
