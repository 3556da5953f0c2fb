"""Review: what to look at next, and answers folded in as by a fit to the corrected labels."""

import pickle

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import log_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skinfluence import InfluenceExplainer, LabelFlagger
from skinfluence.datasets import flip_labels
from skinfluence.labels._gain import class_beliefs, expected_gains
from skinfluence.testing import tightened

X, truth = load_breast_cancer(return_X_y=True)
X_test, y_test = X[300:], truth[300:]
X, truth = X[:300, :], truth[:300]
given, wrong = flip_labels(truth, 0.15, random_state=0)
model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1))
table, values = load_diabetes(return_X_y=True)
rng = np.random.default_rng(0)
values = values + 0.3
typed = values + np.where(rng.uniform(size=len(values)) < 0.1, 250 * rng.normal(size=442), 0)

FLAGGERS = {
    "own": LabelFlagger(),
    "given": LabelFlagger(model),
    "linear": LabelFlagger(representation="linear"),
    "rbf": LabelFlagger(representation="rbf"),
    "both": LabelFlagger(model, score=("leave_one_out", "cross_validation")),
    "loss": LabelFlagger(model, score="loss"),
}


@pytest.fixture(scope="module")
def fitted():
    return {name: clone(flagger).fit(X, given) for name, flagger in FLAGGERS.items()}


def copied(flagger):
    return pickle.loads(pickle.dumps(flagger))


@pytest.mark.parametrize("name", ["own", "given", "both"])
def test_quality_asks_for_the_least_probable_labels_first(fitted, name):
    flagger = fitted[name]
    rows = flagger.suggest_review(12)
    assert len(rows) == 12
    np.testing.assert_array_equal(rows, flagger.ranking_[:12])


def test_quality_is_asked_for_whatever_score_ranks(fitted):
    flagger = fitted["loss"]
    rows = flagger.suggest_review(300)
    assert (np.diff(flagger.label_quality_[rows]) >= 0).all()
    assert (rows != flagger.ranking_).any()


@pytest.mark.parametrize("name", ["own", "given", "both", "loss"])
def test_gain_is_the_expected_gain_of_the_model_of_all_labels(fitted, name):
    flagger = fitted[name]
    got = flagger.suggest_review(20, strategy="gain", X_test=X_test, y_test=y_test)
    gains = flagger._gains(X_test, y_test)
    assert (np.diff(gains[got]) <= 0).all()
    assert gains[got[-1]] >= np.delete(gains, got).max()


def test_gain_is_asked_of_the_explainer_of_the_given_estimator(fitted):
    flagger = LabelFlagger(model, damping=0.0).fit(X, given)
    explainer = InfluenceExplainer(model).fit(X, given)
    posterior = np.zeros((300, 2))
    posterior[np.arange(300), given] = flagger.label_quality_
    posterior[np.arange(300), 1 - given] = 1 - flagger.label_quality_
    beliefs = class_beliefs(explainer.objective_, posterior)
    for test in ((None, None), (X_test, y_test)):
        want = np.argsort(-expected_gains(explainer, beliefs, *test), kind="stable")[:30]
        got = flagger.suggest_review(30, strategy="gain", X_test=test[0], y_test=test[1])
        np.testing.assert_array_equal(got, want)


def test_expected_gains_rank_real_gains_of_relabelling(fitted):
    flagger = fitted["given"]
    rows = np.r_[flagger.ranking_[:40], flagger.ranking_[40::13]]
    gains = flagger._gains(X_test, y_test)[rows]

    def loss(labels):
        refitted = tightened(model).fit(X, labels)
        return log_loss(y_test, refitted.predict_proba(X_test))

    before, real = loss(given), []
    for row in rows:
        corrected = given.copy()
        corrected[row] = 1 - given[row]
        real.append((1 - flagger.label_quality_[row]) * (before - loss(corrected)))
    assert spearmanr(gains, real).statistic > 0.95


def test_correcting_what_gains_most_helps_more_than_the_same_number_by_chance(fitted):
    flagger = fitted["given"]
    half = len(y_test) // 2
    X_later, y_later = X_test[half:], y_test[half:]

    def loss(rows):
        corrected = given.copy()
        corrected[rows] = truth[rows]
        return log_loss(y_later, tightened(model).fit(X, corrected).predict_proba(X_later))

    test = {"X_test": X_test[:half], "y_test": y_test[:half]}
    chance = np.mean([loss(np.random.default_rng(s).permutation(300)[:25]) for s in range(5)])
    assert loss(flagger.suggest_review(25)) < chance
    assert loss(flagger.suggest_review(25, strategy="gain")) < chance
    assert loss(flagger.suggest_review(25, strategy="gain", **test)) < chance


