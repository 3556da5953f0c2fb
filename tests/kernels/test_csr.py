"""The compiled kernels agree with their numpy twins."""

import numpy as np
import pytest
from scipy import sparse
from threadpoolctl import threadpool_limits

from skinfluence import InfluenceExplainer
from skinfluence.kernels import csr_gram, csr_quadratic_form
from skinfluence.linalg import Design
from skinfluence.predictors import LinearPredictor
from skinfluence.solvers import CholeskySolver
from tests.kernels import _reference


@pytest.fixture
def rows():
    rng = np.random.default_rng(0)
    X = sparse.csr_array(sparse.random(60, 25, density=0.2, format="csr", random_state=0))
    X = sparse.vstack([X, sparse.csr_array((2, 25))]).tocsr()  # rows without entries
    root = rng.normal(size=(25, 25))
    return X, root @ root.T


@pytest.mark.parametrize("index_type", [np.int32, np.int64])
def test_quadratic_form_equals_its_twin(rows, index_type):
    X, matrix = rows
    parts = X.data, X.indices.astype(index_type), X.indptr.astype(index_type), matrix
    expected = _reference.csr_quadratic_form(*parts)
    np.testing.assert_allclose(csr_quadratic_form(*parts), expected, rtol=1e-13, atol=1e-13)


def test_nan_comes_through(rows):
    X, matrix = rows
    data = X.data.copy()
    data[0] = np.nan
    assert np.isnan(csr_quadratic_form(data, X.indices, X.indptr, matrix)[0])


@pytest.mark.parametrize("center", [False, True])
@pytest.mark.parametrize("intercept", [False, True])
def test_design_quadratic_form_equals_dense(rows, intercept, center):
    X, _ = rows
    mean = np.asarray(X.mean(axis=0)).ravel() if center and intercept else None
    design = Design(X, mean, intercept)
    rng = np.random.default_rng(1)
    root = rng.normal(size=(design.shape[1],) * 2)
    Z = design.to_dense()
    expected = np.einsum("ij,jk,ik->i", Z, root @ root.T, Z)
    np.testing.assert_allclose(design.quadratic_form(root @ root.T), expected, rtol=1e-12)


def test_leverage_is_the_same_with_and_without_the_kernel(rows, monkeypatch):
    X, _ = rows
    y = np.random.default_rng(2).integers(0, 2, X.shape[0])
    plain = InfluenceExplainer().fit(X, y).leverage()
    monkeypatch.setattr("skinfluence.solvers._direct.root.KERNEL_WORK", 0)
    np.testing.assert_allclose(InfluenceExplainer().fit(X, y).leverage(), plain, rtol=1e-12)


@pytest.mark.parametrize("n_classes", [3, 4])
def test_coupled_forms_are_the_same_with_and_without_the_kernel(rows, n_classes, monkeypatch):
    X, _ = rows
    y = np.random.default_rng(2).integers(0, n_classes, X.shape[0])
    objective = InfluenceExplainer().fit(X, y).objective_
    inverse, rows = CholeskySolver().factorize(objective.hessian(1e-3)), objective.predictor
    plain = inverse.leverage_blocks_of(rows)
    monkeypatch.setattr("skinfluence.solvers._direct.root.KERNEL_WORK", 0)
    monkeypatch.setattr("skinfluence.solvers._direct.root.half_form", None)  # the kernel is taken
    found = inverse.leverage_blocks_of(rows)
    assert found.shape == (X.shape[0], n_classes, n_classes)
    np.testing.assert_allclose(found, plain, rtol=0, atol=1e-12 * plain.max())


def test_rows_with_many_entries_stay_with_dense_products(rows, monkeypatch):
    X, _ = rows
    y = np.random.default_rng(2).integers(0, 3, X.shape[0])
    objective = InfluenceExplainer().fit(X, y).objective_
    inverse = CholeskySolver().factorize(objective.hessian(1e-3))
    monkeypatch.setattr("skinfluence.solvers._direct.root.KERNEL_WORK", 0)
    monkeypatch.setattr("skinfluence.kernels._csr.run_chunks", None)  # the kernel would fail
    full = Design(sparse.csr_array(np.ones((5, X.shape[1]))), intercept=True)
    forms = inverse.leverage_blocks_of(LinearPredictor(full))
    assert np.isfinite(forms).all()


@pytest.mark.parametrize("data_type", [np.float32, np.float64])
@pytest.mark.parametrize("index_type", [np.int32, np.int64])
def test_gram_equals_its_twin_for_weights_of_any_sign(rows, index_type, data_type):
    X, _ = rows
    parts = X.data.astype(data_type), X.indices.astype(index_type), X.indptr.astype(index_type)
    weights = np.random.default_rng(3).normal(size=X.shape[0])
    weights[::5] = 0.0
    for part in parts:
        part.flags.writeable = False
    for n_threads in 1, 3:
        with threadpool_limits(n_threads, user_api="blas"):
            gram = csr_gram(*parts, weights, X.shape[1])
        expected = _reference.csr_gram(*parts, weights, X.shape[1])
        np.testing.assert_allclose(gram, expected, rtol=1e-13, atol=1e-13)


def test_gram_of_many_columns_is_symmetric_to_the_bit():
    X = sparse.random(300, 600, density=0.05, format="csr", random_state=0)
    weights = np.random.default_rng(2).normal(size=300)
    gram = csr_gram(X.data, X.indices, X.indptr, weights, 600)
    expected = _reference.csr_gram(X.data, X.indices, X.indptr, weights, 600)
    np.testing.assert_allclose(gram, expected, rtol=1e-13, atol=1e-13)
    assert np.array_equal(gram, gram.T)


def test_gram_of_entries_in_any_order_and_met_twice():
    data, indices = np.array([1.0, 2.0, 3.0, 4.0]), np.array([2, 0, 2, 1])
    dense = np.array([[2.0, 0.0, 4.0], [0.0, 4.0, 0.0]])
    gram = csr_gram(data, indices, np.array([0, 3, 4]), np.array([1.0, -1.0]), 3)
    np.testing.assert_allclose(gram, dense.T @ (np.array([[1.0], [-1.0]]) * dense))


def test_threads_do_not_change_a_bit():
    X = sparse.random(40_000, 60, density=0.1, format="csr", random_state=0)
    root = np.random.default_rng(1).normal(size=(60, 60))
    weights = np.random.default_rng(2).normal(size=40_000)
    parts = X.data, X.indices, X.indptr
    found = []
    for n_threads in 1, 3:
        with threadpool_limits(n_threads, user_api="blas"):
            form = csr_quadratic_form(*parts, root @ root.T)
            found.append((form, csr_gram(*parts, weights, 60)))
    for one, three in zip(*found, strict=True):
        assert np.array_equal(one, three)


def test_no_rows_have_no_quadratic_form_and_an_empty_gram():
    parts = np.empty(0), np.empty(0, dtype=np.int32), np.zeros(1, dtype=np.int32)
    assert csr_quadratic_form(*parts, np.eye(4)).shape == (0,)
    np.testing.assert_array_equal(csr_gram(*parts, np.empty(0), 4), np.zeros((4, 4)))
