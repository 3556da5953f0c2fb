"""Weights and other parameters of fit: who gets them, routed or not."""

import numpy as np
import pytest
import sklearn
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skinfluence import CleanedClassifier, CleanedRegressor
from tests.labels._cleaned import (
    LEFT,
    X,
    classifier,
    known,
    proba,
    quality,
    told,
    values,
    weight,
    y,
)
from tests.labels._quick import quick


def test_weights_that_the_estimator_cannot_take_are_refused():
    model = CleanedClassifier(KNeighborsClassifier(), known, action="drop")
    with pytest.raises(ValueError, match="sample_weight differs between rows, but KNeighborsCl"):
        model.fit(X, y, sample_weight=weight)


def test_rows_of_weight_zero_are_left_out_for_an_estimator_without_weights():
    there = (np.arange(150) >= 20).astype(float)
    model = CleanedRegressor(KNeighborsRegressor(), told, action="none")
    got = model.fit(X, values, sample_weight=there)
    want = KNeighborsRegressor().fit(X[20:], values[20:])
    np.testing.assert_array_equal(got.predict(X), want.predict(X))


@pytest.mark.parametrize(
    ("kind", "action"),
    [("classes", "reweight"), ("classes", "relabel"), ("values", "drop"), ("values", "none")],
)
def test_a_row_of_weight_zero_is_absent(action, kind):
    cleaned, target = (CleanedClassifier, y) if kind == "classes" else (CleanedRegressor, values)
    there = np.where(np.arange(150) % 4 == 1, 0.0, 1.0)
    rows = np.flatnonzero(there)
    got = cleaned(flagger=quick(), action=action).fit(X, target, sample_weight=there)
    want = cleaned(flagger=quick(), action=action).fit(X[rows], target[rows])
    np.testing.assert_allclose(got.predict(X), want.predict(X), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(
        got.flagger_.label_quality_[rows], want.flagger_.label_quality_, rtol=1e-9, atol=1e-12
    )


@pytest.mark.parametrize(
    "wrap",
    [
        lambda model: make_pipeline(StandardScaler(), model),
        lambda model: GridSearchCV(make_pipeline(StandardScaler(), model), {}),
    ],
    ids=["pipeline", "search"],
)
def test_weights_go_to_the_last_step_of_a_pipeline(wrap):
    got = CleanedClassifier(wrap(LogisticRegression()), known, action="reweight").fit(X, y)
    want = make_pipeline(StandardScaler(), LogisticRegression())
    want.fit(X, y, logisticregression__sample_weight=quality)
    np.testing.assert_allclose(proba(got), proba(want), rtol=1e-12)


def test_fit_parameters_of_the_estimator_follow_their_rows():
    search = GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, cv=GroupKFold(3))
    groups = np.arange(150) % 7
    got = CleanedClassifier(search, known, action="drop").fit(X, y, groups=groups)
    want = clone(search).fit(X[LEFT], y[LEFT], groups=groups[LEFT])
    np.testing.assert_array_equal(
        got.estimator_.cv_results_["mean_test_score"], want.cv_results_["mean_test_score"]
    )


@pytest.fixture
def routing():
    with sklearn.config_context(enable_metadata_routing=True):
        yield


def test_routed_weights_go_to_those_that_ask(routing):
    estimator = LogisticRegression().set_fit_request(sample_weight=True)
    flagger = clone(known).set_fit_request(sample_weight=False)
    model = CleanedClassifier(estimator, flagger, action="reweight")
    got = model.fit(X, y, sample_weight=weight)
    want = LogisticRegression().fit(X, y, sample_weight=weight * quality)
    np.testing.assert_array_equal(proba(got), proba(want))
    assert got.flagger_.sample_weight_ is None


def test_routed_weights_may_be_for_the_flagger_only(routing):
    estimator = LogisticRegression().set_fit_request(sample_weight=False)
    flagger = clone(known).set_fit_request(sample_weight=True)
    got = CleanedClassifier(estimator, flagger, action="none").fit(X, y, sample_weight=weight)
    np.testing.assert_array_equal(proba(got), proba(LogisticRegression().fit(X, y)))
    assert got.flagger_.sample_weight_ is weight


def test_routed_reweighting_needs_no_request_of_a_plain_estimator(routing):
    want = LogisticRegression().fit(X, y, sample_weight=quality)
    np.testing.assert_array_equal(proba(classifier().fit(X, y)), proba(want))


def test_a_routed_search_passes_weights_through(routing):
    estimator = LogisticRegression().set_fit_request(sample_weight=True)
    estimator.set_score_request(sample_weight=False)
    flagger = quick().set_fit_request(sample_weight=True)
    model = CleanedClassifier(estimator, flagger, action="drop")
    search = GridSearchCV(model, {"estimator__C": [1.0]}, cv=3).fit(X, y, sample_weight=weight)
    with sklearn.config_context(enable_metadata_routing=False):
        plain = CleanedClassifier(LogisticRegression(), quick(), action="drop")
        want = plain.fit(X, y, sample_weight=weight)
    np.testing.assert_allclose(proba(search), proba(want), rtol=1e-9)
