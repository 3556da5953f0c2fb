"""The forest's leaf means, and the weights of the members of a pool."""

import numpy as np
from scipy.special import log_softmax

from skinfluence.labels._sources.members import PRIOR_ROWS, Rows, fit_forest
from skinfluence.labels._sources.pooling import log_probabilities, stacking_weights
from tests.labels._targets import target_of


def drawn(n, n_classes, seed=0, sharpness=2.0):
    """(log-probabilities, labels that are drawn from them)."""
    rng = np.random.default_rng(seed)
    log_proba = log_softmax(sharpness * rng.normal(size=(n, n_classes)), axis=1)
    codes = (log_proba + rng.gumbel(size=log_proba.shape)).argmax(axis=1)
    return log_proba, codes


def rows_of(X, codes):
    return Rows(X, target_of(codes, 3), np.full(len(X), 1 / len(X)), np.arange(len(X)))


def test_the_label_of_a_row_has_no_part_in_its_own_prediction():
    rng = np.random.RandomState(0)
    X, codes = rng.randn(80, 3), np.arange(80) % 3
    other = codes.copy()
    other[11] = (codes[11] + 1) % 3
    before, after = (fit_forest(rows_of(X, c), slice(None), 0).out_of_bag for c in (codes, other))
    np.testing.assert_array_equal(after[11], before[11])
    assert np.abs(after - before).max() > 0.01


def test_out_of_bag_predictions_are_leaf_means_over_all_other_rows():
    rng = np.random.RandomState(0)
    X, codes = rng.randn(40, 2), np.arange(40) % 3
    rows = rows_of(X, codes)
    member = fit_forest(rows, slice(None), 0)
    others, found = np.arange(40) != 7, []
    for tree, drawn in zip(
        member.forest.estimators_, member.forest.estimators_samples_, strict=True
    ):
        if 7 not in drawn:
            leaf = tree.apply(X.astype(np.float32))
            same = others & (leaf == leaf[7])
            prior = PRIOR_ROWS * rows.targets[others].mean(axis=0)
            found.append((rows.targets[same].sum(axis=0) + prior) / (same.sum() + PRIOR_ROWS))
    np.testing.assert_allclose(np.exp(member.out_of_bag[7]), np.mean(found, axis=0), rtol=1e-6)


def test_a_class_that_no_tree_knows_is_improbable_and_not_impossible():
    X = np.random.RandomState(0).randn(60, 3)
    codes = 2 * (np.arange(60) % 2)
    member = fit_forest(rows_of(X, codes), slice(None), 0)
    for said in (member.out_of_bag, member.predict(X)):
        assert said.shape == (60, 3)
        assert (np.exp(said[:, 1]) < 0.05).all()
        np.testing.assert_allclose(np.exp(said).sum(axis=1), 1.0)


def test_stacking_weights_are_those_of_the_greatest_likelihood():
    log_proba, codes = drawn(4000, 3)
    useless = np.random.default_rng(1).normal(size=log_proba.shape)
    values = np.stack([log_proba / 5.0, useless])
    weights, _ = stacking_weights(values, codes, np.ones(4000))
    np.testing.assert_allclose(weights, [5.0, 0.0], atol=0.4)


def test_few_wrong_labels_do_not_flatten_the_pool():
    log_proba, codes = drawn(3000, 3, sharpness=8.0)
    wrong = codes.copy()
    wrong[:60] = (codes[:60] + 1) % 3  # two of a hundred
    clean, noisy = (stacking_weights(log_proba[None], c, np.ones(3000))[0] for c in (codes, wrong))
    assert noisy > 0.5 * clean


def test_the_likelihood_of_the_pool_is_that_of_its_probabilities_with_a_share_of_any_label():
    log_proba, codes = drawn(500, 3)
    weights, likelihood = stacking_weights(log_proba[None], codes, np.ones(500))
    own = np.exp(log_probabilities(weights[0] * log_proba))[np.arange(500), codes]
    np.testing.assert_allclose(likelihood, np.log(0.98 * own + 0.02 / 3).mean(), rtol=1e-12)
