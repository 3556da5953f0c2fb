"""A design acts as the explicit matrix [X - center, 1] and never makes it."""

import tracemalloc

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import sparse
from sklearn import config_context
from threadpoolctl import threadpool_limits

from skinfluence.kernels import row_chunks
from skinfluence.linalg import Design, _design, block_size, row_blocks
from tests.linalg._zoo import KINDS, N_ROWS, make_design, name_of

RNG = np.random.default_rng(1)
kinds = pytest.mark.parametrize("kind", KINDS, ids=name_of)


@kinds
def test_shape_and_dense_form(kind):
    design, Z = make_design(kind)
    assert design.shape == Z.shape
    assert_allclose(design.to_dense(), Z, atol=1e-15)


@kinds
def test_products(kind):
    design, Z = make_design(kind)
    V, U = RNG.standard_normal((Z.shape[1], 3)), RNG.standard_normal((len(Z), 3))
    assert_allclose(design.matmul(V), Z @ V, atol=1e-13)
    assert_allclose(design.transposed_matmul(V), (Z @ V).T, atol=1e-13)
    assert_allclose(design.rmatmul(U), Z.T @ U, atol=1e-13)


@kinds
@pytest.mark.parametrize(
    "rows",
    [np.array([5, 2, 2]), slice(3, 9), np.arange(N_ROWS) % 3 == 0],
    ids=["index", "slice", "mask"],
)
def test_take(kind, rows):
    design, Z = make_design(kind)
    assert_allclose(design.take(rows).to_dense(), Z[rows], atol=1e-15)


@kinds
def test_other_rows_are_centred_alike(kind):
    design, Z = make_design(kind)
    other = design.with_rows_of(design.X[:5])
    assert_allclose(other.to_dense(), Z[:5], atol=1e-15)


@kinds
@pytest.mark.parametrize("sign", [1.0, -1.0], ids=["positive", "negative"])
@pytest.mark.parametrize("zeros", [0.0, 0.2, 0.6, 1.0], ids=lambda z: f"{z:.0%}-zero")
def test_gram(kind, sign, zeros):
    design, Z = make_design(kind, n=40)
    weights = sign * (0.5 + RNG.random(40))
    weights[: int(40 * zeros)] = 0.0
    expected = Z.T @ (weights[:, None] * Z)
    assert_allclose(design.gram(weights), expected, atol=1e-12)
    assert_allclose(design.gram(weights, coarse=True), expected, atol=1e-5 * abs(expected).max())


@kinds
@pytest.mark.parametrize("weight", [1.0, 0.3, -2.0])
def test_gram_of_equal_weights(kind, weight):
    design, Z = make_design(kind, n=40)
    got = design.gram(np.full(40, weight))
    assert_allclose(got, weight * Z.T @ Z, atol=1e-12)


def test_a_coarse_gram_is_made_in_float64_where_float32_does_not_reach():
    X = RNG.standard_normal((40, 3)) * [1e25, 1.0, 1e-25]
    assert_allclose(Design(X).gram(np.ones(40), coarse=True), X.T @ X, rtol=1e-12, atol=0)


@kinds
def test_diagonals_of_grams(kind):
    design, Z = make_design(kind)
    weights = RNG.random((N_ROWS, 3))
    expected = [np.diag(Z.T @ (w[:, None] * Z)) for w in weights.T]
    assert_allclose(design.weighted_square_sums(weights), expected, atol=1e-12)


@kinds
def test_small_blocks_give_the_same(kind):
    design, Z = make_design(kind, n=40)
    weights = 0.5 + RNG.random(40)
    with config_context(working_memory=0.0005):
        parts = [part.copy() for _, part in design.dense_blocks()]
        assert len(parts) > 1
        assert_allclose(np.concatenate(parts), Z, atol=1e-15)
        assert_allclose(design.gram(weights), Z.T @ (weights[:, None] * Z), atol=1e-12)


def test_a_dense_table_is_held_by_reference():
    X = np.ones((3, 2))
    assert Design(X, X.mean(axis=0), True).X is X
    assert np.shares_memory(Design(X).take(slice(0, 2)).X, X)


@pytest.mark.parametrize("make", [np.asarray, sparse.csr_array], ids=["dense", "sparse"])
def test_products_copy_no_table(make):
    X = np.random.default_rng(0).standard_normal((20_000, 40))
    design = Design(make(X), X.mean(axis=0), True)
    v, u = np.ones((41, 1)), np.ones((20_000, 1))
    tracemalloc.start()
    try:
        design.matmul(v)
        design.rmatmul(u)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < X.nbytes / 5


def test_blocks_cover_all_rows_once_and_fit_the_memory():
    with config_context(working_memory=1):
        blocks = list(row_blocks(10_000, 1024))
        assert block_size(1024) == 1024
    assert [b.start for b in blocks[1:]] == [b.stop for b in blocks[:-1]]
    assert (blocks[0].start, blocks[-1].stop) == (0, 10_000)
    assert max(b.stop - b.start for b in blocks) * 1024 <= 2**20


def test_a_block_has_at_least_one_row():
    with config_context(working_memory=1e-6):
        assert block_size(1e9) == 1


def test_a_mask_of_two_rows_is_not_taken_for_row_numbers():
    assert Design(np.eye(2)).take(np.array([False, True])).to_dense().tolist() == [[0.0, 1.0]]


@pytest.mark.parametrize("centred", [False, True])
def test_compiled_gram_of_sparse_rows(centred, monkeypatch):
    design, Z = make_design((True, centred, centred))
    monkeypatch.setattr(_design, "KERNEL_WORK", 0)
    weights = RNG.standard_normal(len(Z)) + 3.0
    assert_allclose(design.gram(weights), Z.T @ (weights[:, None] * Z), atol=1e-12)


def test_gram_in_chunks_does_not_depend_on_the_number_of_threads():
    X = RNG.standard_normal((40_000, 12))
    weights = RNG.random(len(X))
    grams = []
    for threads in (1, 2):
        with threadpool_limits(threads, user_api="blas"):
            grams.append(Design(X, X.mean(axis=0), True).gram(weights))
    assert len(row_chunks(*X.shape[:1], X.size, 13**2)) > 1
    np.testing.assert_array_equal(*grams)


@kinds
def test_norms_and_absolute_sums(kind):
    design, Z = make_design(kind)
    weights = RNG.random((len(Z), 2))
    assert_allclose(design.square_norms()[:, 0], (Z**2).sum(axis=1), atol=1e-13)
    assert_allclose(design.absolute_sums(weights), np.abs(Z).T @ weights, atol=1e-13)


@kinds
def test_float32_is_read_as_it_is_and_added_in_float64(kind):
    design, _ = make_design(kind)
    single = Design(design.X.astype(np.float32), design.center, design.intercept)
    wide = Design(single.X.astype(np.float64), design.center, design.intercept)
    V, U = RNG.standard_normal((design.shape[1], 2)), RNG.standard_normal((N_ROWS, 2))
    assert single.dtype == np.float32
    assert_allclose(single.matmul(V), wide.matmul(V), rtol=1e-13, atol=1e-13)
    assert_allclose(single.rmatmul(U), wide.rmatmul(U), rtol=1e-13, atol=1e-13)
    found = single.transposed_matmul(V)
    assert found.dtype == np.float32
    assert_allclose(found, wide.transposed_matmul(V), atol=3e-6)
