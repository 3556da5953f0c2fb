"""The densities of right and wrong errors: against scipy's, finite differences, known scales."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats
from scipy.optimize import check_grad

from skinfluence.labels._noise.error_mixture import (
    ErrorMixture,
    _basis,
    _cost,
    fit_error_mixture,
)

TAILS = [np.inf, 8.0, 1.2]
KNOTS = np.array([-1.0, 0.0, 4.0])


def make_mixture(tail=np.inf, log_scale=(0.3,)):
    return ErrorMixture(0.1, 6.0, np.array(log_scale), KNOTS, tail)


def fit(error, prediction=0.0, variance=0.0):
    n = len(error)
    return fit_error_mixture(error, np.full(n, prediction), np.full(n, variance), np.ones(n))


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
    basis = _basis(rng.uniform(-1, 4, 60), KNOTS)[:, :order]
    args = (rng.standard_t(3, 60), 1 + rng.random(60), rng.random(60), basis, tail)
    point = np.array([-1.5, 1.4, 0.2, 0.3, -0.2])[: 2 + order]
    off = check_grad(lambda x: _cost(x, *args)[0], lambda x: _cost(x, *args)[1], point)
    assert off < 1e-6


def test_the_cost_is_the_posterior_density_written_plainly():
    error, spread, weight = np.array([0.2, -5.0]), np.array([1.0, 1.5]), np.array([1.0, 2.0])
    x = np.array([np.log(0.2 / 0.8), np.log(5.0), 0.1, 0.4, 0.0])
    rank = np.array([-1.0, 0.5])
    sigma = np.exp(0.1 + 0.4 * rank)
    density = 0.8 * stats.t.pdf(error, 4, 0, sigma * np.sqrt(spread))
    density += 0.2 * stats.norm.pdf(error, 0, np.sqrt(25 * np.exp(0.2) + sigma**2 * spread))
    expected = weight @ np.log(density) + 9 * np.log(0.8) - 0.5 * 0.4**2
    basis = _basis(np.array([-1.0, 2.0]), KNOTS)  # of these ranks
    assert_allclose(_cost(x, error, spread, weight, basis, 4.0)[0], -expected / 3, rtol=1e-12)


def test_share_and_both_scales_of_a_mixture_are_found_again():
    rng = np.random.default_rng(0)
    wrong = rng.random(5_000) < 0.1
    error = rng.normal(0, 2.0, 5_000) + np.where(wrong, rng.normal(0, 20.0, 5_000), 0.0)
    found = fit(error)
    assert found.share == pytest.approx(0.1, abs=0.015)
    assert found.wide == pytest.approx(20.0, rel=0.1)
    assert_allclose(found.scale(0.0), 2.0, rtol=0.05)
    assert np.isinf(found.tail)


def test_a_scale_that_grows_with_the_prediction_is_found_again():
    rng = np.random.default_rng(0)
    prediction = np.sort(rng.normal(size=4_000))
    rank = np.linspace(-1, 1, 4_000)
    error = rng.normal(0, 1.0, 4_000) * np.exp(0.8 * rank)
    found = fit(error, prediction)
    assert_allclose(np.log(found.scale(prediction)), 0.8 * rank, atol=0.15)


def test_an_even_scale_is_kept_even():
    rng = np.random.default_rng(0)
    found = fit(rng.normal(size=500), rng.normal(size=500))
    assert len(found.log_scale) == 1


def test_the_variance_of_predictions_is_taken_out_of_the_scale():
    rng = np.random.default_rng(0)
    variance = rng.uniform(0, 4, 4_000)
    error = rng.normal(size=4_000) * 3.0 * np.sqrt(1 + variance)
    found = fit(error, variance=variance)
    assert_allclose(found.scale(0.0), 3.0, rtol=0.05)


@pytest.mark.parametrize("degrees", [1, 2, 3])
def test_heavy_tails_are_told_from_wrong_values(degrees):
    found = fit(stats.t.ppf((np.arange(2_000) + 0.5) / 2_000, degrees))
    assert found.tail <= 4.0
    assert found.share < 1e-3


def test_many_rows_are_thinned_evenly_by_size_of_the_error():
    rng = np.random.default_rng(0)
    error = np.r_[rng.normal(0, 1.0, 57_000), rng.normal(0, 15.0, 3_000)]  # sorted by kind
    found = fit(error)
    assert found.share == pytest.approx(0.05, abs=0.01)
    assert_allclose(found.scale(0.0), 1.0, rtol=0.03)


@pytest.mark.parametrize("unit", [1.0, 1e9])
@pytest.mark.parametrize("noise", [1e-3, 1e-7, 1e-13, 0.0])
def test_hardly_any_noise_leaves_wrong_values_wrong(noise, unit):
    rng = np.random.default_rng(0)
    error = unit * np.r_[noise * rng.normal(size=190), rng.uniform(5, 20, 10)]
    odds = fit(error, unit).log_odds(error, np.full(200, unit))
    assert_array_equal(odds > 0, np.arange(200) >= 190)


def test_errors_of_rounding_are_none():
    error = np.r_[np.zeros(150), np.full(50, 1e-15)]
    found = fit(error, 1.0)
    assert found.log_odds(error, np.ones(200)).max() < 0
    assert found.scale(1.0) > 1e-13


def test_a_target_of_zeros_is_right():
    assert fit(np.zeros(50)).log_odds(np.zeros(50), np.zeros(50)).max() < 0


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
