"""action="auto": which action is taken, on what evidence, and what it is worth."""

import re

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, PredefinedSplit, cross_val_predict
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skinfluence import CleanedClassifier, CleanedRegressor, LabelFlagger
from skinfluence.datasets import flip_labels
from skinfluence.labels._cleaning.choice import _accuracy
from skinfluence.labels._sources.cross_validated import make_folds
from tests._data import load_shared_data
from tests.labels import _cleaned
from tests.labels._numbered import Numbered, Unnumbered, X, flipped, missed, n, one_sided, truth, y
from tests.labels._quick import quick

MATRIX = np.array([[1.0, 0.0], [0.4, 0.6]])
logistic = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))


def test_corrected_accuracy_is_unbiased():
    class Judge:
        classes_ = np.array(["a", "b", "c"])
        noise_matrix_ = np.array([[0.7, 0.2, 0.1], [0.0, 0.9, 0.1], [0.3, 0.3, 0.4]])

    given, told = (v.ravel() for v in np.meshgrid(Judge.classes_, Judge.classes_, indexing="ij"))
    credit = _accuracy(Judge, given, told).reshape(3, 3)
    # (true, given) x (given, told): what is expected of each prediction for each true class
    np.testing.assert_allclose(Judge.noise_matrix_ @ credit, np.eye(3), atol=1e-12)


def test_gains_are_those_of_cross_validation():
    flagger = Numbered(flipped)
    got = CleanedClassifier(Unnumbered(), flagger).fit(X, y)
    folds = PredefinedSplit(make_folds(y, True, 3, np.random.RandomState(0)))
    right = {}
    for action in ("none", "drop", "reweight"):
        model = CleanedClassifier(Unnumbered(), flagger, action=action)
        right[action] = cross_val_predict(model, X, y, cv=folds) == y
    for action in ("drop", "reweight"):
        difference = right[action].astype(float) - right["none"]
        want = difference.mean(), difference.std() / np.sqrt(n)
        np.testing.assert_allclose(got.action_gains_[action], want, rtol=1e-12, atol=1e-15)


def test_labels_of_validation_rows_are_never_seen():
    log = []
    weight = np.where(np.arange(n) % 5 == 0, 0.0, 1.0)
    CleanedClassifier(Unnumbered(), Numbered(flipped, log=log)).fit(X, y, sample_weight=weight)
    whole, *folds = [numbers for numbers, _ in log]
    present = np.flatnonzero(weight)
    assert len(whole) == n and len(folds) == 3  # `Unnumbered` refuses rows it was fitted to
    counts = np.bincount(np.concatenate(folds), minlength=n)
    np.testing.assert_array_equal(counts, np.where(np.isin(np.arange(n), present), 2, 0))


def test_one_sided_noise_is_seen_by_the_noise_matrix():
    raw = Unnumbered().fit(X, one_sided)
    fresh = np.c_[np.random.default_rng(1).normal(size=(4000, 4)), np.full(4000, -1)]
    right = fresh[:, :4].sum(axis=1) > 0
    got = CleanedClassifier(Unnumbered(), Numbered(missed, MATRIX)).fit(X, one_sided)
    gain = got.score(fresh, right) - raw.score(fresh, right)
    assert got.action_ == "drop"
    assert gain > 0.05
    assert abs(gain - got.expected_gain_) < 3 * got.expected_gain_std_
    # accuracy on the given labels is blind to it
    without = CleanedClassifier(Unnumbered(), Numbered(missed)).fit(X, one_sided)
    assert without.expected_gain_ < 0.5 * got.expected_gain_


def test_labels_that_nobody_doubts_are_left_alone():
    got = CleanedClassifier(Unnumbered(), Numbered(np.zeros(n, bool))).fit(X, truth)
    assert (got.action_, got.expected_gain_, got.expected_gain_std_) == ("none", 0.0, 0.0)
    assert got.action_gains_ == {"reweight": (0.0, 0.0), "drop": (0.0, 0.0)}


def test_flags_at_random_are_not_acted_on():
    doubted = (truth == 1) & (np.arange(n) % 3 > 0)
    got = CleanedClassifier(Unnumbered(), Numbered(doubted)).fit(X, truth)
    assert got.action_ == "none"
    assert got.action_gains_["drop"][0] < 0
    want = Unnumbered().fit(X, truth)
    np.testing.assert_array_equal(got.estimator_.coef_, want.coef_)


@pytest.mark.parametrize(
    ("load", "flagger"),
    [(load_breast_cancer, None), pytest.param(load_digits, quick(), marks=pytest.mark.slow)],
    ids=["two", "ten"],
)
def test_right_labels_lose_nothing(load, flagger):
    table, labels = load(return_X_y=True)
    half = np.random.default_rng(0).permutation(len(labels)) % 2 == 0
    raw = clone(logistic).fit(table[half], labels[half]).score(table[~half], labels[~half])
    got = CleanedClassifier(logistic, flagger).fit(table[half], labels[half])
    assert got.score(table[~half], labels[~half]) >= raw - 0.003


@pytest.mark.slow
def test_flipped_labels_are_acted_on():
    table, labels = load_digits(return_X_y=True)
    noisy, _ = flip_labels(labels[:900], 0.2, random_state=0)
    raw = clone(logistic).fit(table[:900], noisy).score(table[900:], labels[900:])
    got = CleanedClassifier(logistic).fit(table[:900], noisy)
    gain = got.score(table[900:], labels[900:]) - raw
    assert got.action_ != "none" and gain > 0.05
    assert got.expected_gain_ > 0.03


