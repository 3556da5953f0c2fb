"""Hessians and per-sample gradients act as the dense matrices that they stand for."""

import numpy as np
import pytest
import sklearn
from numpy.testing import assert_allclose

from skinfluence.linalg import LinearHessian, PerSampleGradients, RowCurvature
from skinfluence.predictors import LinearPredictor
from tests.linalg._zoo import KINDS, N_ROWS, make_design, name_of

kinds = pytest.mark.parametrize("kind", KINDS, ids=name_of)
K = 3


def multinomial_curvature(rng, n=N_ROWS):
    raw = rng.standard_normal((n, K))
    p = np.exp(raw) / np.exp(raw).sum(axis=1, keepdims=True)
    return p[:, :, None] * np.eye(K) - p[:, :, None] * p[:, None, :]


def mixed_curvature(rng, n=N_ROWS):
    """Positive definite matrices whose entries beside the diagonal have either sign."""
    root = rng.standard_normal((n, K, K))
    return root @ root.transpose(0, 2, 1)


def make_hessian(kind, form):
    """(Hessian, the dense matrix as a sum of Kronecker products over rows)."""
    design, Z = make_design(kind)
    rng = np.random.default_rng(2)
    factor = None
    if form == "coupled":
        curvature = matrices = multinomial_curvature(rng)
    elif form == "mixed":
        curvature = matrices = mixed_curvature(rng)
    elif form in ("softmax", "factored"):
        curvature = rng.dirichlet(np.ones(K), N_ROWS)
        factor = curvature if form == "softmax" else 0.5 * curvature
        matrices = curvature[:, :, None] * np.eye(K) - factor[:, :, None] * factor[:, None, :]
    else:
        curvature = rng.random((N_ROWS, K))
        curvature[::4, 1] = 0.0
        if form == "not convex":
            curvature -= 0.4
        matrices = curvature[:, :, None] * np.eye(K)
    penalty = rng.random((K, Z.shape[1]))
    dense = sum(np.kron(A, np.outer(z, z)) for A, z in zip(matrices, Z, strict=True))
    return LinearHessian(
        LinearPredictor(design), RowCurvature(curvature, factor), penalty
    ), dense + np.diag(penalty.ravel())


FORMS = ["separable", "not convex", "coupled", "mixed", "softmax", "factored"]


@kinds
@pytest.mark.parametrize("form", FORMS)
def test_hessian_is_the_sum_of_kronecker_products(kind, form):
    hessian, dense = make_hessian(kind, form)
    V = np.random.default_rng(3).standard_normal((len(dense), 2))
    assert hessian.shape == dense.shape
    assert_allclose(hessian.to_dense(), dense, atol=1e-12)
    assert_allclose(hessian @ V, dense @ V, atol=1e-12)
    assert_allclose(hessian @ V[:, 0], dense @ V[:, 0], atol=1e-12)
    assert_allclose(hessian.diagonal(), np.diag(dense), atol=1e-12)


@kinds
@pytest.mark.parametrize("form", FORMS)
def test_curvature_may_come_from_a_function_of_rows(kind, form):
    given, dense = make_hessian(kind, form)
    asked = []

    def some(rows):
        asked.append(rows)
        return given.curvature_of(rows)

    V = np.random.default_rng(3).standard_normal((len(dense), 2))
    with sklearn.config_context(working_memory=1e-3):  # several blocks
        hessian = LinearHessian(given.predictor, some, given.penalty)
        assert hessian.separable == (form in ("separable", "not convex"))
        assert_allclose(hessian.to_dense(), dense, atol=1e-12)
        assert_allclose(hessian.diagonal(), np.diag(dense), atol=1e-12)
        product = hessian @ V
        assert_allclose(product, dense @ V, atol=1e-12)
        held = hessian.curvature
        assert (held.factor is held.values) == (form == "softmax")
        asked.clear()
        np.testing.assert_array_equal(hessian @ V, product)
        assert not asked  # a product holds what it read
        hessian.release()
        np.testing.assert_array_equal(hessian @ V, product)
        assert asked


def test_what_was_given_as_arrays_is_not_released():
    hessian, dense = make_hessian(KINDS[0], "softmax")
    hessian.release()
    assert_allclose(hessian.to_dense(), dense, atol=1e-12)


@pytest.mark.parametrize("form", FORMS)
def test_hessian_is_its_own_adjoint(form):
    hessian, dense = make_hessian(KINDS[-1], form)
    assert_allclose(hessian.H @ np.eye(len(dense)), dense, atol=1e-12)


@pytest.mark.parametrize("form", FORMS)
def test_curvature_of_some_rows_in_full_and_applied(form):
    hessian, _ = make_hessian(KINDS[-1], form)
    full = hessian.curvature.matrix()
    rows = slice(3, 9)
    raw = np.random.default_rng(3).standard_normal((6, K, 2))
    assert_allclose(hessian.curvature_of(rows).matrix(), full[rows], atol=1e-15)
    assert_allclose(hessian.curvature_of(rows).apply(raw), full[rows] @ raw, atol=1e-12)


def test_blocks_of_a_separable_hessian():
    hessian, dense = make_hessian(KINDS[-1], "separable")
    q = hessian.n_columns
    for k in range(K):
        own = slice(k * q, (k + 1) * q)
        assert_allclose(hessian.block(k), dense[own, own], atol=1e-12)


@pytest.mark.parametrize("curvature, penalty, equal", [(1, 1, True), (2, 1, False), (1, 2, False)])
def test_equal_blocks_are_recognised(curvature, penalty, equal):
    design, Z = make_design(KINDS[0])
    own = np.ones((N_ROWS, 2)) * [1.0, curvature]
    alpha = np.ones((2, Z.shape[1])) * [[1.0], [penalty]]
    assert (
        LinearHessian(LinearPredictor(design), RowCurvature(own), alpha).blocks_are_equal is equal
    )


@kinds
def test_per_sample_gradients_are_residual_times_design_row(kind):
    design, Z = make_design(kind)
    rng = np.random.default_rng(4)
    residual = rng.standard_normal((N_ROWS, K))
    G = PerSampleGradients(LinearPredictor(design, np.zeros((K, Z.shape[1]))), residual)
    dense = np.stack([np.kron(r, z) for r, z in zip(residual, Z, strict=True)])
    V, U = rng.standard_normal((dense.shape[1], 2)), rng.standard_normal((N_ROWS, 2))
    assert_allclose(G.to_dense(), dense, atol=1e-14)
    assert_allclose(G @ V, dense @ V, atol=1e-12)
    assert_allclose(G @ V[:, 0], dense @ V[:, 0], atol=1e-12)
    assert_allclose(G.H @ U, dense.T @ U, atol=1e-12)
    assert_allclose(G.T @ U[:, 0], dense.T @ U[:, 0], atol=1e-12)
    assert_allclose(G.row_norms(), np.linalg.norm(dense, axis=1), rtol=1e-12)


@pytest.mark.parametrize(
    "rows", [[4, 1], slice(2, 5), np.arange(N_ROWS) < 3], ids=["index", "slice", "mask"]
)
def test_some_rows_of_the_gradients(rows):
    design, Z = make_design(KINDS[-1])
    predictor = LinearPredictor(design, np.zeros((K, Z.shape[1])))
    G = PerSampleGradients(predictor, np.random.default_rng(4).standard_normal((N_ROWS, K)))
    assert_allclose(G[rows].to_dense(), G.to_dense()[rows], atol=1e-15)
