"""The densities of right and wrong errors: against scipy's, finite differences, known scales."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats
from scipy.optimize import check_grad

from skinfluence.labels._noise.error_mixture import (
    ErrorMixture,
    _basis,
    _Problem,
    fit_error_mixture,
)

TAILS = [np.inf, 8.0, 2.5]


def make_mixture(tail=np.inf, log_scale=(0.3,)):
    knots = np.array([-1.0, 0.0, 4.0])
    return ErrorMixture(0.1, 6.0, np.array(log_scale), tail, knots)


@pytest.mark.parametrize("tail", TAILS)
def test_log_odds_are_those_of_scipys_densities(tail):
    mixture = make_mixture(tail)
    error, q = np.array([-30.0, -2.0, 0.0, 0.5, 9.0]), np.array([0.0, 0.1, 2.0, 0.0, 0.3])
    narrow = np.exp(0.3) * np.sqrt(1.0 + q)
    family = stats.norm(0, narrow) if np.isinf(tail) else stats.t(tail, 0, narrow)
    wrong = np.log(0.1) + stats.norm.logpdf(error, 0, np.sqrt(36.0 + narrow**2))
    expected = wrong - np.log(0.9) - family.logpdf(error)
    assert_allclose(mixture.log_odds(error, np.zeros(5), q), expected, rtol=1e-12)


@pytest.mark.parametrize("order", [1, 3])
@pytest.mark.parametrize("tail", TAILS)
def test_the_gradient_is_that_of_finite_differences(tail, order):
    rng = np.random.default_rng(0)
    error = rng.standard_t(3, 60)
    problem = _Problem(error, 1 + rng.random(60), rng.random(60), rng.uniform(-1, 1, 60))
    basis = _basis(problem.rank, order)
    point = np.array([-1.5, 1.4, 0.2, 0.3, -0.2])[: 2 + order]
    off = check_grad(
        lambda x: problem.cost(x, basis, tail)[0], lambda x: problem.cost(x, basis, tail)[1], point
    )
    assert off < 1e-6


def test_the_cost_is_the_posterior_density_written_plainly():
    error, spread, weight = np.array([0.2, -5.0]), np.array([1.0, 1.5]), np.array([1.0, 2.0])
    problem = _Problem(error, spread, weight, np.array([-1.0, 0.5]))
    x = np.array([np.log(0.2 / 0.8), np.log(5.0), 0.1, 0.4, 0.0])
    sigma = np.exp(0.1 + 0.4 * problem.rank)
    density = 0.8 * stats.t.pdf(error, 4, 0, sigma * np.sqrt(spread))
    density += 0.2 * stats.norm.pdf(error, 0, np.sqrt(25 * np.exp(0.2) + sigma**2 * spread))
    expected = weight @ np.log(density) + 9 * np.log(0.8) - 0.5 * 0.4**2
    assert_allclose(problem.cost(x, _basis(problem.rank, 3), 4.0)[0], -expected / 3, rtol=1e-12)


def test_share_and_both_scales_of_a_mixture_are_found_again():
    rng = np.random.default_rng(0)
    wrong = rng.random(5_000) < 0.1
    error = rng.normal(0, 2.0, 5_000) + np.where(wrong, rng.normal(0, 20.0, 5_000), 0.0)
    found = fit_error_mixture(error, np.zeros(5_000), np.zeros(5_000), np.ones(5_000))
    assert found.share == pytest.approx(0.1, abs=0.015)
    assert found.wide == pytest.approx(20.0, rel=0.1)
    assert_allclose(found.scale(0.0), 2.0, rtol=0.05)
    assert np.isinf(found.tail)


def test_a_scale_that_grows_with_the_prediction_is_found_again():
    rng = np.random.default_rng(0)
    prediction = np.sort(rng.normal(size=4_000))
    rank = np.linspace(-1, 1, 4_000)
    error = rng.normal(0, 1.0, 4_000) * np.exp(0.8 * rank)
    found = fit_error_mixture(error, prediction, np.zeros(4_000), np.ones(4_000))
    assert_allclose(np.log(found.scale(prediction)), 0.8 * rank, atol=0.15)


def test_an_even_scale_is_kept_even():
    rng = np.random.default_rng(0)
    found = fit_error_mixture(
        rng.normal(size=500), rng.normal(size=500), np.zeros(500), np.ones(500)
    )
    assert len(found.log_scale) == 1


def test_the_variance_of_predictions_is_taken_out_of_the_scale():
    rng = np.random.default_rng(0)
    variance = rng.uniform(0, 4, 4_000)
    error = rng.normal(size=4_000) * 3.0 * np.sqrt(1 + variance)
    found = fit_error_mixture(error, np.zeros(4_000), variance, np.ones(4_000))
    assert_allclose(found.scale(0.0), 3.0, rtol=0.05)


def test_heavy_tails_are_told_from_wrong_values():
    error = stats.t.ppf((np.arange(2_000) + 0.5) / 2_000, 3)
    found = fit_error_mixture(error, np.zeros(2_000), np.zeros(2_000), np.ones(2_000))
    assert found.tail <= 4.0
    assert found.share < 1e-3


def test_many_rows_are_thinned_evenly_by_size_of_the_error():
    rng = np.random.default_rng(0)
    error = np.r_[rng.normal(0, 1.0, 57_000), rng.normal(0, 15.0, 3_000)]  # sorted by kind
    found = fit_error_mixture(error, np.zeros(60_000), np.zeros(60_000), np.ones(60_000))
    assert found.share == pytest.approx(0.05, abs=0.01)
    assert_allclose(found.scale(0.0), 1.0, rtol=0.03)


def test_without_noise_there_is_no_mixture():
    error = np.r_[np.zeros(60), 5.0]
    assert fit_error_mixture(error, np.zeros(61), np.zeros(61), np.ones(61)) is None


@pytest.mark.parametrize("tail", TAILS)
def test_weights_fall_with_the_error_and_start_near_one(tail):
    error = np.array([0.0, 1.0, 3.0, 10.0, 100.0])
    weights = make_mixture(tail).weights(error, np.zeros(5))
    assert np.all(np.diff(weights) < 0)
    assert 0.95 < weights[0] <= 1.0
    assert weights[-1] < 0.01


def test_the_rank_of_a_prediction_is_held_beyond_the_knots():
    mixture = make_mixture(log_scale=(0.0, 1.0, 0.0))
    assert_allclose(
        mixture.scale(np.array([-9.0, -1.0, 0.0, 2.0, 99.0])), np.exp([-1, -1, 0, 0.5, 1])
    )
