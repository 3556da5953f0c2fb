"""The expected gain of cleaning: against its definition, and against rows held out."""

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, make_classification

from skinfluence import LabelFlagger
from skinfluence.labels._noise.matrix import agreement


def test_agreement_is_unbiased_under_the_noise_matrix():
    random = np.random.default_rng(0)
    matrix = np.array([[0.8, 0.15, 0.05], [0.0, 0.9, 0.1], [0.3, 0.1, 0.6]])
    true, predicted = random.integers(0, 3, (2, 20_000))
    given = np.array([random.choice(3, p=matrix[k]) for k in true])
    found = agreement(matrix, given, predicted)
    error = found.std() / np.sqrt(len(found))
    assert abs(found.mean() - np.mean(predicted == true)) < 3 * error < 0.05


@pytest.fixture(scope="module")
def one_sided():
    """(X, given labels, right labels): a third of one class is labelled as the other."""
    X, y = make_classification(2000, 20, n_informative=8, flip_y=0.0, random_state=0)
    given = np.where((y == 1) & (np.arange(2000) % 3 == 0), 0, y)
    return X, given, y


def test_the_gain_compares_rows_predicted_without_themselves(one_sided):
    X, given, _ = (part[:600] for part in one_sided)
    flagger = LabelFlagger(representation="linear", random_state=0).fit(X, given)
    plain = LabelFlagger(representation="linear", noise_model=False, random_state=0).fit(X, given)
    after, before = (one.loo_proba_.argmax(axis=1) for one in (flagger, plain))
    right = np.linalg.inv(flagger.noise_matrix_)
    difference = right[given, after] - right[given, before]
    assert flagger.n_iter_ == 2
    assert flagger.expected_gain_ == pytest.approx(difference.mean(), abs=1e-12)
    assert flagger.expected_gain_std_ == pytest.approx(difference.std() / np.sqrt(600), abs=1e-12)


def test_the_gain_is_that_of_rows_held_out(one_sided):
    X, given, y = one_sided
    flagger = LabelFlagger(random_state=0).fit(X[:800], given[:800])
    plain = LabelFlagger(noise_model=False, random_state=0).fit(X[:800], given[:800])
    after, before = (
        one._judgement.prediction.predict(X[800:]).argmax(axis=1) == y[800:]
        for one in (flagger, plain)
    )
    difference = after.astype(float) - before
    error = np.hypot(flagger.expected_gain_std_, difference.std() / np.sqrt(1200))
    assert abs(flagger.expected_gain_ - difference.mean()) < 2 * error < difference.mean()
    words = flagger.summary().gain_in_words
    assert words.startswith("Cleaning is expected to raise the accuracy on right labels by ")
    assert f"{100 * flagger.expected_gain_:.1f} ±" in words


def test_nothing_is_said_where_there_was_no_second_fit():
    X, y = load_breast_cancer(return_X_y=True)
    flagger = LabelFlagger(representation="linear", max_iter=1).fit(X, y)
    assert np.isnan(flagger.expected_gain_) and flagger.summary().gain_in_words == ""


def test_values_gain_in_absolute_error():
    X, y = load_diabetes(return_X_y=True)
    given = np.where(np.arange(len(y)) % 15 == 0, 5 * y, y)
    flagger = LabelFlagger(representation="linear", random_state=0).fit(X, given)
    plain = LabelFlagger(representation="linear", noise_model=False, random_state=0).fit(X, given)
    # against the right values, which the flagger has not seen
    errors = [np.abs(one.loo_prediction_ - y) for one in (plain, flagger)]
    right = errors[0] - errors[1]
    error = np.hypot(flagger.expected_gain_std_, right.std() / np.sqrt(len(y)))
    assert right.mean() > 0 and abs(flagger.expected_gain_ - right.mean()) < 3 * error
    assert "expected to lower the mean absolute error" in flagger.summary().gain_in_words
