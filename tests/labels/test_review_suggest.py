"""Which rows a person should look at next: the least probable labels, the largest gains."""

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import Ridge
from sklearn.metrics import log_loss

from skinfluence import InfluenceExplainer, LabelFlagger
from skinfluence.labels._review.review import expected_gains
from skinfluence.testing import tightened
from tests.labels._beliefs import class_beliefs
from tests.labels._reviewed import X, X_test, given, model, table, truth, typed, values, y_test


@pytest.mark.parametrize("name", ["own", "given"])
def test_quality_asks_for_the_least_probable_labels_first(reviewed, name):
    flagger = reviewed[name]
    rows = flagger.suggest_review(12)
    assert len(rows) == 12
    np.testing.assert_array_equal(rows, flagger.ranking_[:12])


@pytest.mark.parametrize("name", ["own", "given"])
def test_gain_is_the_expected_gain_of_the_model_of_all_labels(reviewed, name):
    flagger = reviewed[name]
    got = flagger.suggest_review(20, strategy="gain", X_test=X_test, y_test=y_test)
    gains = flagger._gains(X_test, y_test)
    assert (np.diff(gains[got]) <= 0).all()
    assert gains[got[-1]] >= np.delete(gains, got).max()


def test_gain_is_asked_of_the_explainer_of_the_given_estimator(reviewed):
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


def test_expected_gains_rank_real_gains_of_relabelling(reviewed):
    flagger = reviewed["given"]
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


def test_correcting_what_gains_most_helps_more_than_the_same_number_by_chance(reviewed):
    flagger = reviewed["given"]
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


def test_a_share_to_flag_is_one_of_the_rows_that_are_left():
    flagger = LabelFlagger(model, contamination=0.2).fit(X, given)
    rows = flagger.suggest_review(100)
    flagger.update(rows, truth[rows])
    assert flagger.flagged_.sum() == 40 and not flagger.flagged_[rows].any()


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


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"k": 0}, "k=0. Expected a whole number"),
        ({"k": 2.5}, "k=2.5"),
        ({"strategy": "random"}, "'random' is not known. Expected one of"),
        ({"strategy": "gain", "X_test": X_test}, "both of X_test and y_test, or neither"),
    ],
)
def test_questions_that_mean_nothing_are_refused(reviewed, arguments, message):
    with pytest.raises(ValueError, match=message):
        reviewed["given"].suggest_review(**arguments)
