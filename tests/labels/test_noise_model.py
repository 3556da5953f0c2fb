"""The noise matrix on simulated labels, and the turns of fitting and judging."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.datasets import make_blobs
from sklearn.metrics import average_precision_score

from skinfluence.datasets import flip_labels
from skinfluence.labels._noise.classes import fit_noise_model
from skinfluence.labels._noise.matrix import (
    UNEXPLAINED,
    fit_noise_matrix,
    one_rate_matrix,
    standard_errors,
    weight_of_matrix,
)
from skinfluence.labels._sources.opinions import Opinion
from skinfluence.labels._sources.representations import ClosedFormSource

MATRIX = np.array([[0.7, 0.3, 0.0], [0.0, 0.95, 0.05], [0.1, 0.0, 0.9]])


def simulated(matrix, n=4000, seed=0):
    """Log-probabilities of the true classes, and labels given through a noise matrix."""
    rng = np.random.RandomState(seed)
    logits = 4 * rng.randn(n, len(matrix))
    proba = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    true = (rng.rand(n, 1) > proba.cumsum(axis=1)).sum(axis=1)
    given = (rng.rand(n, 1) > matrix[true].cumsum(axis=1)).sum(axis=1)
    return np.log(proba), given, true


def both_fits(log_proba, codes, weight=None):
    weight = np.ones(len(codes)) if weight is None else weight
    settings = (log_proba, codes, weight, log_proba.shape[1])
    return [fit_noise_matrix(*settings, one_rate=one_rate) for one_rate in (True, False)]


@pytest.fixture(name="blobs", scope="module")
def fixture_blobs():
    X, true = make_blobs(300, centers=3, n_features=4, cluster_std=2.5, random_state=0)
    codes, flipped = flip_labels(true, 0.2, kind="asymmetric", random_state=0)
    return X, codes, flipped


def source_of(X, codes):
    return ClosedFormSource(X, codes, 3, representation="linear", random_state=0)


class FixedSource:
    """The same opinion for any weights; notes the weights."""

    def __init__(self, log_proba):
        self.opinion = Opinion(log_proba, lambda X: X, None, "Fixed.", None)
        self.weights = []

    def fit(self, weight):
        self.weights.append(weight)
        return self.opinion


@pytest.mark.parametrize("one_rate", [True, False])
def test_no_round_lowers_the_objective(one_rate):
    log_proba, given, _ = simulated(MATRIX, n=500)
    # Far from calibrated, so that there is something to learn.
    fit = fit_noise_matrix(0.3 * log_proba, given, np.ones(500), 3, one_rate=one_rate)
    assert len(fit.objective) > 3
    assert np.diff(fit.objective).min() > -1e-9
    assert fit.objective[-1] > fit.objective[0] + 1


def test_the_noise_matrix_of_simulated_labels_is_recovered():
    log_proba, given, _ = simulated(MATRIX)
    fit = both_fits(log_proba, given)[1]
    np.testing.assert_allclose(fit.matrix, MATRIX, atol=0.04)
    np.testing.assert_allclose(fit.matrix.sum(axis=1), 1.0)


def test_the_temperature_of_overconfident_probabilities_is_recovered():
    log_proba, given, _ = simulated(MATRIX)
    fit = both_fits(2 * log_proba, given)[1]
    np.testing.assert_allclose(np.exp(fit.log_temperature), 0.5, rtol=0.15)


def test_standard_errors_are_those_seen_over_simulations():
    matrices, errors = [], []
    for seed in range(20):
        log_proba, given, _ = simulated(MATRIX, n=1500, seed=seed)
        fit = both_fits(log_proba, given)[1]
        matrices.append(fit.matrix)
        errors.append(standard_errors(fit, log_proba, given, np.ones(1500)))
    seen, told = np.std(matrices, axis=0), np.mean(errors, axis=0)
    large = MATRIX > 0.04
    assert (np.abs(np.log(told[large] / seen[large])) < np.log(2)).all()


def test_one_rate_is_recovered_and_preferred_where_it_is_true():
    log_proba, given, true = simulated(one_rate_matrix(0.2, 3))
    one_rate, matrix = both_fits(log_proba, given)
    np.testing.assert_allclose(1 - one_rate.matrix[0, 0], (given != true).mean(), atol=0.02)
    assert weight_of_matrix(one_rate, matrix, 4000) < 0.5


def test_a_matrix_is_preferred_where_classes_are_mistaken_for_each_other():
    log_proba, given, _ = simulated(MATRIX)
    assert weight_of_matrix(*both_fits(log_proba, given), 4000) > 0.99


def test_the_posterior_is_bayes_rule():
    log_proba, given, _ = simulated(MATRIX, n=50)
    fit = both_fits(log_proba, given)[1]
    matrix = (1 - UNEXPLAINED) * fit.matrix + UNEXPLAINED * one_rate_matrix(1.0, 3)
    posterior = fit.posterior(log_proba, given)
    row = 7
    expected = np.array([fit.proba(log_proba)[row, k] * matrix[k, given[row]] for k in range(3)])
    np.testing.assert_allclose(posterior[row], expected / expected.sum())


def test_integer_weights_are_repetitions():
    log_proba, given, _ = simulated(MATRIX, n=300)
    repeats = np.random.RandomState(0).randint(1, 4, 300)
    weighted = both_fits(log_proba, given, repeats.astype(float))[1]
    repeated = both_fits(np.repeat(log_proba, repeats, axis=0), np.repeat(given, repeats))[1]
    np.testing.assert_allclose(weighted.matrix, repeated.matrix, rtol=1e-6, atol=1e-8)


def test_reweighted_fits_find_more_of_the_wrong_labels(blobs):
    X, codes, flipped = blobs
    rows, weight = np.arange(300), np.ones(300)
    found = {}
    for noise_model in (True, False):
        model = fit_noise_model(source_of(X, codes), codes, weight, 3, noise_model=noise_model)
        found[noise_model] = average_precision_score(flipped, -model.posterior[rows, codes])
    assert found[True] > found[False]
    assert found[True] > 0.9


def test_the_flipped_share_of_each_class_is_seen_in_the_matrix(blobs):
    X, codes, flipped = blobs
    model = fit_noise_model(source_of(X, codes), codes, np.ones(300), 3)
    true = np.where(flipped, (codes - 1) % 3, codes)
    shares = np.bincount(true, flipped) / np.bincount(true)
    pairs = model.noise_matrix[[0, 1, 2], [1, 2, 0]]
    errors = model.noise_matrix_std[[0, 1, 2], [1, 2, 0]]
    assert (np.abs(pairs - shares) < 3 * errors + 0.02).all()


def test_rows_of_weight_zero_influence_nothing_and_are_judged(blobs):
    X, codes, _ = blobs
    weight = np.where(np.arange(300) % 3 == 0, 0.0, 1.0)
    kept = weight > 0
    whole = fit_noise_model(source_of(X, codes), codes, weight, 3)
    part = fit_noise_model(source_of(X[kept], codes[kept]), codes[kept], weight[kept], 3)
    np.testing.assert_allclose(whole.noise_matrix, part.noise_matrix, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(whole.posterior[kept], part.posterior, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(whole.posterior.sum(axis=1), 1.0)


def test_the_scale_of_the_weights_changes_nothing(blobs):
    X, codes, _ = blobs
    models = [fit_noise_model(source_of(X, codes), codes, np.full(300, s), 3) for s in (1.0, 1e4)]
    np.testing.assert_allclose(models[0].posterior, models[1].posterior, rtol=1e-6, atol=1e-9)


def test_each_row_counts_by_the_probability_that_its_label_is_right():
    log_proba, given, _ = simulated(MATRIX, n=400)
    source = FixedSource(log_proba)
    model = fit_noise_model(source, given, np.full(400, 2.0), 3, max_iter=2)
    assert model.n_iter == 2
    np.testing.assert_array_equal(source.weights[0], 2.0)
    np.testing.assert_allclose(source.weights[1], 2.0 * model.row_weight)
    assert model.row_weight.min() < 0.2


def test_without_a_noise_model_there_is_one_fit_and_its_probabilities():
    log_proba, given, true = simulated(one_rate_matrix(0.0, 3), n=400)
    np.testing.assert_array_equal(given, true)
    source = FixedSource(log_proba)
    model = fit_noise_model(source, given, np.ones(400), 3, noise_model=False)
    assert len(source.weights) == 1
    np.testing.assert_array_equal(model.posterior, model.proba)
    np.testing.assert_array_equal(model.noise_matrix, np.eye(3))
    np.testing.assert_allclose(model.temperature, 1.0, atol=0.3)


def test_new_rows_are_judged_as_training_rows_are():
    log_proba, given, _ = simulated(MATRIX, n=400)
    model = fit_noise_model(FixedSource(log_proba), given, np.ones(400), 3)
    np.testing.assert_allclose(model.judge(log_proba, given), model.posterior)
    flat = replace(model, fits=())
    np.testing.assert_allclose(flat.judge(log_proba, given), model.proba)
