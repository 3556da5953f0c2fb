"""Wrong labels planted among look-alikes: how many, which, to which class, and what is refused."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy.sparse import csr_matrix
from sklearn.datasets import load_iris

from skinfluence.datasets import flip_hard_labels

KINDS = ["boundary", "hard"]


def make_line(n=300, seed=0):
    """One column in [0, 3), whose integer part is the class."""
    X = np.sort(np.random.default_rng(seed).uniform(0, 3, (n, 1)), axis=0)
    return X, X[:, 0].astype(int)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fraction", [0, 0.014, 1 / 3, 1])
def test_exactly_the_fraction_is_flipped(kind, fraction):
    X, y = make_line(150)
    y_noisy, flipped = flip_hard_labels(X, y, fraction, kind=kind, random_state=0)
    assert flipped.sum() == round(fraction * 150)
    assert_array_equal(y_noisy != y, flipped)


@pytest.mark.parametrize("kind", KINDS)
def test_rows_between_two_classes_are_flipped_more_often(kind):
    X, y = make_line()
    near = np.abs(X[:, 0] - np.rint(X[:, 0])) < 0.05
    near &= (X[:, 0] > 0.5) & (X[:, 0] < 2.5)
    drawn = [flip_hard_labels(X, y, 0.1, kind=kind, random_state=s)[1] for s in range(20)]
    chance = np.mean(drawn, axis=0)
    assert chance[near].mean() > 4 * chance[~near].mean()
    assert chance[~near].mean() > 0.02  # the others are not out of the game


@pytest.mark.parametrize("kind", KINDS)
def test_flips_go_to_the_class_of_the_neighbours(kind):
    X, y = make_line()
    edge = np.abs(X[:, 0] - 1.0) < 0.05
    found = []
    for seed in range(20):
        y_noisy, flipped = flip_hard_labels(X, y, 0.2, kind=kind, random_state=seed)
        found.extend(y_noisy[flipped & edge])
    # of two classes each would have half; the third has a chance of its own, a small one
    assert np.mean(np.array(found) == 2) < 0.05


def test_hard_rows_are_those_among_other_classes_and_boundary_rows_those_between():
    # five rows of class 1 in the middle of class 0: their neighbours agree, and not with them
    X = np.r_[np.random.default_rng(0).normal(size=(200, 2)), 10 + np.zeros((200, 2))]
    y = np.repeat([0, 1], 200)
    y[:5] = 1
    hard, boundary = (
        np.mean(
            [flip_hard_labels(X, y, 0.05, kind=k, random_state=s)[1] for s in range(40)], axis=0
        )
        for k in ("hard", "boundary")
    )
    assert hard[:5].mean() > 0.4
    assert boundary[:5].mean() < 0.5 * hard[:5].mean()


def test_one_row_of_a_class_can_be_flipped_to_any_other():
    X, y = np.arange(8.0)[:, None], np.array([0, 0, 0, 0, 0, 0, 1, 2])
    y_noisy, flipped = flip_hard_labels(X, y, 1.0, random_state=0)
    assert flipped.all()
    assert (y_noisy != y).all()


@pytest.mark.parametrize("labels", [["ham", "spam"], [-1.0, 1.0], [False, True]], ids=str)
def test_labels_keep_their_classes_and_type(labels):
    y = np.array(labels * 20)
    X = np.random.default_rng(0).normal(size=(40, 2))
    y_noisy, _ = flip_hard_labels(X, y, 0.5, random_state=0)
    assert y_noisy.dtype == y.dtype
    assert set(y_noisy) <= set(y)


def test_the_same_seed_gives_the_same_labels_and_another_seed_others():
    X, y = load_iris(return_X_y=True)
    first, again, other = (flip_hard_labels(X, y, 0.2, random_state=s)[0] for s in (3, 3, 4))
    assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_the_unit_of_a_column_does_not_matter():
    X, y = load_iris(return_X_y=True)
    first, other = (flip_hard_labels(X * c, y, 0.2, random_state=0)[0] for c in (1, [1, 8, 1, 64]))
    assert_array_equal(first, other)


def test_sparse_rows_are_taken_by_their_direction():
    X = csr_matrix(np.repeat(np.eye(2), 30, axis=0) * np.arange(1, 61)[:, None])
    y = np.repeat([0, 1], 30)
    y[0] = 1  # all that point its way are of class 0
    drawn = [flip_hard_labels(X, y, 1 / 60, kind="hard", random_state=s)[1] for s in range(20)]
    assert np.argmax(np.mean(drawn, axis=0)) == 0


def test_rows_and_labels_are_left_as_they_were():
    X, y = make_line(30)
    before = X.copy(), y.copy()
    flip_hard_labels(X, y, 1.0, random_state=0)
    assert_array_equal(X, before[0])
    assert_array_equal(y, before[1])


def test_fewer_rows_than_neighbours_are_enough():
    _, flipped = flip_hard_labels([[0.0], [1.0]], [0, 1], 0.5, random_state=0)
    assert flipped.sum() == 1


@pytest.mark.parametrize("kind", ["symmetric", None, ["hard"]])
def test_unknown_kind_names_the_known_ones(kind):
    with pytest.raises(ValueError, match="kind must be one of 'boundary', 'hard', got"):
        flip_hard_labels([[0.0], [1.0]], [0, 1], 0.1, kind=kind)


def test_a_percentage_is_told_from_a_fraction():
    with pytest.raises(ValueError, match="Divide it by 100"):
        flip_hard_labels([[0.0], [1.0]], [0, 1], 10)


def test_rows_and_labels_of_different_number_are_refused():
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        flip_hard_labels([[0.0], [1.0]], [0, 1, 0], 0.1)


def test_missing_cells_are_refused():
    with pytest.raises(ValueError, match="NaN"):
        flip_hard_labels([[0.0], [np.nan]], [0, 1], 0.1)
