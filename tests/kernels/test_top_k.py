"""The k strongest scores, block by block, equal a full stable sort."""

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from skinfluence.kernels import TopK
from skinfluence.kernels._top_k import COMPILED_SCORES
from tests.kernels import _reference

ORDERS = ["magnitude", "helpful", "harmful"]
COMPILED = [None, COMPILED_SCORES]  # the number of scores that is announced


def rank(scores, k, order, n_scores, width=17):
    ranking = TopK(len(scores), k, order, n_scores)
    for first in range(0, scores.shape[1], width):
        for tests in slice(0, 2), slice(2, len(scores)):
            block = scores[tests, first : first + width]
            ranking.add(tests, first, block)
    return ranking.result()


def assert_equal(got, expected):
    np.testing.assert_array_equal(got[0], expected[0])
    np.testing.assert_array_equal(got[1], expected[1])
    np.testing.assert_allclose(got[2], expected[2], rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("k", [1, 2, 7, 60, 100])
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("n_scores", COMPILED)
def test_blocks_equal_a_full_sort(n_scores, order, k, dtype):
    scores = np.random.default_rng(0).normal(size=(5, 100)).astype(dtype)
    assert_equal(rank(scores, k, order, n_scores), _reference.top_k(scores.astype(float), k, order))


@pytest.mark.parametrize("k", [1, 3, 50])
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("n_scores", COMPILED)
def test_ties_go_to_the_lower_row(n_scores, order, k):
    scores = np.random.default_rng(1).integers(-2, 3, size=(6, 200)).astype(float)
    assert_equal(rank(scores, k, order, n_scores), _reference.top_k(scores, k, order))


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("n_scores", COMPILED)
def test_nan_never_ranks_and_infinities_do(n_scores, order):
    scores = np.random.default_rng(2).normal(size=(5, 80))
    scores[0] = np.nan
    scores[1, 5:] = np.nan
    scores[2, ::3] = np.nan
    scores[3, 10], scores[4, 11] = np.inf, -np.inf
    assert_equal(rank(scores, 8, order, n_scores), _reference.top_k(scores, 8, order))


@pytest.mark.parametrize("n_scores", COMPILED)
def test_nothing_to_rank(n_scores):
    index, values, total = rank(np.empty((3, 0)), 2, "magnitude", n_scores)
    assert (index == -1).all()
    assert np.isnan(values).all()
    assert (total == 0).all()
    assert rank(np.ones((3, 9)), 0, "magnitude", n_scores)[0].shape == (3, 0)


def test_threads_do_not_change_a_bit():
    scores = np.random.default_rng(3).normal(size=(40, 30_000))
    parts = []
    for n_threads in 1, 3:
        with threadpool_limits(n_threads, user_api="blas"):
            parts.append(rank(scores, 9, "harmful", COMPILED_SCORES, 30_000))
    for one, three in zip(*parts, strict=True):
        assert np.array_equal(one, three)


def test_few_scores_do_not_wait_for_the_compiler():
    assert not TopK(3, 5, "magnitude", n_scores=10_000).compiled
    assert TopK(3, 5, "magnitude", n_scores=COMPILED_SCORES).compiled
