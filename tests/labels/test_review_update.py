"""Answers of a reviewer, folded in as by a fit to the corrected labels."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr
from sklearn.base import clone

from skinfluence import LabelFlagger
from tests.labels._quick import quick
from tests.labels._reviewed import (
    X,
    X_test,
    copied,
    given,
    model,
    table,
    truth,
    typed,
    values,
    wrong,
    y_test,
)


@pytest.mark.parametrize("name", ["linear", "rbf", "given", "own"])
def test_an_update_ranks_as_a_fit_to_the_corrected_labels_and_knows_which_were_wrong(
    reviewed, name
):
    flagger = copied(reviewed[name])
    rows = flagger.suggest_review(30)
    assert flagger.update(rows, truth[rows]) is flagger
    corrected = given.copy()
    corrected[rows] = truth[rows]
    fresh = clone(flagger).fit(X, corrected)
    rest = np.setdiff1d(np.arange(300), rows)
    assert spearmanr(flagger.label_quality_[rest], fresh.label_quality_[rest]).statistic > 0.9
    # the rate is that of the rows that are left, the matrix that of all labels as given
    share, error = wrong[rest].mean(), max(flagger.noise_rate_std_, 0.01)
    assert abs(flagger.noise_rate_ - share) < 2 * error
    assert abs(flagger.noise_rate_ - share) < abs(fresh.noise_rate_ - share)
    assert np.abs(flagger.noise_matrix_[[0, 1], [1, 0]] - 0.15).max() < 0.1


def test_an_update_of_values_agrees_with_a_fit_to_the_corrected_values():
    flagger = quick().fit(table, typed)
    rows = flagger.suggest_review(20)
    flagger.update(rows, values[rows])
    corrected = typed.copy()
    corrected[rows] = values[rows]
    fresh = quick().fit(table, corrected)
    rest = np.setdiff1d(np.arange(442), rows)
    assert spearmanr(flagger.scores_[rest], fresh.scores_[rest]).statistic > 0.99
    np.testing.assert_array_equal(flagger.suggested_[rows], values[rows])


def test_an_update_keeps_columns_and_what_is_worth_fitting(reviewed):
    flagger = copied(reviewed["own"])
    before = flagger._source
    rows = flagger.suggest_review(30)
    after = flagger.update(rows, truth[rows])._source
    assert after is not before
    assert after._scaled is before._scaled
    assert all(any(kind is old for old in before._kinds) for kind in after._kinds)


@pytest.mark.parametrize("name", ["own", "given"])
def test_reviewed_rows_are_certain_for_good(reviewed, name):
    flagger = copied(reviewed[name])
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


def test_corrected_labels_teach_the_model(reviewed):
    flagger = copied(reviewed["given"])
    rows = flagger.suggest_review(60)
    flagger.update(rows, truth[rows])
    assert flagger.contamination_ < 0.05
    before, after = (
        one._judgement.prediction.predict(X_test)[np.arange(len(y_test)), y_test].mean()
        for one in (reviewed["given"], flagger)
    )
    assert after > before  # the log-probabilities of the right labels of other rows


def test_a_mask_names_rows_too(reviewed):
    rows = np.sort(reviewed["given"].suggest_review(10))
    by_number = copied(reviewed["given"]).update(rows, truth[rows])
    mask = np.isin(np.arange(300), rows)
    by_mask = copied(reviewed["given"]).update(mask, truth[mask])
    np.testing.assert_array_equal(by_mask.scores_, by_number.scores_)


def test_no_answers_change_little(reviewed):
    flagger = copied(reviewed["own"]).update([], [])
    assert spearmanr(flagger.scores_, reviewed["own"].scores_).statistic > 0.99
    assert not flagger.reviewed_.any()


def test_a_fit_forgets_reviews(reviewed):
    flagger = copied(reviewed["given"])
    rows = flagger.suggest_review(10)
    flagger.update(rows, truth[rows]).fit(X, given)
    assert not flagger.reviewed_.any()
    np.testing.assert_array_equal(flagger.scores_, reviewed["given"].scores_)


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


def test_updated_flaggers_pickle(reviewed):
    flagger = copied(reviewed["own"])
    rows = flagger.suggest_review(10)
    flagger.update(rows, truth[rows])
    again = copied(flagger)
    more = again.suggest_review(10)
    np.testing.assert_array_equal(more, flagger.suggest_review(10))
    again.update(more, truth[more])
    assert again.reviewed_.sum() == 20


@pytest.mark.parametrize(
    ("rows", "labels", "message"),
    [
        ([300], [1], "numbers from 300 to 300; expected 0 to 299"),
        ([-301], [1], "numbers from -301"),
        ([4, 4], [1, 1], "names a row twice"),
        ([0.5], [1], "expected a list of training row numbers"),
        ([True, False], [1], r"mask of shape \(2,\); expected \(300,\)"),
        ([1, 2], [1], "2 rows were reviewed but 1 labels are given"),
        ([1], [7], r"labels holds \[7\], which are not among the classes"),
    ],
)
def test_answers_that_mean_nothing_are_refused(reviewed, rows, labels, message):
    flagger = copied(reviewed["given"])
    with pytest.raises(ValueError, match=message):
        flagger.update(rows, labels)
    np.testing.assert_array_equal(flagger.scores_, reviewed["given"].scores_)


def test_a_whole_number_may_be_corrected_by_one_that_is_not():
    flagger = quick().fit(table, typed.round().astype(int))
    flagger.update([3], [45.5])
    assert flagger.suggested_[3] == flagger.report(n_against=0)["given"][3] == 45.5
    assert flagger.loo_prediction_[3] != 45.5
