"""Rows that a flagger was not fitted to: their labels judged, and the likelihood of these."""

import numpy as np
import pytest
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.metrics import average_precision_score

from skinfluence import LabelFlagger
from tests.labels._flipped import X, flipped, logistic, y
from tests.labels._quick import quick


@pytest.mark.parametrize("estimator", [None, logistic, ExtraTreesClassifier(30)])
def test_new_rows_are_judged(estimator):
    found = LabelFlagger(estimator).fit(X[:200], y[:200])
    score = found.score_labels(X[200:], y[200:])
    assert score.shape == (100,)
    assert (score >= 0).all() and (score <= 1).all()
    assert average_precision_score(flipped[200:], score) > 0.7


def test_a_new_row_is_judged_as_a_training_row_without_itself_would_be():
    without = LabelFlagger(logistic, noise_model=False, damping=0).fit(X[1:], y[1:])
    whole = LabelFlagger(logistic, noise_model=False, damping=0).fit(X, y)
    assert without.score_labels(X[:1], y[:1])[0] == pytest.approx(whole.scores_[0], abs=0.01)


def test_a_label_that_nobody_had_cannot_be_right(explained):
    np.testing.assert_array_equal(explained.score_labels(X[:2], [7, 7]), 1.0)


def test_new_values_are_judged(values):
    table, _, noisy, wrong = values
    found = quick().fit(table[:300], noisy[:300])
    score = found.score_labels(table[300:], noisy[300:])
    assert average_precision_score(wrong[300:], score) > 0.9


def test_score_is_the_held_out_likelihood_of_given_labels(values):
    good = LabelFlagger(logistic, damping=0.01).fit(X[:200], y[:200])
    poor = LabelFlagger(logistic, damping=100.0).fit(X[:200], y[:200])
    assert -1.0 < poor.score(X[200:], y[200:]) < good.score(X[200:], y[200:]) < 0.0
    table, _, noisy, _ = values
    good = quick(damping=0.1).fit(table[:300], noisy[:300])
    poor = quick(damping=1e6).fit(table[:300], noisy[:300])
    assert poor.score(table[300:], noisy[300:]) < good.score(table[300:], noisy[300:])


def test_the_density_of_values_integrates_to_one(values):
    table, _, noisy, _ = values
    found = quick().fit(table, noisy)
    grid = np.linspace(-3000, 3500, 20001)
    rows = np.repeat(table[:1], len(grid), axis=0)
    density = np.exp(found._judgement.log_likelihood(rows, grid))
    assert density.sum() * (grid[1] - grid[0]) == pytest.approx(1.0, abs=1e-3)


def test_probabilities_of_given_labels_sum_to_one(flagger):
    given = [flagger._judgement.log_likelihood(X[:5], np.full(5, k)) for k in (0, 1)]
    np.testing.assert_allclose(np.exp(given).sum(axis=0), 1.0, rtol=1e-9)
