"""Cleaned estimators as scikit-learn uses them: delegation, searches, pickles, pipelines."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skinfluence import CleanedClassifier, CleanedRegressor, LabelFlagger
from tests.labels._cleaned import X, classifier, known, proba, truth, weight, y
from tests.labels._quick import quick


def test_everything_is_delegated_to_the_estimator():
    got = classifier().fit(X, y)
    for method in ("predict", "predict_proba", "predict_log_proba", "decision_function"):
        np.testing.assert_array_equal(getattr(got, method)(X), getattr(got.estimator_, method)(X))
    assert got.score(X, truth) == (got.predict(X) == truth).mean()
    assert got.score(X, truth, sample_weight=weight) != got.score(X, truth)
    np.testing.assert_array_equal(got.classes_, [0, 1])


class Lenient(LogisticRegression):
    """A classifier with a score of its own."""

    def score(self, X, y):
        return 42.0


def test_the_score_is_the_estimators_own():
    assert CleanedClassifier(Lenient(), known, action="drop").fit(X, y).score(X, y) == 42.0


def test_only_what_the_estimator_has_is_there():
    neighbours = CleanedClassifier(KNeighborsClassifier(), known, action="drop")
    for model in (neighbours, neighbours.fit(X, y)):
        assert hasattr(model, "predict_proba") and not hasattr(model, "decision_function")
    assert not hasattr(CleanedRegressor(), "predict_proba")


def test_parameters_stay_and_estimators_are_cloned():
    estimator, flagger = LogisticRegression(), clone(known)
    model = CleanedClassifier(estimator, flagger, action="drop")
    before = model.get_params()
    model.fit(X, y)
    assert model.get_params() == before
    assert not hasattr(estimator, "coef_") and not hasattr(flagger, "flagged_")
    assert (model.estimator, model.flagger) == (estimator, flagger)


def test_nothing_is_looked_at_before_fit():
    model = CleanedClassifier("nonsense", 7, action=None)
    got = model.get_params(deep=False)
    assert (got["estimator"], got["flagger"], got["action"]) == ("nonsense", 7, None)


def test_the_report_has_the_users_index():
    frame = pd.DataFrame(X, columns=["a", "b", "c"], index=[f"row {i}" for i in range(150)])
    got = CleanedClassifier(flagger=quick(), action="drop").fit(frame, y)
    report = got.flagger_.report()
    assert list(report.index) == list(frame.index)
    assert got.feature_names_in_.tolist() == ["a", "b", "c"]
    assert got.estimator_.feature_names_in_.tolist() == ["a", "b", "c"]


def test_it_pickles_and_clones():
    flagger = quick(contamination=0.1)
    got = CleanedClassifier(LogisticRegression(C=2.0), flagger, action="drop").fit(X, y)
    again = pickle.loads(pickle.dumps(got))
    np.testing.assert_array_equal(proba(again), proba(got))
    np.testing.assert_array_equal(again.flagger_.flagged_, got.flagger_.flagged_)
    np.testing.assert_array_equal(proba(clone(got).fit(X, y)), proba(got))


def test_refitting_equals_a_fresh_fit():
    used = CleanedClassifier(flagger=quick(), action="drop").fit(X[:80], truth[:80])
    np.testing.assert_array_equal(
        proba(used.fit(X, y)), proba(CleanedClassifier(flagger=quick(), action="drop").fit(X, y))
    )


@pytest.mark.slow
def test_a_search_reaches_flagger_estimator_and_action_in_two_processes():
    model = CleanedClassifier(LogisticRegression(), LabelFlagger(LogisticRegression()))
    grid = [
        {"action": ["none"]},
        {"action": ["drop"], "flagger__contamination": [0.3], "flagger__damping": [1.0]},
        {"action": ["drop"], "estimator__C": [0.01]},
    ]
    search = GridSearchCV(model, grid, cv=3, n_jobs=2).fit(X, y)
    alone = GridSearchCV(model, grid, cv=3).fit(X, y)
    scores = search.cv_results_["mean_test_score"]
    np.testing.assert_array_equal(scores, alone.cv_results_["mean_test_score"])
    assert np.isfinite(scores).all() and len(set(scores)) > 2


def test_it_stands_at_the_end_of_a_plain_pipeline():
    model = CleanedClassifier(flagger=quick(), action="drop")
    pipeline = make_pipeline(StandardScaler(), clone(model)).fit(X, y)
    scaled = StandardScaler().fit_transform(X)
    want = model.fit(scaled, y)
    np.testing.assert_array_equal(pipeline.predict_proba(X), want.predict_proba(scaled))
