"""Learning from what a flagger leaves: the truth is the estimator alone, fitted to these rows."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from scipy import sparse
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skinfluence import CleanedClassifier, CleanedRegressor, LabelFlagger
from skinfluence.datasets import flip_labels
from tests.labels._known import Known

rng = np.random.default_rng(0)
X = rng.normal(size=(150, 3))
truth = (X[:, 0] + X[:, 1] > 0).astype(int)
y, flipped = flip_labels(truth, 0.1, random_state=0)
clean_values = X @ [1.0, 2.0, 0.5] + 0.1 * rng.normal(size=150)
values = clean_values + np.where(np.arange(150) % 15 == 0, 5.0, 0.0)
weight = rng.uniform(0.5, 2.0, size=150)
quality = rng.uniform(size=150)
WRONG = np.flatnonzero(flipped)
LEFT = np.flatnonzero(~flipped)
known = Known(WRONG, truth, quality)
told = Known(np.arange(0, 150, 15), clean_values, quality, regression=True)


def proba(model):
    return model.predict_proba(X)


def classifier(action="reweight", **settings):
    return CleanedClassifier(LogisticRegression(), known, action=action, **settings)


def test_flagged_rows_are_dropped_unless_told_otherwise():
    got = CleanedClassifier(LogisticRegression(), known).fit(X, y)
    np.testing.assert_array_equal(proba(got), proba(classifier(action="drop").fit(X, y)))


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
    assert CleanedClassifier(Lenient(), known).fit(X, y).score(X, y) == 42.0


def test_only_what_the_estimator_has_is_there():
    neighbours = CleanedClassifier(KNeighborsClassifier(), known, action="drop")
    for model in (neighbours, neighbours.fit(X, y)):
        assert hasattr(model, "predict_proba") and not hasattr(model, "decision_function")
    assert not hasattr(CleanedRegressor(), "predict_proba")


@pytest.mark.parametrize(
    ("estimator", "name"),
    [
        (KNeighborsClassifier(), "KNeighborsClassifier"),
        (
            make_pipeline(StandardScaler(), KNeighborsClassifier()),
            "KNeighborsClassifier, the last step of the pipeline,",
        ),
        (GridSearchCV(KNeighborsClassifier(), {}), "GridSearchCV"),
    ],
    ids=["bare", "pipeline", "search"],
)
def test_an_estimator_without_weights_cannot_reweight(estimator, name):
    model = CleanedClassifier(estimator, known, action="reweight")
    with pytest.raises(ValueError, match=rf'{name} takes no sample_weight. Pass action="drop"'):
        model.fit(X, y)
    assert not hasattr(model, "flagger_")
    model.set_params(action="drop").fit(X, y)


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


def test_trusted_rows_reach_the_flagger_and_are_not_learnt_from():
    got = classifier(action="drop").fit(X, y, X_trusted=X[:5], y_trusted=truth[:5])
    np.testing.assert_array_equal(got.flagger_.trusted_[0], X[:5])
    np.testing.assert_array_equal(got.flagger_.trusted_[1], truth[:5])
    np.testing.assert_array_equal(proba(got), proba(classifier(action="drop").fit(X, y)))


def test_trusted_rows_decide_what_the_reference_score_says():
    flagger = LabelFlagger(LogisticRegression(), score="reference", contamination=0.1)
    model = CleanedClassifier(flagger=flagger, action="drop")
    got = model.fit(X[50:], y[50:], X_trusted=X[:50], y_trusted=truth[:50])
    alone = clone(flagger).fit(X[50:], y[50:], X_trusted=X[:50], y_trusted=truth[:50])
    np.testing.assert_array_equal(got.flagger_.flagged_, alone.flagged_)
    want = LogisticRegression().fit(X[50:][~alone.flagged_], y[50:][~alone.flagged_])
    np.testing.assert_array_equal(proba(got), proba(want))


@pytest.mark.parametrize("action", ["drop", "relabel", "reweight"])
def test_the_last_row_of_a_class_stays(action):
    none = np.where(truth == 1, 0.0, 0.9)
    model = CleanedClassifier(
        flagger=Known(np.flatnonzero(truth), np.zeros(150, int), none), action=action
    )
    assert model.fit(X, truth).classes_.tolist() == [0, 1]


def test_an_unknown_action_is_refused():
    with pytest.raises(ValueError, match=r"'remove' is not known. Expected one of \['drop'"):
        classifier(action="remove").fit(X, y)


def test_parameters_stay_and_estimators_are_cloned():
    estimator, flagger = LogisticRegression(), clone(known)
    model = CleanedClassifier(estimator, flagger)
    before = model.get_params()
    model.fit(X, y)
    assert model.get_params() == before
    assert not hasattr(estimator, "coef_") and not hasattr(flagger, "flagged_")
    assert (model.estimator, model.flagger) == (estimator, flagger)


def test_nothing_is_looked_at_before_fit():
    model = CleanedClassifier("nonsense", 7, action=None)
    assert model.get_params(deep=False) == {"estimator": "nonsense", "flagger": 7, "action": None}


def test_the_report_is_the_flaggers():
    got = classifier().fit(X, y)
    np.testing.assert_array_equal(got.report()["quality"], quality)


def test_the_report_has_the_users_index():
    frame = pd.DataFrame(X, columns=["a", "b", "c"], index=[f"row {i}" for i in range(150)])
    got = CleanedClassifier().fit(frame, y)
    report = got.report()
    assert list(report.index) == list(frame.index)
    assert got.feature_names_in_.tolist() == ["a", "b", "c"]
    assert got.estimator_.feature_names_in_.tolist() == ["a", "b", "c"]


def test_strings_are_labels_too():
    names = np.where(y == 1, "yes", "no")
    got = CleanedClassifier(action="relabel").fit(X, names)
    assert got.classes_.tolist() == ["no", "yes"]
    same = CleanedClassifier(action="relabel").fit(X, y)
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


def test_many_classes_are_all_kept():
    centres = rng.normal(size=(40, 3)) * 10
    codes = np.repeat(np.arange(40), 6)
    table = centres[codes] + rng.normal(size=(240, 3))
    noisy, _ = flip_labels(codes, 0.1, random_state=0)
    for action in ("drop", "relabel", "reweight"):
        model = CleanedClassifier(KNeighborsClassifier(3), action=action)
        if action == "reweight":
            model.set_params(estimator=LogisticRegression(max_iter=2000))
        assert model.fit(table, noisy).classes_.tolist() == list(range(40))


def test_it_pickles_and_clones():
    got = CleanedClassifier(LogisticRegression(C=2.0), LabelFlagger(contamination=0.1)).fit(X, y)
    again = pickle.loads(pickle.dumps(got))
    np.testing.assert_array_equal(proba(again), proba(got))
    np.testing.assert_array_equal(again.flagger_.flagged_, got.flagger_.flagged_)
    np.testing.assert_array_equal(proba(clone(got).fit(X, y)), proba(got))


def test_refitting_equals_a_fresh_fit():
    used = CleanedClassifier(action="drop").fit(X[:80], truth[:80])
    np.testing.assert_array_equal(
        proba(used.fit(X, y)), proba(CleanedClassifier(action="drop").fit(X, y))
    )


@pytest.mark.parametrize("action", ["reweight", "drop", "relabel", "none"])
@pytest.mark.parametrize("kind", ["classes", "values"])
def test_a_row_of_weight_zero_is_absent(action, kind):
    cleaned, target = (CleanedClassifier, y) if kind == "classes" else (CleanedRegressor, values)
    there = np.where(np.arange(150) % 4 == 1, 0.0, 1.0)
    rows = np.flatnonzero(there)
    got = cleaned(action=action).fit(X, target, sample_weight=there)
    want = cleaned(action=action).fit(X[rows], target[rows])
    np.testing.assert_allclose(got.predict(X), want.predict(X), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(
        got.flagger_.label_quality_[rows], want.flagger_.label_quality_, rtol=1e-9, atol=1e-12
    )


def test_a_search_reaches_flagger_estimator_and_action_in_two_processes():
    model = CleanedClassifier(LogisticRegression(), LabelFlagger(LogisticRegression()))
    grid = [
        {"action": ["drop", "none"]},
        {"flagger__damping": [1.0]},
        {"flagger__contamination": [0.3]},
        {"estimator__C": [0.01]},
    ]
    search = GridSearchCV(model, grid, cv=3, n_jobs=2).fit(X, y)
    alone = GridSearchCV(model, grid, cv=3).fit(X, y)
    scores = search.cv_results_["mean_test_score"]
    np.testing.assert_array_equal(scores, alone.cv_results_["mean_test_score"])
    assert np.isfinite(scores).all() and len(set(scores)) > 2


def test_it_stands_at_the_end_of_a_plain_pipeline():
    pipeline = make_pipeline(StandardScaler(), CleanedClassifier(action="drop")).fit(X, y)
    scaled = StandardScaler().fit_transform(X)
    want = CleanedClassifier(action="drop").fit(scaled, y)
    np.testing.assert_array_equal(pipeline.predict_proba(X), want.predict_proba(scaled))


def test_whole_numbers_are_values_to_the_regressor():
    counts = np.round(10 * values)
    got = CleanedRegressor(action="drop").fit(X, counts)
    assert not hasattr(got.flagger_, "classes_")
    assert 5 <= got.flagger_.flagged_.sum() <= 15
    assert got.score(X, 10 * clean_values) > Ridge().fit(X, counts).score(X, 10 * clean_values)


def test_values_are_no_labels_to_the_classifier():
    with pytest.raises(ValueError, match="Unknown label type"):
        CleanedClassifier().fit(X, values)


def test_learning_without_wrong_labels_is_better_here():
    noisy, _ = flip_labels(truth, 0.3, random_state=1)
    raw = LogisticRegression().fit(X[:100], noisy[:100])
    for action in ("reweight", "drop", "relabel"):
        model = CleanedClassifier(LogisticRegression(), action=action)
        got = model.fit(X[:100], noisy[:100])
        assert got.score(X[100:], truth[100:]) >= raw.score(X[100:], truth[100:])


def test_wrong_values_are_not_learnt_from():
    raw = Ridge().fit(X[:100], values[:100]).score(X[100:], clean_values[100:])
    for action in ("reweight", "drop", "relabel"):
        model = CleanedRegressor(Ridge(), action=action)
        got = model.fit(X[:100], values[:100])
        assert got.score(X[100:], clean_values[100:]) > raw


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
    flagger = LabelFlagger().set_fit_request(sample_weight=True)
    model = CleanedClassifier(estimator, flagger)
    search = GridSearchCV(model, {"estimator__C": [1.0]}, cv=3).fit(X, y, sample_weight=weight)
    with sklearn.config_context(enable_metadata_routing=False):
        want = CleanedClassifier(LogisticRegression()).fit(X, y, sample_weight=weight)
    np.testing.assert_allclose(proba(search), proba(want), rtol=1e-9)