def test_gain_is_there_for_values_too():
    flagger = LabelFlagger(Ridge(0.1)).fit(table, typed)
    rows = flagger.suggest_review(20, strategy="gain")
    far = np.abs(typed - values)
    assert np.median(far[rows]) > 50 and np.median(far) == 0


def test_models_without_influence_have_no_gain():
    flagger = LabelFlagger(RandomForestClassifier(10, random_state=0)).fit(X[:80], given[:80])
    assert len(flagger.suggest_review(5)) == 5
    with pytest.raises(AttributeError, match="no influences"):
        flagger.suggest_review(5, strategy="gain")


# Trees and cross-validated models have more that changes with a label than ridge regressions.
AGREEMENT = [
    ("linear", 0.99, 0.005),
    ("rbf", 0.99, 0.005),
    ("given", 0.99, 0.005),
    ("own", 0.99, 0.005),
    ("both", 0.98, 0.01),
]


@pytest.mark.parametrize(("name", "rank", "mean"), AGREEMENT)
def test_an_update_agrees_with_a_fit_to_the_corrected_labels(fitted, name, rank, mean):
    flagger = copied(fitted[name])
    before = flagger.label_quality_.copy()
    rows = flagger.suggest_review(30)
    assert flagger.update(rows, truth[rows]) is flagger
    corrected = given.copy()
    corrected[rows] = truth[rows]
    fresh = clone(flagger).fit(X, corrected)
    rest = np.setdiff1d(np.arange(300), rows)
    got, want = flagger.label_quality_[rest], fresh.label_quality_[rest]
    assert spearmanr(got, want).statistic > rank
    assert np.abs(got - want).mean() < mean
    # and the labels were news: without the update the qualities were further off
    assert np.abs(before[rest] - want).mean() > 3 * np.abs(got - want).mean()
    assert (flagger.flagged_ != fresh.flagged_)[rest].mean() < 0.03
    np.testing.assert_allclose(flagger.noise_matrix_, fresh.noise_matrix_, atol=0.02)


def test_an_update_of_values_agrees_with_a_fit_to_the_corrected_values():
    flagger = LabelFlagger().fit(table, typed)
    rows = flagger.suggest_review(20)
    flagger.update(rows, values[rows])
    corrected = typed.copy()
    corrected[rows] = values[rows]
    fresh = LabelFlagger().fit(table, corrected)
    rest = np.setdiff1d(np.arange(442), rows)
    assert spearmanr(flagger.scores_[rest], fresh.scores_[rest]).statistic > 0.99
    np.testing.assert_array_equal(flagger.suggested_[rows], values[rows])


def test_an_update_keeps_columns_and_what_is_worth_fitting(fitted):
    flagger = copied(fitted["own"])
    before = flagger._choice.source.inner
    rows = flagger.suggest_review(30)
    after = flagger.update(rows, truth[rows])._choice.source.inner
    assert after is not before
    assert after._scaled is before._scaled
    assert all(any(kind is old for old in before._kinds) for kind in after._kinds)


@pytest.mark.parametrize("name", ["own", "given", "both", "loss"])
def test_reviewed_rows_are_certain_for_good(fitted, name):
    flagger = copied(fitted[name])
    first = flagger.suggest_review(10)
    kept = given[first]  # the reviewer confirms the labels, wrong ones too
    flagger.update(first, kept)
    second = flagger.suggest_review(10)
    flagger.update(second, truth[second])
    for rows, labels in ((first, kept), (second, truth[second])):
        np.testing.assert_array_equal(flagger.label_quality_[rows], 1.0)
        np.testing.assert_array_equal(flagger.row_weight_[rows], 1.0)
        np.testing.assert_array_equal(flagger.suggested_[rows], labels)
        assert not flagger.flagged_[rows].any()
    both = np.r_[first, second]
    assert set(np.flatnonzero(flagger.reviewed_)) == set(both)
    assert set(flagger.ranking_[-20:]) == set(both)
    assert not set(flagger.suggest_review(300)) & set(both)
    assert len(flagger.suggest_review(300)) == 280


def test_corrected_labels_teach_the_model(fitted):
    flagger = copied(fitted["given"])
    rows = np.flatnonzero(wrong)
    flagger.update(rows, truth[rows])
    assert flagger.contamination_ < 0.05
    rest = np.setdiff1d(np.arange(300), rows)
    assert flagger.label_quality_[rest].mean() > fitted["given"].label_quality_[rest].mean()


