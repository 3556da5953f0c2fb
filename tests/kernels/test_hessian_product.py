"""The product of a Hessian in one reading: every way of computing it agrees with its twin."""

import numpy as np
import pytest
from scipy import sparse
from threadpoolctl import threadpool_limits

from skinfluence.kernels import (
    _compiling,
    _csr_product,
    _hessian_product,
    hessian_product,
    worth_compiling,
)
from tests.kernels import _reference

KINDS = ["C", "F", "csr", "csr64"]


def make_rows(kind, dtype, n=3001, f=67):
    """Enough rows for several chunks, numbers of rows and columns that no tile divides."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, f)).astype(dtype)
    if kind in "CF":
        return np.asarray(X, order=kind)
    X[rng.random(X.shape) < 0.5] = 0.0
    X[:2] = 0.0
    X = sparse.csr_array(X)
    if kind == "csr64":
        X.indices, X.indptr = X.indices.astype(np.int64), X.indptr.astype(np.int64)
    return X


def make_problem(n, f, K, m, form):
    """(V, offset, curvature, factor)."""
    rng = np.random.default_rng(1)
    curvature = rng.normal(size=(n, K, K) if form == "matrices" else (n, K))
    factor = rng.normal(size=(n, K)) if form == "factored" else None
    return rng.normal(size=(K * m, f)), rng.normal(size=K * m), curvature, factor


def ways(X, *problem):
    """The result of each way, on one thread and on three."""
    loops = sparse.issparse(X) or (X.flags.c_contiguous and len(problem[0]) == 1)
    possible = [False, True] if loops else [False]
    found = []
    for compiled in possible:
        for n_threads in 1, 3:
            with threadpool_limits(n_threads, user_api="blas"):
                found.append(hessian_product(X, *problem, compiled=compiled))
    return found


def assert_equal_to_twin(result, expected):
    for got, wanted in zip(result, expected, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=0, atol=1e-13 * np.abs(wanted).max())


@pytest.mark.parametrize("form", ["diagonal", "factored", "matrices"])
@pytest.mark.parametrize(("K", "m"), [(1, 1), (1, 3), (3, 1), (3, 4), (10, 1)])
@pytest.mark.parametrize("kind", KINDS)
def test_every_way_equals_its_twin(kind, K, m, form):
    X = make_rows(kind, np.float64)
    problem = make_problem(*X.shape, K, m, form)
    expected = _reference.hessian_product(X, *problem)
    for result in ways(X, *problem):
        assert_equal_to_twin(result, expected)


@pytest.mark.parametrize("K", [1, 10])
@pytest.mark.parametrize("kind", KINDS)
def test_float32_rows_are_summed_in_float64(kind, K):
    X = make_rows(kind, np.float32)
    problem = make_problem(*X.shape, K, 1, "factored")
    expected = _reference.hessian_product(X.astype(np.float64), *problem)
    for result in ways(X, *problem):
        assert_equal_to_twin(result, expected)


@pytest.mark.parametrize("K", [1, 3, 10, 20])
@pytest.mark.parametrize("kind", KINDS)
def test_threads_do_not_change_a_bit(kind, K, monkeypatch):
    monkeypatch.setattr(_csr_product, "SINGLE_ENTRIES", 2**14)  # several pieces of one vector too
    X = make_rows(kind, np.float64, n=20_000)
    results = ways(X, *make_problem(*X.shape, K, 1, "factored"))
    for one, three in zip(results[::2], results[1::2], strict=True):
        assert np.array_equal(one[0], three[0])
        assert np.array_equal(one[1], three[1])


@pytest.mark.parametrize("K", [1, 10])
def test_read_only_and_memory_mapped_rows_are_taken(K, tmp_path):
    X = make_rows("C", np.float64)
    problem = make_problem(*X.shape, K, 1, "factored")
    expected = _reference.hessian_product(X, *problem)
    np.save(tmp_path / "rows.npy", X)
    for array in [*problem, X]:
        array.flags.writeable = False
    for rows in X, np.load(tmp_path / "rows.npy", mmap_mode="r"):
        for result in ways(rows, *problem):
            assert_equal_to_twin(result, expected)


@pytest.mark.parametrize("form", ["diagonal", "factored", "matrices"])
def test_raw_predictions_of_sparse_rows_that_do_not_fit_are_taken_in_turns(form, monkeypatch):
    X = make_rows("csr", np.float64)
    problem = make_problem(*X.shape, 3, 4, form)
    for module in _csr_product, _hessian_product:
        monkeypatch.setattr(module, "RAW_BYTES", 128 * 2000)
    for result in ways(X, *problem):
        assert_equal_to_twin(result, _reference.hessian_product(X, *problem))


@pytest.mark.parametrize("K", [1, 10])
@pytest.mark.parametrize("index", [np.int32, np.int64])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sparse_rows_of_any_length_with_columns_in_any_order_and_more_than_once(dtype, index, K):
    rng = np.random.default_rng(0)
    lengths = np.repeat(np.arange(27), 3)
    starts = np.concatenate([[0], np.cumsum(lengths)]).astype(index)
    columns = rng.integers(0, 9, size=starts[-1]).astype(index)  # fewer than a row has entries
    values = rng.normal(size=starts[-1]).astype(dtype)
    X = sparse.csr_array((values, columns, starts), shape=(len(lengths), 9))
    problem = make_problem(*X.shape, K, 1, "factored")
    expected = _reference.hessian_product(X.astype(np.float64), *problem)
    for result in ways(X, *problem):
        assert_equal_to_twin(result, expected)


@pytest.mark.parametrize("K", [1, 10])
@pytest.mark.parametrize("kind", KINDS)
def test_no_rows_make_zeros(kind, K):
    X = make_rows(kind, np.float64)[:0]
    for product, sums in ways(X, *make_problem(0, X.shape[1], K, 1, "factored")):
        assert product.shape == (K, X.shape[1])
        assert not product.any()
        assert not sums.any()


@pytest.mark.parametrize("n", [1, 2, 3, 5, 129])
@pytest.mark.parametrize("f", [1, 7, 300])
def test_sizes_that_no_tile_divides(n, f):
    X = make_rows("C", np.float64, n, f)[:, ::-1].copy()
    X[0] = 1.0
    for K in 1, 6:
        problem = make_problem(n, f, K, 1, "factored")
        expected = _reference.hessian_product(X, *problem)
        for result in ways(X, *problem):
            assert_equal_to_twin(result, expected)


@pytest.mark.parametrize("start", [0, 1, 3, 8])
@pytest.mark.parametrize("f", [1, 5, 8, 9, 64])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rows_may_start_anywhere_in_a_cache_line_and_neighbours_are_not_read(start, f, dtype):
    memory = np.full(1000 * f + 16, np.nan, dtype)
    X = memory[start : start + 1000 * f].reshape(1000, f)
    X[:] = np.random.default_rng(0).normal(size=X.shape)
    problem = make_problem(1000, f, 1, 1, "diagonal")
    expected = _reference.hessian_product(X, *problem)
    for result in ways(X, *problem):
        assert_equal_to_twin(result, expected)


@pytest.mark.parametrize("K", [1, 10])
@pytest.mark.parametrize("kind", KINDS)
def test_nan_comes_through(kind, K):
    X = make_rows(kind, np.float64, n=500)
    (X.data if sparse.issparse(X) else X[17:18, 3])[0] = np.nan
    for product, sums in ways(X, *make_problem(*X.shape, K, 1, "factored")):
        assert np.isnan(product).all(axis=0).any()
        assert np.isnan(sums).all()


def even_rows(n, f, per_row):
    """A sparse table of ones, of which only the size matters."""
    columns = np.tile(np.arange(per_row, dtype=np.int32), n)
    starts = np.arange(0, n * per_row + 1, per_row, dtype=np.int32)
    return sparse.csr_array((np.ones(len(columns)), columns, starts), shape=(n, f))


@pytest.fixture
def waiting(monkeypatch):
    """Sets the seconds until compiled loops are ready."""
    return lambda wait: monkeypatch.setattr(_compiling, "_seconds_until_ready", lambda *_: wait)


def test_small_problems_do_not_wait_for_the_compiler(waiting):
    waiting(0.0)
    assert not worth_compiling(np.ones((500, 20)), n_products=30)
    assert not worth_compiling(sparse.csr_array(np.ones((500, 20))), n_products=30)


def test_large_problems_wait_for_it(waiting):
    waiting(_compiling.IMPORT + _compiling.COMPILE)
    huge = np.empty((20_000_000, 20), np.float32)  # never written: no memory
    assert worth_compiling(huge, n_products=30)
    X = even_rows(40_000, 1_000, 50)
    assert not worth_compiling(X, n_columns=20, n_products=30)
    assert worth_compiling(X, n_columns=200, n_products=30)


def test_loops_that_are_there_are_taken_at_smaller_sizes(waiting):
    X = even_rows(40_000, 1_000, 100)
    waiting(_compiling.COMPILE)
    assert not worth_compiling(X, n_products=30)
    waiting(0.0)
    assert worth_compiling(X, n_products=30)


def test_many_products_to_come_wait_for_the_compiler(waiting):
    X = even_rows(40_000, 1_000, 100)
    waiting(_compiling.COMPILE)
    assert [worth_compiling(X, n_products=n) for n in (30, 1_000)] == [False, True]
    assert not worth_compiling(X, n_products=30)  # nothing of it outlives the call


def test_loops_in_the_cache_are_found():
    rows = sparse.csr_array(np.eye(3))
    hessian_product(rows, np.ones((1, 3)), np.zeros(1), np.ones((3, 1)), compiled=True)
    assert _compiling._seconds_until_ready("_csr_single.single", np.inf) == 0.0
    from skinfluence.kernels import _csr_single

    index = _compiling.cached_index(_csr_single.single)
    assert any(path.stat().st_size for path in index)


def test_many_columns_go_to_blas(waiting):
    waiting(0.0)
    X = np.zeros((1_000_000, 20))
    assert worth_compiling(X, n_products=30)
    assert not worth_compiling(X, n_columns=2, n_products=30)
    assert not worth_compiling(np.zeros(X.shape, order="F"), n_products=30)
    assert not worth_compiling(np.zeros((2_000_000, 10))[::2, ::2], n_products=30)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("m", [1, 4, 40])
def test_one_array_may_be_curvature_and_factor(kind, m):
    X = make_rows(kind, np.float64)
    V, offset, p, _ = make_problem(*X.shape, 3, m, "diagonal")
    expected = _reference.hessian_product(X, V, offset, p, p.copy())
    for result in ways(X, V, offset, p, p):
        assert_equal_to_twin(result, expected)
