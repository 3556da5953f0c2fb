"""Inverse roots from the Cholesky factor."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skinfluence.solvers import _root
from skinfluence.solvers._root import STRIP, half_form, upper_half


@pytest.mark.parametrize("small", [0, 1000], ids=["triangular inverse", "full inverse"])
def test_inverse_root(small, monkeypatch):
    monkeypatch.setattr(_root, "SMALL", small)
    half = np.random.default_rng(0).standard_normal((30, 12))
    matrix = half.T @ half
    before = matrix.copy()
    W, pivot = _root.inverse_root(matrix)
    np.testing.assert_allclose(W @ W.T, np.linalg.inv(matrix), rtol=1e-11, atol=1e-13)
    assert pivot == pytest.approx(np.diag(np.linalg.cholesky(matrix)).min() ** 2, rel=1e-14)
    np.testing.assert_array_equal(matrix, before)


@pytest.mark.parametrize("matrix", [np.diag([1.0, -1.0]), np.zeros((2, 2))])
def test_no_root_where_there_is_no_factor(matrix):
    assert _root.inverse_root(matrix)[1] == 0.0


@pytest.mark.parametrize("q", [1, STRIP, STRIP + 1, 3 * STRIP - 5])
def test_half_of_a_symmetric_matrix_has_the_same_quadratic_form(q):
    rng = np.random.default_rng(0)
    matrix = rng.standard_normal((q, q))
    matrix += matrix.T
    Z = rng.standard_normal((7, q))
    expected = np.einsum("ij,jk,ik->i", Z, matrix, Z)
    assert_allclose(half_form(Z, upper_half(matrix)), expected, atol=1e-9)


@pytest.mark.parametrize("n", [1, 2, 64, 65, 130, 257])
def test_the_inverse_of_a_triangle_is_its_inverse(n):
    rng = np.random.default_rng(n)
    lower = np.tril(rng.normal(size=(n, n))) / n + np.diag(rng.uniform(1.0, 2.0, size=n))
    inverse = _root.triangular_inverse(lower)
    np.testing.assert_allclose(inverse @ lower, np.eye(n), rtol=0, atol=1e-14)
    np.testing.assert_array_equal(np.triu(inverse, 1), 0.0)
