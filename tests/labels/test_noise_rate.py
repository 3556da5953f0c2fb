"""The share of wrong labels: its mean and its standard deviation, given the data."""

import pickle
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import log_softmax
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skinfluence import LabelFlagger
from skinfluence.datasets import flip_labels, load_hospital_readmission
from skinfluence.labels._noise.matrix import PRECISION, one_rate_matrix, profile_likelihood
from skinfluence.labels._noise.rate import noise_rate

X, clean = load_breast_cancer(return_X_y=True)
logistic = make_pipeline(StandardScaler(), LogisticRegression())


def simulated(rate, n_classes, sureness=4.0, n=2000, seed=0):
    """Probabilities that are right, and labels drawn from them of which a share is then wrong."""
    rng = np.random.RandomState(seed)
    log_proba = log_softmax(sureness * rng.randn(n, n_classes), axis=1)
    true = (rng.rand(n, 1) > np.exp(log_proba).cumsum(axis=1)).sum(axis=1)
    other = (true + rng.randint(1, n_classes, n)) % n_classes
    return log_proba, np.where(rng.rand(n) < rate, other, true)


def estimate(log_proba, codes, weight=None):
    model = SimpleNamespace(opinion=SimpleNamespace(value=log_proba), fits=())
    return noise_rate(model, codes, np.ones(len(codes)) if weight is None else weight)


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


def test_where_nothing_is_known_the_deviation_says_so():
    surely = estimate(*simulated(0.1, 2, sureness=4.0, n=500))
    hardly = estimate(*simulated(0.1, 2, sureness=0.4, n=500))
    assert hardly[1] > 3 * surely[1]
    assert hardly[1] > 0.06


def test_more_rows_say_more():
    few, many = (estimate(*simulated(0.1, 2, n=n)) for n in (500, 50_000))
    assert many[1] == pytest.approx(few[1] / 10, rel=0.4)
    assert abs(many[0] - 0.1) < 3 * many[1]


def test_the_profile_is_the_likelihood_under_the_best_calibration():
    log_proba, codes = simulated(0.2, 3, n=300)
    log_proba = log_softmax(0.7 * log_proba + [0.3, 0.0, -0.3], axis=1)
    rates = [0.05, 0.2]
    got = profile_likelihood(log_proba, codes, np.ones(300), rates, rounds=30)
    for rate, value in zip(rates, got, strict=True):

        def loss(position, rate=rate):
            half_way = np.exp(position[0]) / np.sqrt(1 - 1.5 * rate)
            logits = half_way * log_proba + position[1:]
            given = np.exp(log_softmax(logits, axis=1)) @ one_rate_matrix(rate, 3)
            own = np.log(given[np.arange(300), codes]).sum()
            return 0.5 * PRECISION * position @ position - own

        best = minimize(loss, np.zeros(4), method="BFGS", options={"gtol": 1e-3})
        assert value == pytest.approx(-best.fun, abs=0.01)


def test_a_weight_of_two_is_two_rows():
    log_proba, codes = simulated(0.1, 2, n=400)
    weight = np.where(np.arange(400) % 3 == 0, 2.0, 1.0)
    twice = np.repeat(np.arange(400), weight.astype(int))
    got = estimate(log_proba, codes, weight * len(twice) / 400)
    # the weights are in units of rows: 400 rows say less than the 534 that they stand for
    want = estimate(log_proba[twice], codes[twice])
    assert got[0] == pytest.approx(want[0], abs=0.005)
    assert got[1] == pytest.approx(want[1] * np.sqrt(len(twice) / 400), rel=0.1)


def test_rows_without_weight_do_not_count():
    log_proba, codes = simulated(0.1, 2, n=400)
    weight = np.r_[np.ones(300), np.zeros(100)]
    assert estimate(log_proba, codes, weight) == estimate(log_proba[:300], codes[:300])


def test_no_row_gives_no_rate():
    assert np.isnan(estimate(*simulated(0.1, 2, n=5), weight=np.zeros(5))).all()


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.2])
@pytest.mark.parametrize("kind", ["symmetric", "asymmetric"])
def test_of_a_table_that_can_be_learnt_it_is_within_a_third(rate, kind):
    noisy, flipped = flip_labels(clean, rate, kind=kind, random_state=0)
    found = LabelFlagger(random_state=0).fit(X, noisy)
    if rate:
        assert abs(found.noise_rate_ / flipped.mean() - 1) < 1 / 3
    else:
        assert found.noise_rate_ < 0.015
    assert 0 < found.noise_rate_std_ < 0.05


def test_of_ten_classes_it_is_within_a_third():
    table, target = load_digits(return_X_y=True)
    noisy, flipped = flip_labels(target[:600], 0.1, random_state=0)
    found = LabelFlagger(random_state=0, representation="linear").fit(table[:600], noisy)
    assert abs(found.noise_rate_ / flipped.mean() - 1) < 1 / 3


def test_of_a_table_that_cannot_be_learnt_it_is_uncertain():
    """Confident learning counts a third of these labels, which nothing predicts."""
    table, target = load_hospital_readmission(return_X_y=True)
    table, target = table[:1000], target[:1000]
    noisy, flipped = flip_labels(target, 0.1, random_state=0)
    found = LabelFlagger(random_state=0).fit(table[:, np.ptp(table, axis=0) > 0], noisy)
    assert found.contamination_ > 0.25
    assert abs(found.noise_rate_ - flipped.mean()) < found.noise_rate_std_
    assert found.noise_rate_std_ > 0.05


def test_it_is_there_without_a_noise_model_too():
    noisy, _ = flip_labels(clean, 0.1, random_state=0)
    plain = LabelFlagger(logistic, noise_model=False, damping=0).fit(X, noisy)
    assert abs(plain.noise_rate_ / 0.1 - 1) < 1 / 2
    assert plain.noise_rate_std_ > 0


def test_it_is_made_at_first_use_and_kept():
    found = LabelFlagger(logistic, damping=0).fit(X, clean)
    assert "noise_rate" not in vars(found._judgement)
    assert found.noise_rate_ is found.noise_rate_
    again = pickle.loads(pickle.dumps(found))
    assert (again.noise_rate_, again.noise_rate_std_) == (found.noise_rate_, found.noise_rate_std_)


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


def test_a_flagger_without_a_fit_has_none():
    with pytest.raises(NotFittedError):
        LabelFlagger().noise_rate_  # noqa: B018
