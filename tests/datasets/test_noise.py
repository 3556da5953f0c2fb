"""Planted wrong labels: how many, which ones, and what is refused."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skinfluence.datasets import flip_labels

KINDS = ["symmetric", "asymmetric"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fraction", [0, 0.014, 0.1, 1 / 3, 0.5, 1])
def test_exactly_the_fraction_is_flipped(kind, fraction):
    y = np.arange(150) % 3
    y_noisy, flipped = flip_labels(y, fraction, kind=kind, random_state=0)
    assert flipped.sum() == round(fraction * 150)
    assert_array_equal(y_noisy != y, flipped)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "labels",
    [[0, 1], [-1, 1], [-1.0, 1.0], ["ham", "spam"], ["a", "bb", "ccc"], [False, True]],
    ids=str,
)
def test_labels_keep_their_classes_and_type(kind, labels):
    y = np.array(labels * 20)
    y_noisy, _ = flip_labels(y, 0.5, kind=kind, random_state=0)
    assert y_noisy.dtype == y.dtype
    assert_array_equal(np.unique(y_noisy), np.unique(y))


def test_symmetric_noise_spreads_evenly_over_the_other_classes():
    y = np.zeros(30_000, dtype=int)
    y[:3] = [1, 2, 3]
    y_noisy, _ = flip_labels(y, 1.0, random_state=0)
    counts = np.bincount(y_noisy[3:], minlength=4)
    assert counts[0] == 0
    # Three binomials of mean 10,000 and standard deviation 82.
    assert np.abs(counts[1:] - 9_999).max() < 400


def test_asymmetric_noise_goes_to_the_next_class_and_round():
    y = np.array(["b", "a", "c", "a"])
    y_noisy, _ = flip_labels(y, 1.0, kind="asymmetric", random_state=0)
    assert_array_equal(y_noisy, ["c", "b", "a", "b"])


def test_both_kinds_are_the_same_for_two_classes():
    y = ["no", "yes"] * 30
    symmetric, asymmetric = (flip_labels(y, 0.3, kind=k, random_state=5)[0] for k in KINDS)
    assert_array_equal(symmetric, asymmetric)


def test_the_same_seed_gives_the_same_labels_and_another_seed_others():
    y = np.arange(200) % 4
    first, again, other = (flip_labels(y, 0.2, random_state=s)[0] for s in (3, 3, 4))
    assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_y_is_left_as_it_was():
    y = np.arange(10) % 2
    before = y.copy()
    flip_labels(y, 1.0, random_state=0)
    assert_array_equal(y, before)


@pytest.mark.parametrize("dtype", ["category", "object", "string"])
def test_pandas_labels_are_taken(dtype):
    pd = pytest.importorskip("pandas")
    y = pd.Series(["x", "y"] * 10, index=range(5, 25), dtype=dtype)
    y_noisy, flipped = flip_labels(y, 0.2, random_state=0)
    assert isinstance(y_noisy, np.ndarray)
    assert_array_equal(y_noisy != y.to_numpy(dtype=object), flipped)


@pytest.mark.parametrize("fraction", [-0.1, 1.001, np.nan, np.inf])
def test_fraction_outside_0_to_1_is_refused(fraction):
    with pytest.raises(ValueError, match=r"fraction must lie in \[0, 1\], got"):
        flip_labels([0, 1], fraction)


def test_a_percentage_is_told_from_a_fraction():
    with pytest.raises(ValueError, match="Divide it by 100"):
        flip_labels([0, 1], 10)


@pytest.mark.parametrize("fraction", ["0.1", None, True, [0.1]])
def test_fraction_that_is_no_number_is_refused(fraction):
    with pytest.raises(TypeError, match="fraction must be a number"):
        flip_labels([0, 1], fraction)


@pytest.mark.parametrize("kind", ["uniform", None, ["symmetric"]])
def test_unknown_kind_names_the_known_ones(kind):
    with pytest.raises(ValueError, match="kind must be one of 'symmetric', 'asymmetric', got"):
        flip_labels([0, 1], 0.1, kind=kind)


@pytest.mark.parametrize("y", [[1, 1, 1], ["spam"]])
def test_a_single_class_is_refused(y):
    with pytest.raises(ValueError, match="one class only"):
        flip_labels(y, 0.1)


def test_no_rows_are_refused():
    with pytest.raises(ValueError, match="y has no rows"):
        flip_labels([], 0.1)


@pytest.mark.parametrize("missing", [None, np.nan])
def test_missing_labels_are_refused(missing):
    with pytest.raises(ValueError, match="missing labels in 1 of 3 rows, first in row 2"):
        flip_labels(np.array([0, 1, missing], dtype=object), 0.1)


def test_missing_labels_among_numbers_are_refused():
    with pytest.raises(ValueError, match="missing labels in 2 of 4 rows, first in row 1"):
        flip_labels([0, np.nan, 1, np.nan], 0.1)


def test_missing_labels_of_pandas_are_refused():
    pd = pytest.importorskip("pandas")
    with pytest.raises(ValueError, match="missing labels in 1 of 3 rows"):
        flip_labels(pd.Series(["a", pd.NA, "b"], dtype="string"), 0.1)


@pytest.mark.parametrize("y", [[0.5, 1.5, 2.0], [0.0, np.inf], np.array([0.1, 1], dtype=object)])
def test_continuous_targets_are_refused_with_a_way_out(y):
    with pytest.raises(ValueError, match=r"continuous.*KBinsDiscretizer"):
        flip_labels(y, 0.1)


@pytest.mark.parametrize("y", [[[0, 1], [1, 0]], [[0], [1]], 3])
def test_labels_that_are_not_one_column_are_refused(y):
    with pytest.raises(ValueError, match="one column of class labels"):
        flip_labels(y, 0.1)


def test_labels_of_mixed_types_are_refused():
    with pytest.raises(ValueError, match="cannot be sorted: int, str"):
        flip_labels(np.array([1, "a"], dtype=object), 0.1)
