"""What is done about flagged rows; the truth is the estimator alone, fitted to these rows."""

import numpy as np
import polars as pl
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skinfluence import CleanedClassifier, CleanedRegressor, LabelFlagger
from skinfluence.datasets import flip_labels
from tests.labels._cleaned import (
    LEFT,
    X,
    classifier,
    clean_values,
    flipped,
    known,
    proba,
    quality,
    told,
    truth,
    values,
    weight,
    y,
)
from tests.labels._known import Known
from tests.labels._quick import quick


def test_reweight_counts_each_row_by_its_quality():
    want = LogisticRegression().fit(X, y, sample_weight=quality)
    np.testing.assert_array_equal(proba(classifier().fit(X, y)), proba(want))


def test_reweight_multiplies_the_sample_weights():
    want = LogisticRegression().fit(X, y, sample_weight=weight * quality)
    got = classifier().fit(X, y, sample_weight=weight)
    np.testing.assert_array_equal(proba(got), proba(want))


def test_drop_leaves_flagged_rows_out():
    want = LogisticRegression().fit(X[LEFT], y[LEFT])
    np.testing.assert_array_equal(proba(classifier(action="drop").fit(X, y)), proba(want))


def test_relabel_puts_the_suggested_labels_in():
    want = LogisticRegression().fit(X, truth)
    np.testing.assert_array_equal(proba(classifier(action="relabel").fit(X, y)), proba(want))


def test_none_fits_the_flagger_and_changes_nothing():
    got = classifier(action="none").fit(X, y)
    np.testing.assert_array_equal(proba(got), proba(LogisticRegression().fit(X, y)))
    np.testing.assert_array_equal(got.flagger_.flagged_, flipped)


@pytest.mark.parametrize("action", ["drop", "relabel", "none"])
def test_sample_weights_follow_their_rows(action):
    got = classifier(action=action).fit(X, y, sample_weight=weight)
    rows = LEFT if action == "drop" else np.arange(150)
    labels = truth if action == "relabel" else y
    want = LogisticRegression().fit(X[rows], labels[rows], sample_weight=weight[rows])
    np.testing.assert_array_equal(proba(got), proba(want))


@pytest.mark.parametrize(
    ("action", "rows", "target", "weights"),
    [
        ("reweight", np.arange(150), values, quality),
        ("drop", np.flatnonzero(np.arange(150) % 15), values, None),
        ("relabel", np.arange(150), np.where(np.arange(150) % 15, values, clean_values), None),
        ("none", np.arange(150), values, None),
    ],
)
def test_the_regressor_does_the_same_to_values(action, rows, target, weights):
    got = CleanedRegressor(Ridge(), told, action=action).fit(X, values)
    want = Ridge().fit(X[rows], target[rows], sample_weight=weights)
    np.testing.assert_array_equal(got.predict(X), want.predict(X))
    assert got.score(X, clean_values) == want.score(X, clean_values)


@pytest.mark.parametrize(
    "estimator",
    [
        make_pipeline(StandardScaler(), KNeighborsClassifier()),
        GridSearchCV(KNeighborsClassifier(), {}),
    ],
    ids=["pipeline", "search"],
)
def test_an_estimator_without_weights_cannot_reweight(estimator):
    model = CleanedClassifier(estimator, known, action="reweight")
    with pytest.raises(ValueError, match="KNeighborsClassifier takes no sample_weight"):
        model.fit(X, y)
    assert not hasattr(model, "flagger_")
    model.set_params(action="drop").fit(X, y)


@pytest.mark.parametrize("action", ["drop", "relabel", "reweight"])
def test_the_last_row_of_a_class_stays(action):
    none = np.where(truth == 1, 0.0, 0.9)
    model = CleanedClassifier(
        flagger=Known(np.flatnonzero(truth), np.zeros(150, int), none), action=action
    )
    assert model.fit(X, truth).classes_.tolist() == [0, 1]


def test_an_unknown_action_is_refused():
    with pytest.raises(
        ValueError, match=r"'remove' is not known. Expected one of \['auto', 'drop'"
    ):
        classifier(action="remove").fit(X, y)


def test_many_classes_are_all_kept():
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(40, 3)) * 10
    codes = np.repeat(np.arange(40), 6)
    table = centres[codes] + rng.normal(size=(240, 3))
    noisy, _ = flip_labels(codes, 0.1, random_state=0)
    for action in ("drop", "relabel", "reweight"):
        model = CleanedClassifier(KNeighborsClassifier(3), quick(), action=action)
        if action == "reweight":
            model.set_params(estimator=LogisticRegression(max_iter=2000))
        assert model.fit(table, noisy).classes_.tolist() == list(range(40))


def test_whole_numbers_are_values_to_the_regressor():
    counts = np.round(10 * values)
    got = CleanedRegressor(flagger=quick(), action="drop").fit(X, counts)
    assert not hasattr(got.flagger_, "classes_")
    assert 5 <= got.flagger_.flagged_.sum() <= 15
    assert got.score(X, 10 * clean_values) > Ridge().fit(X, counts).score(X, 10 * clean_values)


def test_values_are_no_labels_to_the_classifier():
    with pytest.raises(ValueError, match="Unknown label type"):
        CleanedClassifier().fit(X, values)


def test_strings_are_labels_too():
    names = np.where(y == 1, "yes", "no")
    got = CleanedClassifier(flagger=quick(), action="relabel").fit(X, names)
    assert got.classes_.tolist() == ["no", "yes"]
    same = CleanedClassifier(flagger=quick(), action="relabel").fit(X, y)
    np.testing.assert_allclose(proba(got), proba(same), rtol=1e-9)


@pytest.mark.parametrize("make", [pl.DataFrame, sparse.csr_array, sparse.csc_matrix])
@pytest.mark.parametrize("action", ["reweight", "drop"])
def test_tables_of_other_types_are_learnt_from_as_arrays_are(make, action):
    table = np.where(np.abs(X) < 0.3, 0.0, X)
    model = CleanedClassifier(LogisticRegression(), LabelFlagger(LogisticRegression()))
    model.set_params(action=action)
    want = clone(model).fit(table, y).predict_proba(table)
    made = make(table)
    got = clone(model).fit(made, y).predict_proba(made)
    np.testing.assert_allclose(got, want, rtol=1e-3, atol=1e-4)  # another order of summation


def test_learning_without_wrong_labels_is_better_here():
    noisy, _ = flip_labels(truth, 0.3, random_state=1)
    raw = LogisticRegression().fit(X[:100], noisy[:100])
    for action in ("reweight", "drop", "relabel"):
        model = CleanedClassifier(LogisticRegression(), quick(), action=action)
        got = model.fit(X[:100], noisy[:100])
        assert got.score(X[100:], truth[100:]) >= raw.score(X[100:], truth[100:])


def test_wrong_values_are_not_learnt_from():
    raw = Ridge().fit(X[:100], values[:100]).score(X[100:], clean_values[100:])
    for action in ("reweight", "drop", "relabel"):
        model = CleanedRegressor(Ridge(), quick(), action=action)
        got = model.fit(X[:100], values[:100])
        assert got.score(X[100:], clean_values[100:]) > raw