def test_wrong_values_are_acted_on():
    got = CleanedRegressor(Ridge(), quick()).fit(_cleaned.X, _cleaned.values)
    raw = Ridge().fit(_cleaned.X, _cleaned.values)
    assert got.action_ in ("drop", "reweight")
    assert got.expected_gain_ > 3 * got.expected_gain_std_  # in mean absolute error
    assert got.score(_cleaned.X, _cleaned.clean_values) > raw.score(
        _cleaned.X, _cleaned.clean_values
    )


def test_right_values_are_left_alone():
    got = CleanedRegressor(Ridge(), quick()).fit(_cleaned.X, _cleaned.clean_values)
    raw = Ridge().fit(_cleaned.X, _cleaned.clean_values)
    assert (
        got.score(_cleaned.X, _cleaned.clean_values)
        > raw.score(_cleaned.X, _cleaned.clean_values) - 1e-4
    )


def test_without_weights_rows_are_dropped_or_not():
    got = CleanedClassifier(KNeighborsClassifier(), quick()).fit(
        _cleaned.X, (_cleaned.values > 0).astype(int)
    )
    assert list(got.action_gains_) == ["drop"]


@pytest.mark.parametrize("labels", [[0, 1] * 14, [0] * 39 + [1]], ids=["rows", "one of a class"])
def test_too_few_rows_for_a_choice_are_left_alone(labels):
    table = np.random.default_rng(0).normal(size=(len(labels), 2))
    table = np.c_[table, np.arange(len(labels))]
    got = CleanedClassifier(flagger=Numbered(np.zeros(40, bool))).fit(table, labels)
    assert got.action_ == "none" and got.action_gains_ == {}
    assert "too few rows to choose (at least 30" in got.description_


def test_where_folds_cannot_be_fitted_nothing_is_done_and_said():
    colour = np.where(np.arange(n) == 7, "green", np.where(X[:, 0] > 0, "red", "blue"))
    encoded = make_pipeline(OneHotEncoder(), LogisticRegression())
    model = CleanedClassifier(encoded, quick())
    with pytest.warns(match="a fold failed with: Found unknown categories"):
        model.fit(colour[:, None].astype(object), y)
    assert model.action_ == "none" and model.predict([["green"]]).shape == (1,)
    model.set_params(action="drop").fit(colour[:, None].astype(object), y)  # as is advised


def test_a_given_action_has_no_expectation_and_a_refit_forgets():
    model = CleanedClassifier(Unnumbered(), Numbered(flipped)).fit(X, y)
    model.set_params(action="drop").fit(X, y)
    assert model.action_ == "drop" and model.action_gains_ == {}
    assert np.isnan(model.expected_gain_) and np.isnan(model.expected_gain_std_)
    assert model.description_ == 'action "drop", as given'


def test_the_choice_is_told(capsys):
    model = CleanedClassifier(Unnumbered(), Numbered(flipped), verbose=1).fit(X, y)
    told = f'[CleanedClassifier] action "{model.action_}"; expected gain in accuracy over "none": '
    printed = capsys.readouterr().out
    assert printed.startswith(told)
    for action in ("reweight", "drop"):
        told = re.search(rf'(\S+) ± (\S+) by "{action}"', printed)
        np.testing.assert_allclose(
            [float(number) for number in told.groups()], model.action_gains_[action], atol=1e-3
        )
        assert len(told[1].lstrip("+-")) == len(told[2])  # as many digits of both


@pytest.mark.slow
def test_the_choice_is_the_same_for_any_number_of_jobs():
    noisy, _ = flip_labels((_cleaned.X[:, 0] > 0).astype(int), 0.2, random_state=0)
    found = [
        CleanedClassifier(
            LogisticRegression(), LabelFlagger(ranking="cross_validation", n_jobs=n_jobs)
        ).fit(_cleaned.X, noisy)
        for n_jobs in (1, 2)
    ]
    assert found[0].action_gains_ == found[1].action_gains_
    np.testing.assert_array_equal(found[0].estimator_.coef_, found[1].estimator_.coef_)


def test_random_state_draws_the_folds():
    def gains(seed):
        model = CleanedClassifier(Unnumbered(), Numbered(flipped), random_state=seed)
        return model.fit(X, y).action_gains_

    assert gains(None) == gains(None)
    assert gains(1) == gains(np.random.RandomState(1)) != gains(2)


def test_auto_stands_in_a_search_beside_the_others():
    grid = {"action": ["auto", "none", "drop", "reweight", "relabel"]}
    search = GridSearchCV(CleanedClassifier(Unnumbered(), Numbered(flipped)), grid, cv=3)
    scores = search.fit(X, y).cv_results_["mean_test_score"]
    assert np.isfinite(scores).all()
    assert scores[0] in scores[1:4] or scores[1:4].min() < scores[0] < scores[1:4].max()


@pytest.mark.slow
def test_labels_that_people_got_wrong_never_hurt_much():
    """5,000 images of CIFAR-10N and a table of songs; accuracy on right labels."""
    gains = {}
    data = load_shared_data()
    table, labels = data.cifar10n_part()
    order = np.random.default_rng(0).permutation(len(table))
    train, test = order[:5000], order[5000:]
    for name in ("aggre_label", "random_label1", "worse_label"):
        args = table[train].astype(float), labels[name][train]
        there = table[test].astype(float), labels["clean_label"][test]
        model = CleanedClassifier(logistic).fit(*args)
        gains[name] = model.score(*there) - clone(logistic).fit(*args).score(*there)
    songs = data.music_genre()
    args, there = (songs["X"], songs["y_majority"]), (songs["X_test"], songs["y_test"])
    model = CleanedClassifier(logistic).fit(*args)
    gains["music"] = model.score(*there) - clone(logistic).fit(*args).score(*there)
    assert min(gains.values()) >= -0.003, gains
    assert (gains["random_label1"] + gains["worse_label"]) / 2 >= 0.005, gains
    assert gains["music"] > 0.03, gains
