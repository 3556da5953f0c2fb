"""Counts of wrong labels on tables small enough to count by hand."""

import numpy as np
import pytest

from skinfluence.labels._noise.classes import NoiseModel
from skinfluence.labels._noise.counts import confident_joint, flag_labels

# Ten rows of two classes; the last of each class looks like the other one.
CODES = np.array([0] * 6 + [1] * 4)
SECOND = np.array([0.1, 0.1, 0.2, 0.2, 0.3, 0.9, 0.8, 0.9, 0.7, 0.1])
PROBA = np.column_stack([1 - SECOND, SECOND])


def model_of(quality):
    """A noise model in which only probabilities and the given labels' qualities are set."""
    posterior = np.empty((10, 2))
    posterior[np.arange(10), CODES] = quality
    posterior[np.arange(10), 1 - CODES] = 1 - np.asarray(quality)
    unused = dict.fromkeys(["noise_matrix", "noise_matrix_std", "opinion"])
    return NoiseModel(
        PROBA, posterior, temperature=1.0, row_weight=np.ones(10), n_iter=1, fits=(), **unused
    )


@pytest.fixture(name="model")
def fixture_model():
    return model_of(PROBA[np.arange(10), CODES])


def test_confident_counts_of_a_table_made_by_hand():
    # Thresholds are the mean probabilities of the given class: 4.2 / 6 = 0.7 and 2.5 / 4 = 0.625.
    # Given 0: five rows reach 0.7 (0.7 itself included), one is confidently 1. Given 1: three
    # reach 0.625, one is confidently 0.
    joint = confident_joint(PROBA, CODES, np.ones(10))
    expected = np.array([[5, 1], [1, 3]]) / 10
    np.testing.assert_allclose(joint, expected)


def test_rows_of_the_joint_are_calibrated_to_the_classes_sizes():
    # Row 4 is below both thresholds now and counted nowhere; its class keeps its size of 6.
    proba = PROBA.copy()
    proba[4] = [0.6, 0.4]
    joint = confident_joint(proba, CODES, np.ones(10))
    np.testing.assert_allclose(joint[0], np.array([4, 1]) / 5 * 0.6)


def test_weights_count_as_repetitions():
    weight = np.array([1, 2, 3, 1, 1, 2, 1, 1, 4, 2])
    joint = confident_joint(PROBA, CODES, weight.astype(float))
    repeated = confident_joint(
        np.repeat(PROBA, weight, axis=0), np.repeat(CODES, weight), np.ones(weight.sum())
    )
    np.testing.assert_allclose(joint, repeated)


def test_a_class_without_rows_counts_nothing():
    proba = np.column_stack([PROBA, np.zeros(10)])
    joint = confident_joint(proba, CODES, np.ones(10))
    np.testing.assert_allclose(joint[:2, :2], np.array([[5, 1], [1, 3]]) / 10)
    np.testing.assert_array_equal(joint[2], 0.0)


def test_auto_flags_as_many_rows_as_are_counted_from_the_top_of_the_ranking(model):
    flagged, contamination = flag_labels(model, CODES, np.ones(10), "auto")
    np.testing.assert_array_equal(np.flatnonzero(flagged), [5, 9])
    assert contamination == pytest.approx(0.2)


def test_which_rows_are_flagged_is_the_rankings_business():
    quality = np.linspace(0.1, 1.0, 10)
    flagged, _ = flag_labels(model_of(quality), CODES, np.ones(10), "auto")
    np.testing.assert_array_equal(np.flatnonzero(flagged), [0, 1])


def test_strict_flags_only_where_the_posterior_is_sure():
    quality = np.full(10, 0.9)
    quality[[2, 7]] = [0.04, 0.06]
    flagged, contamination = flag_labels(model_of(quality), CODES, np.ones(10), "strict")
    np.testing.assert_array_equal(np.flatnonzero(flagged), [2])
    assert contamination == pytest.approx(0.1)


@pytest.mark.parametrize(("share", "expected"), [(0.0, 0), (0.3, 3), (1.0, 10)])
def test_a_number_is_the_share_of_rows(model, share, expected):
    assert flag_labels(model, CODES, np.ones(10), share)[0].sum() == expected


def test_rows_of_weight_zero_are_never_flagged(model):
    weight = np.ones(10)
    weight[5] = 0.0
    for contamination in ("auto", "strict", 1.0):
        assert not flag_labels(model, CODES, weight, contamination)[0][5]
