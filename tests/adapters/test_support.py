"""supports(): an answer and a sentence for every estimator of scikit-learn, fitted or not."""

import importlib.util
import re
import warnings

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, OutlierMixin, RegressorMixin
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import RandomForestClassifier, VotingRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge, RidgeCV, SGDOneClassSVM
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import Normalizer, StandardScaler
from sklearn.svm import LinearSVC
from sklearn.utils import all_estimators

from skinfluence import InfluenceExplainer, supports
from skinfluence.adapters._unsupported import UNKNOWN, family_of
from tests._data import ROOT

spec = importlib.util.spec_from_file_location("supported_models", ROOT / "docs/supported_models.py")
table = importlib.util.module_from_spec(spec)
spec.loader.exec_module(table)


@pytest.mark.parametrize("name, cls", table.estimators(), ids=lambda value: str(value)[:40])
def test_every_estimator_of_scikit_learn_has_an_entry_of_its_own(name, cls):
    found = supports(table.instance(cls))
    assert found.answer in ("yes", "caveat", "no")
    assert found.reason.endswith(".")
    if not found and issubclass(cls, ClassifierMixin | RegressorMixin):
        assert UNKNOWN.reason not in found.reason
        assert family_of(cls) is not UNKNOWN or "is not supported" in found.reason
        assert "Use " in found.reason or "Expected " in found.reason


def test_an_estimator_without_an_entry_is_told_apart():
    class Novel(ClassifierMixin, BaseEstimator):
        def fit(self, X, y):
            return self

    assert UNKNOWN.reason in supports(Novel()).reason
    assert family_of(Novel) is UNKNOWN


@pytest.mark.parametrize("kind", ["cluster", "transformer"])
def test_what_predicts_no_label_gets_a_sensible_no(kind):
    for name, cls in all_estimators(kind):
        if issubclass(cls, ClassifierMixin | RegressorMixin | OutlierMixin):
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                estimator = cls()
        except TypeError:  # around others
            continue
        found = supports(estimator)
        assert found.answer == "no"
        assert found.reason.startswith(name)
        assert "there is no prediction" in found.reason
        assert "classifier" in found.reason


STEPS = make_pipeline(StandardScaler(), Ridge())


@pytest.mark.parametrize(
    "estimator, answer, reason",
    [
        (Ridge(), "yes", "refits of the estimator itself"),
        (RidgeCV(), "caveat", "alpha_ is held fixed"),
        (LinearSVC(), "yes", ""),
        (LinearSVC(loss="hinge"), "caveat", "smooth hinge"),
        (Ridge(positive=True), "no", "Expected positive=False"),
        (STEPS, "caveat", "The fitted StandardScaler is held fixed."),
        (make_pipeline(Normalizer(), "passthrough", Ridge()), "yes", ""),
        (make_pipeline(StandardScaler(), RidgeCV()), "caveat", "alpha_.*fitted StandardScaler"),
        (GridSearchCV(Ridge(), {"alpha": [1.0, 2.0]}), "caveat", "that the search chose"),
        (GridSearchCV(STEPS, {"ridge__alpha": [1.0]}), "caveat", "that the search chose"),
        (GridSearchCV(Ridge(), {"alpha": [1.0]}, refit=False), "no", "expected refit=True"),
        (FrozenEstimator(Ridge()), "yes", ""),
        (make_pipeline(StandardScaler(), RandomForestClassifier()), "no", "made of trees"),
        (Pipeline([("scale", StandardScaler()), ("model", None)]), "no", "pipeline ends with None"),
        (Ridge, "no", r"is a class. Expected an estimator: Ridge\(\)"),
        ("ridge", "no", "no estimator of scikit-learn"),
        (None, "no", "no estimator of scikit-learn"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_the_answer_is_that_of_the_whole_estimator(estimator, answer, reason):
    found = supports(estimator)
    assert found.answer == answer
    assert bool(found) is (answer != "no")
    assert re.search(reason, found.reason)
    assert str(found) == repr(found)
    assert found.answer in str(found)


def test_the_answer_is_the_same_for_a_fitted_estimator_and_what_the_explainer_does():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 3)), rng.integers(0, 2, 40)
    for estimator in (LogisticRegression(), STEPS, RandomForestClassifier(2)):
        found = supports(estimator)
        assert supports(estimator.fit(X, y)) == found
        if not found:
            with pytest.raises(TypeError, match="made of trees"):
                InfluenceExplainer(estimator).fit(X, y)


def test_a_fitted_search_is_what_it_chose():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 3)), rng.integers(0, 2, 40)
    steps = Pipeline([("model", LogisticRegression())])
    search = GridSearchCV(steps, {"model": [RandomForestClassifier(2, random_state=0)]}, cv=2)
    assert supports(search).answer == "no"
    mixed = GridSearchCV(steps, {"model": [LogisticRegression(), RandomForestClassifier(2)]})
    assert supports(mixed).answer == "caveat"
    assert supports(search.fit(X, y)).answer == "no"


def test_a_one_class_machine_is_refused_with_its_own_reason():
    assert "stochastic steps without labels" in supports(SGDOneClassSVM()).reason


def test_a_frozen_member_is_told_of():
    frozen = FrozenEstimator(Ridge().fit([[0.0], [1.0]], [0.0, 1.0]))
    found = supports(VotingRegressor([("one", frozen), ("two", Ridge())]))
    assert found.answer == "caveat"
    assert "a refit of the whole leaves it as it is" in found.reason


def test_the_caveat_of_a_member_of_a_member_is_given_once():
    inner = VotingRegressor([("a", make_pipeline(StandardScaler(), Ridge())), ("b", Ridge())])
    found = supports(TransformedTargetRegressor(inner))
    assert found.reason == "Of a member: The fitted StandardScaler is held fixed."