def test_a_share_to_flag_is_one_of_the_rows_that_are_left():
    flagger = LabelFlagger(model, contamination=0.2).fit(X, given)
    rows = flagger.suggest_review(100)
    flagger.update(rows, truth[rows])
    assert flagger.flagged_.sum() == 40 and not flagger.flagged_[rows].any()


def test_a_mask_names_rows_too(fitted):
    rows = np.sort(fitted["given"].suggest_review(10))
    by_number = copied(fitted["given"]).update(rows, truth[rows])
    mask = np.isin(np.arange(300), rows)
    by_mask = copied(fitted["given"]).update(mask, truth[mask])
    np.testing.assert_array_equal(by_mask.scores_, by_number.scores_)


def test_no_answers_change_little(fitted):
    flagger = copied(fitted["own"]).update([], [])
    assert spearmanr(flagger.scores_, fitted["own"].scores_).statistic > 0.99
    assert not flagger.reviewed_.any()


def test_a_fit_forgets_reviews(fitted):
    flagger = copied(fitted["given"])
    rows = flagger.suggest_review(10)
    flagger.update(rows, truth[rows]).fit(X, given)
    assert not flagger.reviewed_.any()
    np.testing.assert_array_equal(flagger.scores_, fitted["given"].scores_)


def test_the_labels_of_the_user_are_left_alone():
    labels = given.copy()
    flagger = LabelFlagger(model).fit(X, labels)
    rows = flagger.suggest_review(10)
    flagger.update(rows, truth[rows])
    np.testing.assert_array_equal(labels, given)


def test_the_report_shows_what_the_reviewer_said():
    frame = pd.DataFrame(X, index=[f"row {i}" for i in range(300)])
    frame.columns = [f"c{j}" for j in range(30)]
    flagger = LabelFlagger(model).fit(frame, np.where(given == 1, "ill", "well"))
    rows = flagger.suggest_review(5)
    flagger.update(rows, np.where(truth[rows] == 1, "ill", "well"))
    report = flagger.report(n_against=0).iloc[rows]
    assert report["given"].tolist() == np.where(truth[rows] == 1, "ill", "well").tolist()
    assert (report["quality"] == 1).all() and not report["flag"].any()


def test_rows_of_weight_zero_are_not_suggested_and_may_be_answered():
    weight = np.ones(300)
    weight[:100] = 0.0
    flagger = LabelFlagger(model).fit(X, given, sample_weight=weight)
    for strategy in ("quality", "gain"):
        assert flagger.suggest_review(300, strategy=strategy).min() >= 100
    before = flagger.scores_.copy()
    flagger.update([3], [truth[3]])
    assert flagger.label_quality_[3] == 1.0
    assert spearmanr(flagger.scores_[100:], before[100:]).statistic > 0.99


def test_updated_flaggers_pickle(fitted):
    flagger = copied(fitted["own"])
    rows = flagger.suggest_review(10)
    flagger.update(rows, truth[rows])
    again = copied(flagger)
    more = again.suggest_review(10)
    np.testing.assert_array_equal(more, flagger.suggest_review(10))
    again.update(more, truth[more])
    assert again.reviewed_.sum() == 20


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"k": 0}, "k=0. Expected a whole number"),
        ({"k": 2.5}, "k=2.5"),
        ({"strategy": "random"}, "'random' is not known. Expected one of"),
        ({"strategy": "gain", "X_test": X_test}, "both of X_test and y_test, or neither"),
    ],
)
def test_questions_that_mean_nothing_are_refused(fitted, arguments, message):
    with pytest.raises(ValueError, match=message):
        fitted["given"].suggest_review(**arguments)


@pytest.mark.parametrize(
    ("rows", "labels", "message"),
    [
        ([300], [1], "numbers from 300 to 300; expected 0 to 299"),
        ([-1], [1], "numbers from -1"),
        ([4, 4], [1, 1], "names a row twice"),
        ([0.5], [1], "expected a list of training row numbers"),
        ([True, False], [1], r"mask of shape \(2,\); expected \(300,\)"),
        ([1, 2], [1], "2 rows were reviewed but 1 labels are given"),
        ([1], [7], r"labels holds \[7\], which no training row had"),
    ],
)
def test_answers_that_mean_nothing_are_refused(fitted, rows, labels, message):
    flagger = copied(fitted["given"])
    with pytest.raises(ValueError, match=message):
        flagger.update(rows, labels)
    np.testing.assert_array_equal(flagger.scores_, fitted["given"].scores_)
