"""Penalties with full matrices, against dense algebra and refits with dense solves."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skinfluence.effects import RowEdits, newton_step, refit
from skinfluence.objectives import MatrixPenalty, minimize
from skinfluence.solvers import AutoSolver, CGSolver
from tests.effects._zoo import OBJECTIVES, refitted_coef

NAMES = ["ridge-two-outputs", "logistic", "multinomial", "multinomial-mean-balanced"]
every_objective = pytest.mark.parametrize("name", NAMES)


def penalised(name):
    """An objective whose penalty couples its features and leaves the intercept free."""
    objective = OBJECTIVES[name]()
    K, q = objective.coef.shape
    root = np.random.default_rng(3).standard_normal((K if "ridge" in name else 1, q - 1, q - 1))
    matrix = np.zeros((K, q, q))
    matrix[:, :-1, :-1] = root @ root.transpose(0, 2, 1) + 0.1 * np.eye(q - 1)
    start = objective.with_penalty(MatrixPenalty(matrix))
    return minimize(start, AutoSolver()).objective, matrix


@every_objective
def test_value_gradient_and_hessian_hold_the_matrix(name):
    objective, matrix = penalised(name)
    none = objective.with_penalty(np.zeros(objective.coef.shape))
    coef = objective.coef
    assert_allclose(
        objective.value() - none.value(),
        0.5 * sum(c @ M @ c for c, M in zip(coef, matrix, strict=True)),
        rtol=1e-12,
    )
    expected = np.einsum("kqr,kr->kq", matrix, coef)
    assert_allclose(objective.gradient() - none.gradient(), expected, atol=1e-12)
    K, q = coef.shape
    whole = np.zeros((K, q, K, q))
    for k in range(K):
        whole[k, :, k] = matrix[k]
    dense = none.hessian().to_dense() + whole.reshape(K * q, K * q)
    hessian = objective.hessian()
    assert_allclose(hessian.to_dense(), dense, atol=1e-12)
    assert_allclose(hessian @ np.eye(K * q), dense, atol=1e-12)
    assert_allclose(hessian.diagonal(), np.diag(dense), atol=1e-12)
    damped = objective.hessian(0.1)
    total = objective.weights.base.sum()
    assert_allclose(damped.to_dense(), dense + 0.1 * total * np.eye(K * q), atol=1e-12)


@every_objective
def test_removals_are_those_of_dense_refits(name):
    objective, _ = penalised(name)
    inverse = AutoSolver().factorize(objective.hessian())
    rows = np.array([0, 7])
    refits = refit(objective, inverse, RowEdits.removals(rows)).coef_changes()
    steps = newton_step(objective, inverse, RowEdits.removals(rows)).coef_changes()
    for row, got, step in zip(rows, refits, steps, strict=True):
        expected = refitted_coef(objective, [row], [0.0]) - objective.coef
        assert np.abs(got - expected).max() < 1e-8 * np.abs(expected).max()
        assert np.abs(step - expected).max() < 0.2 * np.abs(expected).max()


PAIRS = [(name, kind) for name in NAMES for kind in ("auto", "jacobi", "nystroem")]


@pytest.mark.parametrize("name, preconditioner", [*PAIRS, ("multinomial", "kronecker")])
def test_conjugate_gradients_know_the_matrix(name, preconditioner):
    objective, _ = penalised(name)
    hessian = objective.hessian()
    V = objective.per_sample_gradients().to_dense()[:5].T
    got = CGSolver(tol=1e-11, preconditioner=preconditioner).factorize(hessian).solve(V)
    expected = AutoSolver().factorize(hessian).solve(V)
    assert np.abs(got - expected).max() < 1e-8 * np.abs(expected).max()
