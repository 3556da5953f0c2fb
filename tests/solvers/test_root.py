"""Inverse roots from the Cholesky factor."""

import numpy as np
import pytest

from skinfluence.solvers import _root


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
