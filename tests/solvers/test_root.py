"""Inverse roots from the Cholesky factor."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skinfluence.solvers import CholeskySolver, EighSolver
from skinfluence.solvers._direct import root
from skinfluence.solvers._direct.root import TILE, half_form, upper_half
from tests.solvers import _zoo as zoo


@pytest.mark.parametrize("small", [0, 1000], ids=["triangular inverse", "full inverse"])
def test_inverse_root(small, monkeypatch):
    monkeypatch.setattr(root, "SMALL", small)
    half = np.random.default_rng(0).standard_normal((30, 12))
    matrix = half.T @ half
    before = matrix.copy()
    W, pivot = root.inverse_root(matrix)
    np.testing.assert_allclose(W @ W.T, np.linalg.inv(matrix), rtol=1e-11, atol=1e-13)
    assert pivot == pytest.approx(np.diag(np.linalg.cholesky(matrix)).min() ** 2, rel=1e-14)
    np.testing.assert_array_equal(matrix, before)


@pytest.mark.parametrize("small", [0, 1000], ids=["triangular inverse", "full inverse"])
@pytest.mark.parametrize("matrix", [np.diag([1.0, -1.0]), np.zeros((2, 2))])
def test_no_root_where_there_is_no_factor(matrix, small, monkeypatch):
    monkeypatch.setattr(root, "SMALL", small)
    assert root.inverse_root(matrix)[1] == 0.0


@pytest.mark.parametrize("small", [0, 1000], ids=["triangular inverse", "full inverse"])
def test_a_matrix_that_is_not_finite_has_no_pivot(small, monkeypatch):
    monkeypatch.setattr(root, "SMALL", small)
    matrix = np.eye(3)
    matrix[1, 1] = np.nan
    assert not root.inverse_root(matrix)[1] > 0.0


@pytest.mark.parametrize("q", [1, TILE, TILE + 1, 3 * TILE - 5])
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
    inverse = root.triangular_inverse(lower)
    np.testing.assert_allclose(inverse @ lower, np.eye(n), rtol=0, atol=1e-14)
    np.testing.assert_array_equal(np.triu(inverse, 1), 0.0)


@pytest.mark.parametrize("solver", [CholeskySolver(), EighSolver()])
@pytest.mark.parametrize("small", [0, 1000], ids=["triangular inverse", "full inverse"])
@pytest.mark.parametrize(
    "make", [zoo.multinomial, zoo.multinomial_without_intercept, zoo.multinomial_without_penalty]
)
def test_half_blocks_of_a_root_are_those_of_the_inverse(make, small, solver, monkeypatch):
    monkeypatch.setattr(root, "SMALL", small)
    hessian = make()
    inverse = solver.factorize(hessian)
    K, q = hessian.n_outputs, hessian.n_columns
    blocks = np.linalg.pinv(hessian.to_dense(), hermitian=True).reshape(K, q, K, q)
    halves = inverse._make_half_blocks()
    assert sorted(halves) == [(k, j) for k in range(K) for j in range(k, K)]
    for (k, j), half in halves.items():
        both = blocks[k, :, j] + blocks[k, :, j].T
        assert_allclose(half + half.T, both, rtol=0, atol=1e-12 * np.abs(blocks).max())
