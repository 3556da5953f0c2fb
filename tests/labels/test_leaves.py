"""Leaf means against loops over trees and rows."""

import numpy as np
import pytest

from skinfluence.labels._sources.leaves import PRIOR_ROWS, LeafMember, grow
from skinfluence.labels._sources.members import Rows


@pytest.fixture(name="table")
def fixture_table():
    rng = np.random.RandomState(0)
    X = rng.randn(40, 3)
    codes = (X[:, 0] > 0).astype(int) + (X[:, 1] > 1)
    weight = rng.uniform(0.5, 2.0, 40)
    return X, codes, weight / weight.sum()


def rows_of(codes, share):
    return Rows(None, np.eye(3)[codes], codes, share, np.arange(len(codes)))


def brute_force(forest, codes, share, row):
    """Mean over the trees that have not seen a row of the mean of its leaf without it."""
    weight = share * len(share)
    targets = np.eye(3)[codes]
    rest = np.arange(len(codes)) != row
    prior = weight[rest] @ targets[rest] / weight[rest].sum()
    means = []
    for leaves, unseen in zip(forest.leaves, forest.unseen, strict=True):
        if unseen[row]:
            at = rest & (leaves == leaves[row])
            total = weight[at].sum() + PRIOR_ROWS
            means.append((weight[at] @ targets[at] + PRIOR_ROWS * prior) / total)
    return np.mean(means, axis=0)


def test_leaf_means_leave_out_the_row_itself(table):
    X, codes, share = table
    rows = rows_of(codes, share)
    forest = grow(X, rows, seed=0)
    member = LeafMember(forest, rows)
    expected = [brute_force(forest, codes, share, row) for row in range(40)]
    np.testing.assert_allclose(member.means_without, expected, rtol=1e-10)


def test_the_label_of_a_row_does_not_enter_its_own_opinion(table):
    X, codes, share = table
    other = codes.copy()
    other[11] = (codes[11] + 1) % 3
    means = [
        LeafMember(grow(X, rows_of(c, share), 0), rows_of(c, share)).means_without
        for c in (codes, other)
    ]
    np.testing.assert_allclose(means[1][11], means[0][11], rtol=1e-10)
    assert np.abs(means[1] - means[0]).max() > 0.01


def test_each_row_is_unseen_by_half_of_the_trees(table):
    X, codes, share = table
    unseen = grow(X, rows_of(codes, share), seed=0).unseen
    np.testing.assert_array_equal(unseen.mean(axis=0), 0.5)
