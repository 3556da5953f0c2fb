"""The noise matrix on simulated labels, and the turns of fitting and judging."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import approx_fprime
from sklearn.datasets import load_digits, make_blobs
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.metrics import average_precision_score

from skinfluence import LabelFlagger
from skinfluence.datasets import flip_labels
from skinfluence.labels._noise import matrix as noise_matrix
from skinfluence.labels._noise.matrix import (
    UNEXPLAINED,
    fit_verdict,
    one_rate_matrix,
    standard_errors,
)
from skinfluence.labels._sources.prediction import OutOfSamplePrediction
from skinfluence.labels._sources.representations import PooledPredictor
from tests.labels._targets import noise_of, target_of

MATRIX = np.array([[0.7, 0.3, 0.0], [0.0, 0.95, 0.05], [0.1, 0.0, 0.9]])


def simulated(matrix, n=4000, seed=0):
    """Log-probabilities of the true classes, and labels given through a noise matrix."""
    rng = np.random.RandomState(seed)
    logits = 4 * rng.randn(n, len(matrix))
    proba = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    true = (rng.rand(n, 1) > proba.cumsum(axis=1)).sum(axis=1)
    given = (rng.rand(n, 1) > matrix[true].cumsum(axis=1)).sum(axis=1)
    return np.log(proba), given, true


def both_fits(log_proba, codes):
    verdict = fit_verdict(log_proba, codes, np.ones(len(codes)), np.full(len(codes), -1))
    return verdict.one_rate, verdict.matrix, verdict.share


def errors_of(fit, log_proba, codes):
    return standard_errors(fit, log_proba, codes, np.ones(len(codes)), np.full(len(codes), -1))


@pytest.fixture(name="blobs", scope="module")
def fixture_blobs():
    X, true = make_blobs(300, centers=3, n_features=4, cluster_std=2.5, random_state=0)
    codes, flipped = flip_labels(true, 0.2, kind="asymmetric", random_state=0)
    return X, codes, flipped


def source_of(X, codes):
    return PooledPredictor(X, target_of(codes, 3), representation="linear", random_state=0)


class FixedSource:
    """The same prediction for any weights; notes the weights."""

    def __init__(self, log_proba):
        self.prediction = OutOfSamplePrediction(log_proba, lambda X: X, None, "Fixed.", None)
        self.weights = []

    def fit(self, weight):
        self.weights.append(weight)
        return self.prediction


def test_the_gradient_is_that_of_the_penalised_likelihood(monkeypatch):
    log_proba, given, _ = simulated(MATRIX, n=60)
    weight = np.random.RandomState(1).uniform(0.5, 1.5, 60)
    losses = []

    def caught(loss, position, **settings):
        losses.append(loss)
        return type("Found", (), {"x": position, "fun": 0.0})

    problem = noise_matrix._Problem(log_proba, given, weight, np.full(len(given), -1))
    position = 0.3 * np.random.RandomState(2).randn(problem.parts[-1] + 9)
    monkeypatch.setattr(noise_matrix, "minimize", caught)
    problem.fit(position, matrix=True)
    expected = approx_fprime(position, lambda at: losses[0](at)[0], 1e-7)
    np.testing.assert_allclose(losses[0](position)[1], expected, atol=1e-5)


def test_the_noise_matrix_of_simulated_labels_is_recovered():
    log_proba, given, _ = simulated(MATRIX)
    _, fit, _ = both_fits(log_proba, given)
    np.testing.assert_allclose(fit.matrix, MATRIX, atol=0.04)
    np.testing.assert_allclose(fit.matrix.sum(axis=1), 1.0)


def test_the_temperature_of_overconfident_probabilities_is_recovered():
    log_proba, given, _ = simulated(MATRIX)
    _, fit, _ = both_fits(2 * log_proba, given)
    centred = fit.slope - fit.slope.mean(axis=1, keepdims=True)  # all that a softmax sees
    np.testing.assert_allclose(centred, 0.5 * (np.eye(3) - 1 / 3), atol=0.1)


@pytest.mark.slow
@pytest.mark.parametrize("factor", [1.0, 2.0])
def test_standard_errors_cover_the_truth(factor):
    inside, told, seen = [], [], []
    for seed in range(20):
        log_proba, given, true = simulated(MATRIX, n=1500, seed=seed)
        _, fit, _ = both_fits(factor * log_proba, given)
        std, of_rate = errors_of(fit, factor * log_proba, given)
        inside.append((np.abs(fit.matrix - MATRIX) < 2 * std + 1e-3)[MATRIX > 0])
        told.append(of_rate)
        seen.append(fit.wrong(factor * log_proba, given).mean() - (given != true).mean())
    assert np.mean(inside) > 0.9
    assert np.mean(np.abs(seen) < 2 * np.array(told)) >= 0.85
    assert np.mean(told) < 2.5 * np.std(seen)


def test_one_rate_is_recovered_and_preferred_where_it_is_true():
    log_proba, given, true = simulated(one_rate_matrix(0.2, 3))
    one_rate, _, share = both_fits(log_proba, given)
    np.testing.assert_allclose(1 - one_rate.matrix[0, 0], (given != true).mean(), atol=0.02)
    assert share < 0.3


def test_a_matrix_is_preferred_where_classes_are_mistaken_for_each_other():
    log_proba, given, _ = simulated(MATRIX)
    assert both_fits(log_proba, given)[2] > 0.99


def test_many_classes_have_one_rate(monkeypatch):
    log_proba, given, true = simulated(one_rate_matrix(0.2, 5), n=3000)
    monkeypatch.setattr(noise_matrix, "MOST_CLASSES", 4)
    one_rate, same, share = both_fits(log_proba, given)
    assert same is one_rate and share == 0.0
    np.testing.assert_allclose(1 - one_rate.matrix[0, 0], (given != true).mean(), atol=0.03)
    std, of_rate = errors_of(one_rate, log_proba, given)
    assert std.shape == (5, 5) and 0 < of_rate < 0.03


def test_more_rows_than_the_fit_takes_are_judged_by_some(monkeypatch):
    log_proba, given, _ = simulated(MATRIX, n=3000)
    _, whole, _ = both_fits(log_proba, given)
    monkeypatch.setattr(noise_matrix, "MOST_ROWS", 1500)
    _, part, _ = both_fits(log_proba, given)
    assert np.abs(part.matrix - whole.matrix).max() > 0
    np.testing.assert_allclose(part.matrix, whole.matrix, atol=0.06)
    some, all_rows = [errors_of(part, log_proba[:n], given[:n])[1] for n in (1500, 3000)]
    assert all_rows < some


@pytest.mark.parametrize("seed", range(2))
def test_where_flags_are_near_perfect_the_qualities_say_so(seed):
    rng = np.random.default_rng(seed)
    true = np.repeat([0, 1], 1000)
    X = rng.normal(size=(2000, 8))
    X[:, 0] += 7 * true
    y, wrong = flip_labels(true, 0.3, random_state=seed)
    found = LabelFlagger(LogisticRegression()).fit(X, y)
    assert abs(found.flagged_.mean() - 0.3) < 2 * found.noise_rate_std_ < 0.05
    assert found.flagged_[~wrong].mean() < 0.01
    np.testing.assert_allclose((1 - found.label_quality_).sum(), wrong.sum(), rtol=0.1)
    assert abs(found.noise_matrix_[0, 1] - 0.3) < 2 * found.noise_matrix_std_[0, 1]
    assert found.label_quality_[wrong].mean() < 0.1
    assert (found.label_quality_[wrong] < 0.05).mean() > 0.4


@pytest.mark.parametrize("rate", [0.0, 0.1])
def test_what_a_weak_model_confuses_is_not_taken_for_noise(rate):
    X, true = load_digits(return_X_y=True)
    X = X[:, [20, 28, 36, 42, 44, 52]]  # the model is right on three rows in four
    y, _ = flip_labels(true, rate, random_state=0)
    found = LabelFlagger(representation="rbf", n_components=200).fit(X, y)
    contradicted = (found.classes_[found.loo_proba_.argmax(axis=1)] != y).mean()
    assert contradicted > 0.2
    assert abs(found.flagged_.mean() - rate) < 0.05
    assert not (found.flagged_ & (found.classes_[found.loo_proba_.argmax(axis=1)] == y)).any()


def test_as_many_labels_are_expected_wrong_as_the_matrix_says():
    log_proba, given, _ = simulated(MATRIX)
    rows = np.arange(len(given))
    verdict = fit_verdict(log_proba, given, np.ones(len(given)), np.full(len(given), -1))
    by_matrix = verdict.matrix.wrong(log_proba, given)
    together = verdict.posterior(log_proba, given)[rows, given]
    np.testing.assert_allclose((1 - together).sum(), by_matrix.sum(), rtol=1e-6)


def test_the_posterior_is_bayes_rule():
    log_proba, given, _ = simulated(MATRIX, n=50)
    _, fit, _ = both_fits(log_proba, given)
    matrix = (1 - UNEXPLAINED) * fit.matrix + UNEXPLAINED * one_rate_matrix(1.0, 3)
    posterior = fit.posterior(log_proba, given)
    row = 7
    expected = np.array([fit.proba(log_proba)[row, k] * matrix[k, given[row]] for k in range(3)])
    np.testing.assert_allclose(posterior[row], expected / expected.sum())


def test_integer_weights_are_repetitions(monkeypatch):
    monkeypatch.setattr(noise_matrix, "LEAST_GAIN", 1e-7)  # both at the optimum itself
    log_proba, given, _ = simulated(MATRIX, n=300)
    repeats = np.random.RandomState(0).randint(1, 4, 300)

    def matrix_of(log_proba, given, weight):
        problem = noise_matrix._Problem(log_proba, given, weight, np.full(len(given), -1))
        return problem.fit(problem.start(0.1), matrix=True).matrix

    weighted = matrix_of(log_proba, given, repeats.astype(float))
    repeated = np.repeat(log_proba, repeats, axis=0), np.repeat(given, repeats)
    np.testing.assert_allclose(weighted, matrix_of(*repeated, np.ones(repeats.sum())), atol=1e-4)


def test_reweighted_fits_find_more_of_the_wrong_labels(blobs):
    X, codes, flipped = blobs
    rows, found = np.arange(300), {}
    for noise_model in (True, False):
        model = noise_of(source_of(X, codes), codes, None, 3, noise_model=noise_model)
        found[noise_model] = average_precision_score(flipped, -model.posterior[rows, codes])
    assert found[True] > found[False]
    assert found[True] > 0.9


def test_the_flipped_share_of_each_class_is_seen_in_the_matrix(blobs):
    X, codes, flipped = blobs
    found = LabelFlagger(representation="linear").fit(X, codes)
    true = np.where(flipped, (codes - 1) % 3, codes)
    shares = np.bincount(true, flipped) / np.bincount(true)
    pairs = found.noise_matrix_[[0, 1, 2], [1, 2, 0]]
    errors = found.noise_matrix_std_[[0, 1, 2], [1, 2, 0]]
    assert (np.abs(pairs - shares) < 2 * errors).all()
    assert (errors < 0.2).all()


def test_the_scale_of_the_weights_changes_nothing(blobs):
    X, codes, _ = blobs
    models = [noise_of(source_of(X, codes), codes, np.full(300, s), 3) for s in (1.0, 1e4)]
    np.testing.assert_allclose(models[0].posterior, models[1].posterior, rtol=1e-6, atol=1e-9)


def test_each_row_counts_by_the_probability_that_its_label_is_right():
    log_proba, given, _ = simulated(MATRIX, n=400)
    source = FixedSource(log_proba)
    model = noise_of(source, given, np.full(400, 2.0), 3)
    assert model.n_iter == 2
    np.testing.assert_array_equal(source.weights[0], 2.0)
    np.testing.assert_allclose(source.weights[1], 2.0 * model.row_weight)
    assert model.row_weight.min() < 0.2


def test_without_a_noise_model_there_is_one_fit_and_its_probabilities():
    log_proba, given, true = simulated(one_rate_matrix(0.0, 3), n=400)
    np.testing.assert_array_equal(given, true)
    source = FixedSource(log_proba)
    model = noise_of(source, given, None, 3, noise_model=False)
    assert len(source.weights) == 1
    np.testing.assert_array_equal(model.posterior, model.out_of_sample)
    assert not model.with_noise
    np.testing.assert_array_equal(model.posterior, np.exp(log_proba))


def test_new_rows_are_judged_as_training_rows_are():
    log_proba, given, _ = simulated(MATRIX, n=400)
    model = noise_of(FixedSource(log_proba), given, None, 3)
    np.testing.assert_allclose(model.posterior_of(log_proba, given), model.posterior)
    flat = replace(model, with_noise=False)
    np.testing.assert_allclose(flat.posterior_of(log_proba, given), model.out_of_sample)


def test_far_steps_of_the_line_search_are_silent():
    X, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(y))[:600]
    codes, _ = flip_labels(y[order], 0.2, kind="asymmetric", random_state=0)
    flagger = LabelFlagger(RidgeClassifier(alpha=1e-3), damping=10.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        flagger.fit(X[order] / 16, codes)
    assert abs(flagger.noise_rate_ - 0.2) < 0.03
