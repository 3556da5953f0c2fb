"""Gram matrices of many weightings in one product."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from threadpoolctl import threadpool_limits

from skinfluence.linalg import Design, LinearHessian, RowCurvature
from skinfluence.linalg._pair_grams import ROWS, PairGrams
from skinfluence.predictors import LinearPredictor

rng = np.random.default_rng(0)


def made(Z, weights, step):
    grams = PairGrams(Z.shape[1], weights.shape[1])
    for start in range(0, len(Z), step):
        grams.add(Z[start : start + step], weights[start : start + step])
    return np.stack([grams.gram(t) for t in range(weights.shape[1])])


@pytest.mark.parametrize("q", [1, 2, 23, 40])  # one tile of products, and several
@pytest.mark.parametrize("step", [7, 10_000], ids=["parts", "whole"])
def test_they_are_the_weighted_sums_of_products(q, step):
    Z, weights = rng.standard_normal((ROWS + 5, q)), rng.standard_normal((ROWS + 5, 3))
    expected = np.einsum("nt,ni,nj->tij", weights, Z, Z)
    assert_allclose(made(Z, weights, step), expected, atol=1e-11 * ROWS)


def test_they_do_not_depend_on_the_number_of_threads():
    Z, weights = rng.standard_normal((3000, 40)), rng.standard_normal((3000, 3))
    with threadpool_limits(1):
        one = made(Z, weights, 3000)
    with threadpool_limits(2):
        assert_array_equal(made(Z, weights, 3000), one)


@pytest.mark.parametrize("form", ["factor", "matrices"])
@pytest.mark.parametrize("q", [9, 131], ids=["one product", "one by one"])
def test_hessians_of_many_outputs_are_sums_of_kronecker_products(form, q):
    n, K = 60, 6
    Z, p = rng.standard_normal((n, q)), rng.dirichlet(np.ones(K), n)
    matrices = np.einsum("nk,kj->nkj", p, np.eye(K)) - p[:, :, None] * p[:, None]
    curvature, factor = (p, p) if form == "factor" else (matrices, None)
    penalty = rng.random((K, q))
    found = LinearHessian(
        LinearPredictor(Design(Z)), RowCurvature(curvature, factor), penalty
    ).to_dense()
    expected = np.einsum("nkj,na,nb->kajb", matrices, Z, Z).reshape(K * q, K * q)
    assert_allclose(found, expected + np.diag(penalty.ravel()), atol=1e-12)
