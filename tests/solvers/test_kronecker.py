"""The Kronecker preconditioner: what it is exactly, what it saves, and where "auto" takes it."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import sparse
from sklearn import config_context

from skinfluence.linalg import Design, LinearHessian, RowCurvature
from skinfluence.predictors import LinearPredictor
from skinfluence.solvers import CGSolver, CholeskySolver
from skinfluence.solvers._costs import Sizes
from skinfluence.solvers._iterative.coordinates import kronecker_price
from skinfluence.solvers._iterative.kronecker import KroneckerPreconditioner
from tests.solvers import _zoo as zoo


def coupled(
    X, *, K=4, intercept=True, alpha=1.0, damping=0.0, full=False, weights=None, spread=2.0
):
    """A softmax Hessian at random predictions, classes of very different sizes; no gauge given."""
    rng = np.random.default_rng(3)
    n = X.shape[0]
    center = np.asarray(X.mean(axis=0, dtype=float)).ravel() if intercept else None
    design = Design(X, center, intercept)
    raw = spread * rng.standard_normal((n, K)) - 2.0 * np.arange(K)
    p = np.exp(raw - raw.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    s = np.ones((n, 1)) if weights is None else weights[:, None]
    penalty = np.full((K, design.shape[1]), alpha)
    if intercept:
        penalty[:, -1] = 0.0
    penalty += damping
    gauge = None
    if intercept and not damping:
        gauge = np.zeros((K, design.shape[1], 1))
        gauge[:, -1] = 1.0 / np.sqrt(K)
        gauge = gauge.reshape(-1, 1)
    if full:
        A = s[:, :, None] * (p[:, :, None] * np.eye(K) - p[:, :, None] * p[:, None, :])
        return LinearHessian(LinearPredictor(design), RowCurvature(A), penalty, gauge)
    return LinearHessian(
        LinearPredictor(design), RowCurvature(s * p, np.sqrt(s) * p), penalty, gauge
    )


def correlated(n=300, q=12, seed=0):
    """Rows whose columns share a few directions and have scales of their own."""
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, q)) @ rng.standard_normal((q, q)) * 3.0 ** rng.uniform(-1, 1, q)


def gradients(hessian, m=3):
    """Right-hand sides of the range: gradients of some rows."""
    rng = np.random.default_rng(1)
    R = rng.standard_normal((m, hessian.n_outputs))
    R -= R.mean(axis=1, keepdims=True)
    Z = hessian.design.take(np.arange(m)).to_dense()
    return np.einsum("mk,mq->kqm", R, Z).reshape(-1, m)


def dense_solution(hessian, V):
    """By Gaussian elimination, the gauge filled: a pseudo-inverse has fewer digits."""
    dense = hessian.to_dense()
    if hessian.non_identifiable.size:
        dense += (
            np.trace(dense) / len(dense) * (hessian.non_identifiable @ hessian.non_identifiable.T)
        )
    return np.linalg.solve(dense, V)


def as_matrix(preconditioner, p):
    """M = E E'."""
    root = preconditioner.residuals_back(np.eye(p)[None])[0]
    return root @ root.T


SPARSE = sparse.csr_array(np.where(np.random.default_rng(0).random((300, 12)) < 0.2, 1.5, 0.0))

COUPLED = {
    "intercept": lambda: coupled(correlated()),
    "no intercept": lambda: coupled(correlated(), intercept=False),
    "weights": lambda: coupled(correlated(), weights=np.arange(300.0) % 4),
    "damping": lambda: coupled(correlated(), damping=0.3),
    "full matrices": lambda: coupled(correlated(), full=True),
    "sparse": lambda: coupled(SPARSE),
    "float32": lambda: coupled(correlated().astype(np.float32)),
    "penalty near zero": lambda: coupled(correlated(), alpha=1e-6),
    "saturated": lambda: coupled(correlated(), spread=60.0),
}


@pytest.mark.parametrize("make", COUPLED.values(), ids=COUPLED)
def test_solutions_are_those_of_the_dense_matrix(make):
    hessian = make()
    V = gradients(hessian)
    expected = dense_solution(hessian, V)
    found = CGSolver(preconditioner="kronecker", tol=1e-11).factorize(hessian).solve(V)
    assert_allclose(found, expected, atol=1e-7 * np.abs(expected).max())


@pytest.mark.parametrize("make", COUPLED.values(), ids=COUPLED)
def test_fewer_products_than_with_no_preconditioner_and_with_the_diagonal(make):
    hessian = make()
    counts = {}
    for name in ("kronecker", "jacobi", None):
        inverse = CGSolver(preconditioner=name, max_iter=5000).factorize(hessian)
        inverse.solve(gradients(hessian, 1))
        counts[name] = inverse.report.n_iter
    assert counts["kronecker"] < min(counts["jacobi"], counts[None])


def test_rows_of_one_curvature_are_inverted_exactly():
    """At coefficients of zero the Hessian is a Kronecker product and a penalty."""
    n, K = 60, 3
    p = np.tile([0.5, 0.3, 0.2], (n, 1))
    design = Design(correlated(n, 5), intercept=True)
    penalty = np.full((K, 6), 0.7)
    penalty[:, -1] = 0.1
    s = 0.5 + np.random.default_rng(0).random((n, 1))
    hessian = LinearHessian(LinearPredictor(design), RowCurvature(s * p, np.sqrt(s) * p), penalty)
    dense = hessian.to_dense()
    M = as_matrix(KroneckerPreconditioner(hessian, (1, K * 6)), K * 6)
    assert_allclose(M, dense, atol=1e-12 * np.abs(dense).max())


