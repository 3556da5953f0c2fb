"""Perceptrons: products by passes through the layers against finite differences and Jacobians."""

from itertools import pairwise

import numpy as np
import pytest
from scipy import sparse

from skinfluence.linalg import Hessian, RowCurvature
from skinfluence.predictors import Perceptron
from skinfluence.predictors._perceptron import ACTIVATIONS
from skinfluence.testing import check_predictor

RNG = np.random.default_rng(0)
X = RNG.standard_normal((9, 3))


def perceptron(activation, widths, table=X):
    p = sum((d + 1) * h for d, h in pairwise(widths))
    # no unit of relu is within a finite difference of its kink
    coef = np.random.default_rng(3).standard_normal(p)
    return Perceptron(table, coef, widths, activation)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("widths", [(3, 2), (3, 4, 1), (3, 4, 5, 2)], ids=str)
def test_the_derivatives_are_those_of_the_raw_predictions(activation, widths):
    check_predictor(perceptron(activation, widths))
    check_predictor(perceptron(activation, widths, sparse.csr_array(X)))


def test_sums_over_rows_are_those_of_the_jacobians():
    network = perceptron("tanh", (3, 4, 5, 2))
    J, U = network.row_jacobian(), RNG.standard_normal((9, 2))
    expected = np.linalg.norm(np.einsum("nkp,nk->np", J, U), axis=1)
    np.testing.assert_allclose(network.row_norms(U), expected, rtol=1e-12)
    expected = np.einsum("nkp,nk->p", np.abs(J), U**2)
    np.testing.assert_allclose(network.absolute_sums(U**2), expected, rtol=1e-12)
    solved = RNG.standard_normal((J.shape[2], 3))
    scores = network.score_reader(solved, range(2))(slice(2, 6), U[2:6])
    expected = np.einsum("nkp,nk,pm->mn", J[2:6], U[2:6], solved)
    np.testing.assert_allclose(scores, expected, atol=1e-12)


def test_blocks_of_rows_give_the_same_products(monkeypatch):
    network, V = perceptron("logistic", (3, 4, 5, 2)), RNG.standard_normal((53, 3))
    U = RNG.standard_normal((9, 2, 3))
    parts = [network.jvp(V), network.vjp(U), network.curvature_product(U[:, :, 0], V)]
    rows = [slice(start, start + 2) for start in range(0, 9, 2)]
    path = "skinfluence.predictors._perceptron.row_blocks"
    monkeypatch.setattr(path, lambda n, size: iter(rows))
    again = [network.jvp(V), network.vjp(U), network.curvature_product(U[:, :, 0], V)]
    for one, other in zip(parts, again, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-12)


@pytest.mark.parametrize("n_outputs", [2, 5])  # by Jacobians of rows, and by columns
@pytest.mark.parametrize("second", [False, True])
def test_the_matrix_is_the_products_with_unit_vectors(n_outputs, second):
    network = perceptron("tanh", (3, 4, n_outputs))
    A = RNG.random((9, n_outputs))
    residual = RNG.standard_normal((9, n_outputs))
    given = {"residual": lambda rows: residual[rows]} if second else {}
    hessian = Hessian(network, RowCurvature(A), np.full(network.n_parameters, 0.1), **given)
    J = network.row_jacobian()
    expected = np.einsum("nkp,nk,nkq->pq", J, A, J) + 0.1 * np.eye(network.n_parameters)
    if second:
        expected += network.curvature_product(residual, np.eye(network.n_parameters))
    np.testing.assert_allclose(hessian.to_dense(), expected, atol=1e-12)
