"""Conjugate gradients column by column: solutions, and negative curvature."""

import numpy as np
from numpy.testing import assert_allclose

from skinfluence.solvers._iterative.columns_cg import columns_cg


class Matrix:
    """A symmetric matrix that counts its products."""

    def __init__(self, array):
        self.array, self.n_products = array, 0

    def matmat(self, V):
        self.n_products += 1
        return self.array @ V


def test_columns_are_solved_to_their_tolerance_whatever_their_sizes():
    rng = np.random.default_rng(0)
    root = rng.normal(size=(30, 30))
    A = Matrix(root @ root.T + np.eye(30))
    V = rng.normal(size=(30, 4)) * [1.0, 1e-8, 1e8, 0.0]
    X = columns_cg(A, V, lambda R: R / np.diag(A.array)[:, None], tol=1e-10)
    residual = np.linalg.norm(V - A.array @ X, axis=0)
    assert (residual <= 2e-10 * np.linalg.norm(V, axis=0)).all()
    A.n_products = 0
    assert_allclose(columns_cg(A, V, lambda R: np.linalg.solve(A.array, R), tol=1e-6), X, rtol=1e-6)
    assert A.n_products == 1


def test_a_column_stops_at_negative_curvature():
    A = Matrix(np.diag([4.0, 1.0, -2.0]))
    V = np.array([[1.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 3.0, 1e-3]])
    X = columns_cg(A, V, np.copy, tol=1e-12)
    assert_allclose(X[:, 0], [0.25, 1.0, 0.0])
    assert_allclose(X[:, 1], V[:, 1])  # its first direction
    # one step along V, then a direction of negative curvature
    step = V[:, 2] @ V[:, 2] / (V[:, 2] @ A.array @ V[:, 2])
    assert_allclose(X[:, 2], step * V[:, 2])
