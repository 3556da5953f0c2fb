"""The forest's leaf means, the weights of members and the calibration of what they say together."""

import numpy as np
from scipy.special import log_softmax
from sklearn.linear_model import LogisticRegression

from skinfluence.labels._sources.members import PRIOR_ROWS, Rows, fit_forest
from skinfluence.labels._sources.pooling import (
    cross_calibrate,
    flat_noise_likelihood,
    log_probabilities,
    stacking_weights,
)


def drawn(n, n_classes, seed=0, sharpness=2.0):
    """(log-probabilities, labels that are drawn from them)."""
    rng = np.random.default_rng(seed)
    log_proba = log_softmax(sharpness * rng.normal(size=(n, n_classes)), axis=1)
    codes = (log_proba + rng.gumbel(size=log_proba.shape)).argmax(axis=1)
    return log_proba, codes


def rows_of(X, codes, share=None):
    share = np.full(len(X), 1 / len(X)) if share is None else share
    return Rows(X, X, np.eye(3)[codes], codes, share, np.arange(len(X)))


def test_the_label_of_a_row_has_no_part_in_its_own_prediction():
    rng = np.random.RandomState(0)
    X, codes = rng.randn(80, 3), np.arange(80) % 3
    other = codes.copy()
    other[11] = (codes[11] + 1) % 3
    before, after = (fit_forest(rows_of(X, c), 0).out_of_bag for c in (codes, other))
    np.testing.assert_array_equal(after[11], before[11])
    assert np.abs(after - before).max() > 0.01


def test_out_of_bag_predictions_are_leaf_means_over_all_other_rows():
    rng = np.random.RandomState(0)
    X, codes = rng.randn(40, 2), np.arange(40) % 3
    rows = rows_of(X, codes)
    member = fit_forest(rows, 0)
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
    codes = np.arange(60) % 3
    share = np.where(codes == 1, 0.0, 1 / 40)
    member = fit_forest(rows_of(X, codes, share), 0)
    for said in (member.out_of_bag, member.predict(X, X)):
        assert said.shape == (60, 3)
        assert (np.exp(said[:, 1]) < 0.05).all()
        np.testing.assert_allclose(np.exp(said).sum(axis=1), 1.0)


def test_stacking_weights_are_those_of_the_greatest_likelihood():
    log_proba, codes = drawn(4000, 3)
    useless = np.random.default_rng(1).normal(size=log_proba.shape)
    values = np.stack([log_proba / 5.0, useless])
    weights = stacking_weights(values, codes, np.ones(4000), np.array([1.0, 1.0]))
    np.testing.assert_allclose(weights, [5.0, 0.0], atol=0.4)


def test_few_wrong_labels_do_not_flatten_the_pool():
    log_proba, codes = drawn(3000, 3, sharpness=8.0)
    wrong = codes.copy()
    wrong[:60] = (codes[:60] + 1) % 3  # two of a hundred
    clean, noisy = (
        stacking_weights(log_proba[None], c, np.ones(3000), np.ones(1))[0] for c in (codes, wrong)
    )
    assert noisy > 0.5 * clean


def test_calibrated_probabilities_stay_and_distorted_ones_come_back():
    log_proba, codes = drawn(5000, 4)
    same, _ = cross_calibrate(log_proba, codes, np.ones(5000))
    assert np.abs(np.exp(same) - np.exp(log_proba)).mean() < 0.01
    mixing = np.eye(4) + 0.5 * np.eye(4, k=1)
    distorted = log_probabilities(0.6 * log_proba @ mixing + [0.0, 1.0, 0.0, 0.0])
    back, _ = cross_calibrate(distorted, codes, np.ones(5000))
    before, after = (np.abs(np.exp(p) - np.exp(log_proba)).mean() for p in (distorted, back))
    assert after < 0.3 * before


def test_calibration_lies_between_nothing_and_a_free_logistic_regression():
    log_proba, codes = drawn(300, 2)
    _, calibration = cross_calibrate(3.0 * log_proba, codes, np.ones(300))
    margin = 3.0 * (log_proba[:, 1] - log_proba[:, 0])[:, None]
    free = LogisticRegression(C=np.inf).fit(margin, codes).coef_[0, 0]
    found = calibration(np.array([[0.0, 0.0], [0.0, 1.0]]))
    slope = np.diff(found[1] - found[0])[0]
    assert 0.3 < free < slope < 1.0


def test_rows_of_weight_zero_teach_nothing_and_are_calibrated():
    log_proba, codes = drawn(200, 3)
    weight = np.where(np.arange(200) < 50, 0.0, 1.0)
    whole, _ = cross_calibrate(log_proba, codes, weight)
    part, calibration = cross_calibrate(log_proba[50:], codes[50:], weight[50:])
    np.testing.assert_allclose(whole[50:], part)
    np.testing.assert_allclose(whole[:50], calibration(log_proba[:50]))


def test_no_row_is_calibrated_by_its_own_label():
    log_proba, codes = drawn(400, 2)
    share = np.ones(400)
    before, _ = cross_calibrate(log_proba, codes, share)
    heavy = share.copy()
    heavy[0] = 1e-9  # it hardly teaches any more; what is said of it stays
    after, _ = cross_calibrate(log_proba, codes, heavy)
    np.testing.assert_allclose(after[0], before[0], atol=1e-6)
    assert np.abs(after - before).max() > 1e-5


def test_flat_noise_finds_the_share_of_labels_that_may_be_anything():
    log_proba, codes = drawn(20_000, 4, sharpness=10.0)
    rng = np.random.default_rng(2)
    anything = rng.random(20_000) < 0.2
    codes = np.where(anything, rng.integers(0, 4, 20_000), codes)
    _, rate = flat_noise_likelihood(log_proba, codes, np.ones(20_000), n_iter=50)
    assert abs(rate - 0.2) < 0.02
