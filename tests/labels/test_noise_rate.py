"""The share of wrong labels, and its standard error."""

import numpy as np
import pytest
from scipy.special import log_softmax
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skinfluence import LabelFlagger
from skinfluence.datasets import flip_labels, load_hospital_readmission
from skinfluence.labels._noise import matrix as noise_matrix
from skinfluence.labels._noise.matrix import fit_verdict, standard_errors
from tests.labels._quick import quick

X, clean = load_breast_cancer(return_X_y=True)
logistic = make_pipeline(StandardScaler(), LogisticRegression())


def simulated(rate, n_classes, sureness=4.0, n=2000, seed=0):
    """Probabilities that are right, and labels drawn from them of which a share is then wrong."""
    rng = np.random.RandomState(seed)
    log_proba = log_softmax(sureness * rng.randn(n, n_classes), axis=1)
    true = (rng.rand(n, 1) > np.exp(log_proba).cumsum(axis=1)).sum(axis=1)
    other = (true + rng.randint(1, n_classes, n)) % n_classes
    return log_proba, np.where(rng.rand(n) < rate, other, true)


def estimate(log_proba, codes):
    weight = np.ones(len(codes))
    unknown = np.full(len(codes), -1)
    fit = fit_verdict(log_proba, codes, weight, unknown).matrix
    of_rate = standard_errors(fit, log_proba, codes, weight, unknown)[1]
    return fit.wrong(log_proba, codes).mean(), of_rate


@pytest.mark.parametrize("seed", [0, 1])
def test_rows_that_a_seed_made_wrong_are_not_those_that_the_fit_is_made_on(seed, monkeypatch):
    monkeypatch.setattr(noise_matrix, "MOST_ROWS", 1000)
    log_proba, codes = simulated(0.0, 2, sureness=12.0, n=10_000)
    given, flipped = flip_labels(codes, 0.1, random_state=seed)
    fit = fit_verdict(log_proba, given, np.ones(10_000), np.full(10_000, -1)).matrix
    wrong = fit.wrong(log_proba, given)
    assert wrong[flipped].mean() > 0.6
    assert wrong[~flipped].mean() < 0.1


@pytest.mark.parametrize("n_classes", [2, 5])
@pytest.mark.parametrize("rate", [0.02, 0.1, 0.3])
def test_the_rate_of_simulated_noise_lies_within_three_standard_deviations(rate, n_classes):
    mean, std = estimate(*simulated(rate, n_classes))
    assert abs(mean - rate) < 3 * std
    assert std < 0.03


def test_labels_that_are_hard_to_predict_are_not_taken_for_wrong():
    log_proba, codes = simulated(0.0, 2, sureness=1.5)
    surprised = np.exp(log_proba[np.arange(len(codes)), codes]) < 0.5
    assert surprised.mean() > 0.15  # as many labels are unlikely as under much noise
    assert estimate(log_proba, codes)[0] < 0.03


def test_where_little_is_known_the_error_says_so():
    surely = estimate(*simulated(0.1, 2, sureness=4.0, n=500))
    hardly = estimate(*simulated(0.1, 2, sureness=1.5, n=500))
    assert hardly[1] > 1.5 * surely[1]


def test_more_rows_say_more():
    few, many = estimate(*simulated(0.1, 3, n=500)), estimate(*simulated(0.1, 3, n=4500))
    assert 2 < few[1] / many[1] < 4.5


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.2])
@pytest.mark.parametrize("kind", ["symmetric", "asymmetric"])
def test_of_a_table_that_can_be_learnt_it_is_within_a_third(rate, kind):
    noisy, flipped = flip_labels(clean, rate, kind=kind, random_state=0)
    found = quick(random_state=0).fit(X, noisy)
    if rate:
        assert abs(found.noise_rate_ / flipped.mean() - 1) < 1 / 3
    else:
        assert found.noise_rate_ < 0.015
    assert 0 < found.noise_rate_std_ < 0.05


def test_of_ten_classes_it_is_within_a_third():
    table, target = load_digits(return_X_y=True)
    noisy, flipped = flip_labels(target[:600], 0.1, random_state=0)
    found = quick(random_state=0).fit(table[:600], noisy)
    assert abs(found.noise_rate_ / flipped.mean() - 1) < 1 / 3


def test_of_a_table_that_can_hardly_be_learnt_few_are_flagged():
    """Confident learning counts a third of these labels, which nothing predicts."""
    table, target = load_hospital_readmission(return_X_y=True)
    table, target = table[:1000], target[:1000]
    noisy, flipped = flip_labels(target, 0.1, random_state=0)
    found = quick(random_state=0).fit(table[:, np.ptp(table, axis=0) > 0], noisy)
    assert found.contamination_ < 0.15
    assert abs(found.noise_rate_ - flipped.mean()) < 2 * found.noise_rate_std_


def test_it_is_there_without_a_noise_model_too():
    noisy, _ = flip_labels(clean, 0.1, random_state=0)
    plain = LabelFlagger(logistic, noise_model=False, damping=0).fit(X, noisy)
    assert abs(plain.noise_rate_ / 0.1 - 1) < 1 / 2
    assert plain.noise_rate_std_ > 0


def test_labels_that_a_person_has_confirmed_are_not_among_those_in_question():
    noisy, flipped = flip_labels(clean, 0.1, random_state=0)
    found = LabelFlagger(logistic, damping=0).fit(X, noisy)
    before = found.noise_rate_
    found.update(np.flatnonzero(flipped), clean[flipped])
    assert found.noise_rate_ < 0.3 * before


def test_values_have_one_too():
    values, target = load_diabetes(return_X_y=True)
    target[:40] += 600.0
    found = LabelFlagger(Ridge()).fit(values, target)
    assert abs(found.noise_rate_ - 40 / 442) < 2 * found.noise_rate_std_ < 0.02


@pytest.mark.parametrize("seed", range(3))
def test_two_in_five_labels_that_are_wrong_in_one_direction_are_found(seed):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 3, 1000)
    rows = 4 * np.eye(3, 5)[truth] + rng.normal(size=(1000, 5))
    given, wrong = flip_labels(truth, 0.4, kind="asymmetric", random_state=seed)
    found = LabelFlagger(LogisticRegression()).fit(rows, given)
    assert abs(found.noise_rate_ - 0.4) < 2 * found.noise_rate_std_ < 0.04
    np.testing.assert_allclose(np.diag(found.noise_matrix_), 0.6, atol=0.06)
    assert found.flagged_[wrong].mean() > 0.95
    assert wrong[found.flagged_].mean() > 0.95
