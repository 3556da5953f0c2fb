"""Scores of sparse rows in one pass: they agree with their twin and with plain products."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from skinfluence import InfluenceExplainer
from skinfluence.kernels import csr_scores, pack_columns
from skinfluence.linalg import Design, _scores, score_reader
from tests.kernels import _reference


def make_problem(n=500, f=37, m=11, K=3, data_type=np.float64, index_type=np.int32):
    """(CSR parts, U, offset, rho); numbers of rows and columns that no vector divides."""
    rng = np.random.default_rng(0)
    X = sparse.csr_array(sparse.random(n, f, density=0.2, format="csr", random_state=0))
    parts = X.data.astype(data_type), X.indices.astype(index_type), X.indptr.astype(index_type)
    U, offset = rng.standard_normal((K, f, m)), rng.standard_normal((K, m))
    return parts, U, offset, rng.standard_normal((n, K))


@pytest.mark.parametrize("K", [1, 3])
@pytest.mark.parametrize("m", [1, 8, 11])
@pytest.mark.parametrize("index_type", [np.int32, np.int64])
@pytest.mark.parametrize("data_type", [np.float32, np.float64])
def test_scores_equal_their_twin(data_type, index_type, m, K):
    parts, U, offset, rho = make_problem(500, 37, m, K, data_type, index_type)
    out = csr_scores(*parts, pack_columns(U), offset, rho, np.empty((m, 500)))
    expected = _reference.csr_scores(*parts, U, offset, rho)
    np.testing.assert_allclose(out, expected, rtol=0, atol=1e-13 * np.abs(expected).max())


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_scores_are_written_into_any_view(dtype):
    parts, U, offset, rho = make_problem()
    expected = _reference.csr_scores(*parts, U, offset, rho)
    room = np.full((500, 30), 7.0, dtype)
    out = room.T[2:13]
    assert csr_scores(*parts, pack_columns(U), offset, rho, out) is out
    np.testing.assert_allclose(out, expected, rtol=0, atol=20 * np.finfo(dtype).eps)
    assert (np.delete(room, np.arange(2, 13), axis=1) == 7.0).all()


def test_some_rows_of_a_larger_matrix():
    (data, indices, indptr), U, offset, rho = make_problem()
    expected = _reference.csr_scores(data, indices, indptr, U, offset, rho)[:, 100:230]
    out = np.empty((11, 130))
    csr_scores(data, indices, indptr[100:231], pack_columns(U), offset, rho[100:230], out)
    np.testing.assert_allclose(out, expected, rtol=0, atol=1e-13 * np.abs(expected).max())


def test_threads_do_not_change_a_bit():
    parts, U, offset, rho = make_problem(n=80_000)
    found = []
    for n_threads in 1, 3:
        with threadpool_limits(n_threads, user_api="blas"):
            out = np.empty((11, 80_000))
            found.append(csr_scores(*parts, pack_columns(U), offset, rho, out))
    assert np.array_equal(*found)


def test_nan_comes_through():
    parts, U, offset, rho = make_problem()
    parts[0][0] = np.nan
    out = csr_scores(*parts, pack_columns(U), offset, rho, np.empty((11, 500)))
    assert np.isnan(out[:, 0]).all()
    assert not np.isnan(out[:, 1:]).any()


def test_no_rows_have_no_scores():
    parts = np.empty(0), np.empty(0, dtype=np.int32), np.zeros(1, dtype=np.int32)
    U = np.ones((2, 4, 5))
    out = csr_scores(*parts, pack_columns(U), np.ones((2, 5)), np.empty((0, 2)), np.empty((5, 0)))
    assert out.shape == (5, 0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("center", [False, True])
@pytest.mark.parametrize("intercept", [False, True])
def test_reader_is_the_same_compiled_and_plain(intercept, center, dtype, monkeypatch):
    (data, indices, indptr), U, offset, rho = make_problem()
    X = sparse.csr_array((data.astype(dtype), indices, indptr), shape=(500, 37))
    design = Design(X, np.linspace(-1.0, 1.0, 37) if center and intercept else None, intercept)
    parts = [np.vstack([u, o]) if intercept else u for u, o in zip(U, offset, strict=True)]
    plain = score_reader(design, parts)(slice(40, 333), rho[40:333])
    monkeypatch.setattr(_scores, "SCORE_WORK", 0)
    monkeypatch.setattr(Design, "transposed_matmul", None)
    found = score_reader(design, parts)(slice(40, 333), rho[40:333])
    assert found.dtype == plain.dtype == dtype
    np.testing.assert_allclose(found, plain, rtol=0, atol=100 * np.finfo(dtype).eps)


@pytest.mark.parametrize("method", ["first_order", "newton_step"])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_influences_are_the_same_compiled_and_plain(n_classes, method, monkeypatch):
    X = sparse.random(120, 30, density=0.2, format="csr", random_state=0)
    y = np.random.default_rng(0).integers(0, n_classes, 120)
    explainer = InfluenceExplainer(LogisticRegression(), method=method).fit(X, y)
    plain = explainer.influence(X[:9], y[:9])
    monkeypatch.setattr(_scores, "SCORE_WORK", 0)
    found = explainer.influence(X[:9], y[:9])
    assert not np.array_equal(found, plain)  # the sums run in another order
    np.testing.assert_allclose(found, plain, rtol=0, atol=1e-12 * np.abs(plain).max())


def test_small_problems_do_not_wait_for_the_compiler(monkeypatch):
    monkeypatch.setattr(_scores, "pack_columns", None)
    X = sparse.random(500, 20, density=0.2, format="csr", random_state=0)
    score_reader(Design(X), [np.ones((20, 512))])
