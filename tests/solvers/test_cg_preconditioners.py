"""Preconditioners of conjugate gradients: what they save, and which of them "auto" takes."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skinfluence.linalg import Design, LinearHessian, RowCurvature
from skinfluence.predictors import LinearPredictor
from skinfluence.solvers import CGSolver
from skinfluence.solvers._iterative.preconditioners import (
    NystroemSketch,
    largest_directions,
    penalty_scale,
)
from tests.solvers import _zoo as zoo


def test_the_sketch_saves_iterations():
    hessian = zoo.decaying()
    counts = {}
    for name in ("jacobi", "nystroem", None):
        inverse = CGSolver(preconditioner=name).factorize(hessian)
        inverse.solve(zoo.right_hand_sides(hessian, 1))
        counts[name] = inverse.report.n_iter
    assert counts["nystroem"] < min(counts["jacobi"], counts[None]) / 2


def test_the_preconditioner_of_full_rank_is_the_hessian():
    hessian = zoo.penalised_intercept()  # a penalty above a hundredth of the diagonal everywhere
    p = hessian.shape[0]
    weight = penalty_scale(hessian, np.sqrt(hessian.diagonal()))
    rng = np.random.RandomState(0)
    sketch = NystroemSketch(hessian, (1, p), weight, rank=p, width=2, random_state=rng)
    M = sketch.preconditioner()
    inside = M.into((hessian @ M.back(np.eye(p)[None])[0])[None])[0]
    # every direction is flat but for the last one's value, by which all are measured
    assert_allclose(inside, inside[0, 0] * np.eye(p), atol=1e-12 * inside[0, 0])
    V = rng.standard_normal((1, p, 2))
    assert_allclose(M.residuals_back(M.into(V)), V, atol=1e-12)


def test_auto_makes_its_sketch_after_single_right_hand_sides_have_cost_more():
    hessian = zoo.decaying(alpha=1e-3)
    inverse = CGSolver(rank=20).factorize(hessian)
    before = inverse._coordinates.current[0]
    v = zoo.right_hand_sides(hessian, 1)
    first = inverse.solve(v)
    assert inverse._coordinates.current[0] is not before
    assert_allclose(inverse.solve(v), first, atol=1e-4 * np.abs(first).max())


def measurements(n=2000, q=400):
    """Columns of scales from 1 to 0.1 and five common factors."""
    rng = np.random.default_rng(0)
    common = rng.standard_normal((n, 5)) @ rng.standard_normal((5, q))
    X = (rng.standard_normal((n, q)) + 0.3 * common) * np.geomspace(1.0, 0.1, q)
    return LinearHessian(
        LinearPredictor(Design(X)), RowCurvature(np.full((n, 1), 0.2)), np.full((1, q), 0.01 * n)
    )


def iterations(hessian, m):
    """{preconditioner: products that m right-hand sides take}."""
    counts = {}
    for name in ("auto", "jacobi", "nystroem"):
        inverse = CGSolver(preconditioner=name).factorize(hessian)
        inverse.solve(zoo.right_hand_sides(hessian, m))
        counts[name] = inverse.report.n_iter
    return counts


@pytest.mark.parametrize("m", [1, 10])
def test_auto_takes_the_units_of_the_diagonal_where_the_rest_is_equally_curved(m):
    counts = iterations(measurements(), m)
    assert counts["auto"] <= counts["jacobi"]
    assert counts["auto"] < 0.75 * counts["nystroem"]


@pytest.mark.parametrize("m", [1, 10])
def test_auto_keeps_the_units_of_the_penalty_where_the_spectrum_falls(m):
    counts = iterations(zoo.decaying(p=200, n=2000, intercept=False), m)
    assert counts["auto"] < 0.75 * counts["jacobi"]


@pytest.mark.parametrize("blocks", [1, 2])
def test_a_sketch_of_full_rank_is_its_matrix(blocks):
    rng = np.random.RandomState(0)
    half = rng.standard_normal((blocks, 12, 5))
    C = half @ half.transpose(0, 2, 1)  # of rank 5
    vectors, values = largest_directions(
        lambda W: C @ W, (blocks, 12), rank=9, width=3, random_state=rng
    )
    assert values.shape == (blocks, 9)
    found = vectors * values[:, None, :] @ vectors.transpose(0, 2, 1)
    assert_allclose(found, C, atol=1e-12 * np.abs(C).max())
    identity = np.broadcast_to(np.eye(9), (blocks, 9, 9))
    assert_allclose(vectors.transpose(0, 2, 1) @ vectors, identity, atol=1e-12)


def test_a_sketch_of_nothing_is_nothing():
    rng = np.random.RandomState(0)
    _, values = largest_directions(np.zeros_like, (1, 6), rank=3, width=3, random_state=rng)
    assert_allclose(values, 0.0, atol=1e-15)


def test_a_sketch_is_never_larger_than_its_matrix():
    rng = np.random.RandomState(0)
    half = rng.standard_normal((1, 15, 15))
    C = half @ half.transpose(0, 2, 1)
    vectors, values = largest_directions(
        lambda W: C @ W, (1, 15), rank=6, width=6, random_state=rng
    )
    left = C[0] - (vectors[0] * values[0]) @ vectors[0].T
    assert np.linalg.eigvalsh(left).min() > -1e-12 * np.abs(C).max()