@pytest.mark.parametrize("alpha_intercept", [0.0, 0.7])
def test_one_output_is_inverted_exactly(alpha_intercept):
    hessian = zoo._hessian(zoo._table(30, 5), alpha=0.7, alpha_intercept=alpha_intercept)
    M = as_matrix(KroneckerPreconditioner(hessian, (1, 6)), 6)
    assert_allclose(M, hessian.to_dense(), atol=1e-13 * np.abs(M).max())


@pytest.mark.parametrize("full", [False, True])
def test_the_trace_is_that_of_the_hessian(full):
    hessian = coupled(correlated(), damping=0.1, full=full)
    p = hessian.shape[0]
    M = as_matrix(KroneckerPreconditioner(hessian, (1, p)), p)
    assert np.trace(M) == pytest.approx(np.trace(hessian.to_dense()), rel=1e-12)


def test_factors_and_full_matrices_give_the_same_preconditioner():
    p = coupled(correlated()).shape[0]
    found, expected = (
        as_matrix(KroneckerPreconditioner(coupled(correlated(), full=full), (1, p)), p)
        for full in (False, True)
    )
    assert_allclose(found, expected, atol=1e-10 * np.abs(expected).max())


@pytest.mark.parametrize("make", zoo.REGULAR, ids=lambda make: make.__name__)
def test_the_four_directions_are_of_one_root(make):
    hessian = make()
    K = hessian.n_outputs if hessian.separable else 1
    shape = (K, hessian.shape[0] // K)
    M = KroneckerPreconditioner(hessian, shape)
    unit = np.sqrt(hessian.diagonal()).reshape(*shape, 1)
    rng = np.random.default_rng(0)
    R, X = unit * rng.standard_normal((*shape, 2)), rng.standard_normal((*shape, 2))
    assert_allclose(M.residuals_back(M.into(R)) / unit, R / unit, atol=1e-9)
    assert_allclose(M.null_back(M.back(X)), X, atol=1e-9)
    # E^-T is the transpose of E^-1
    assert_allclose((M.into(R) * X).sum(), (R * M.back(X)).sum(), rtol=1e-9)


def test_rows_without_curvature_leave_the_penalty():
    n, K = 20, 3
    penalty = np.full((K, 4), 2.0)
    curvature = np.zeros((n, K))
    curvature = RowCurvature(curvature, curvature.copy())
    hessian = LinearHessian(LinearPredictor(Design(correlated(n, 4))), curvature, penalty)
    M = as_matrix(KroneckerPreconditioner(hessian, (1, 12)), 12)
    assert_allclose(M, 2.0 * np.eye(12), atol=1e-14)


def test_auto_takes_it_for_coupled_outputs_and_solves_as_well():
    hessian = coupled(correlated(2000, 30), alpha=1e-3)
    inverse = CGSolver().factorize(hessian)
    V = gradients(hessian, 1)
    found = inverse.solve(V)
    assert isinstance(inverse._coordinates.current[0], KroneckerPreconditioner)
    plain = CGSolver(preconditioner="jacobi").factorize(hessian)
    plain.solve(V)
    assert inverse.report.n_iter < 0.5 * plain.report.n_iter
    expected = dense_solution(hessian, V)
    assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())


def test_auto_waits_where_one_solution_cannot_save_what_it_takes():
    """Few rows for the columns: an eigenproblem of 400 columns costs some thirty products."""
    hessian = coupled(zoo._table(3000, 400), intercept=False, alpha=30.0, K=3)
    assert 20 < kronecker_price(hessian) / Sizes(hessian, 1).product() < 50
    inverse = CGSolver().factorize(hessian)
    first = gradients(hessian, 1)
    inverse.solve(first)
    assert inverse.report.converged
    assert not isinstance(inverse._coordinates.current[0], KroneckerPreconditioner)
    inverse.solve(gradients(hessian, 3))
    assert isinstance(inverse._coordinates.current[0], KroneckerPreconditioner)


def test_auto_never_takes_it_where_outputs_do_not_interact():
    assert kronecker_price(zoo.several_outputs_of_distinct_penalties()) == np.inf


def test_auto_never_takes_it_for_many_columns_of_sparse_rows():
    rows = sparse.csr_array(sparse.random(500, 4000, density=0.01, format="csr", random_state=0))
    assert kronecker_price(coupled(rows, intercept=False)) == np.inf


def test_auto_never_takes_it_beyond_the_working_memory():
    hessian = coupled(zoo._table(2000, 50))
    assert kronecker_price(hessian) < np.inf
    with config_context(working_memory=0.1):
        assert kronecker_price(hessian) == np.inf


def test_outputs_of_their_own_agree_with_the_factorisation():
    hessian = zoo.several_outputs_of_distinct_penalties()
    V = np.random.default_rng(0).standard_normal((hessian.shape[0], 3))
    found = CGSolver(preconditioner="kronecker", tol=1e-12).factorize(hessian).solve(V)
    assert_allclose(found, CholeskySolver().factorize(hessian).solve(V), atol=1e-11)
