"""The compiled kernels agree with their numpy twins."""

import numpy as np
import pytest
from scipy import sparse

from skinfluence import InfluenceExplainer
from skinfluence.kernels import _reference, csr_quadratic_form
from skinfluence.linalg import Design


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
    plain = InfluenceExplainer().fit(X, y).leverage_
    monkeypatch.setattr("skinfluence.solvers._root.KERNEL_WORK", 0)
    np.testing.assert_allclose(InfluenceExplainer().fit(X, y).leverage_, plain, rtol=1e-12)
