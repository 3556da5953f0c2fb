"""Diagonal plus low rank: exact at full rank, honest below it."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.exceptions import ConvergenceWarning

from skinfluence.linalg import LinearHessian
from skinfluence.solvers import (
    CholeskySolver,
    InverseHessian,
    NystroemSolver,
    SingularHessianError,
)
from skinfluence.solvers._sketch import Sketch
from skinfluence.testing import check_solver
from tests.solvers import _zoo as zoo

#: Nothing stands for the penalty.
UNPENALISED = [
    zoo.without_penalty,
    zoo.columns_of_very_different_scales,
    zoo.multinomial_without_penalty,
]
PENALISED = [make for make in zoo.REGULAR if make not in UNPENALISED]


def low_rank(p=120, n=300, rank=10, alpha=1.0, noise=1e-3, K=1, **settings):
    """Few directions with much curvature, and a little in all others."""
    rng = np.random.default_rng(3)
    X = rng.standard_normal((n, rank)) @ rng.standard_normal((rank, p))
    X += noise * rng.standard_normal((n, p))
    if settings.pop("multinomial", False):
        return zoo._multinomial(X, alpha=alpha, K=K)
    return zoo._hessian(X, alpha=alpha, K=K, **settings)


def quiet(solver, hessian):
    """Factorise although it will warn."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return solver.factorize(hessian)


@pytest.mark.parametrize("make", PENALISED, ids=lambda make: make.__name__)
def test_at_full_rank_the_inverse_is_exact(make):
    inverse = check_solver(NystroemSolver(random_state=0), make())
    assert inverse.report.converged
    assert inverse.report.residual < 1e-10


@pytest.mark.parametrize("power", [0, 2])
def test_power_iterations_leave_the_full_rank_exact(power):
    check_solver(NystroemSolver(n_power=power, random_state=0), zoo.multinomial())


@pytest.mark.parametrize(
    "hessian",
    [
        low_rank(),
        low_rank(intercept=False),
        low_rank(K=3, alpha=[0.5, 1.0, 2.0]),
        low_rank(p=60, K=3, multinomial=True),
    ],
    ids=["K=1", "no intercept", "separable", "multinomial"],
)
def test_few_directions_are_enough_where_few_have_curvature(hessian):
    inverse = NystroemSolver(rank=40, random_state=0).factorize(hessian)
    Z = hessian.design.take(np.arange(20)).to_dense()
    K = hessian.n_outputs
    residual = np.random.default_rng(0).standard_normal((20, K))
    residual -= residual.mean(axis=1, keepdims=True) if K > 1 else 0.0
    V = np.einsum("nk,nq->kqn", residual, Z).reshape(hessian.shape[0], -1)
    exact = CholeskySolver().factorize(hessian)
    expected = V.T @ exact.solve(V)
    assert_allclose(V.T @ inverse.solve(V), expected, atol=2e-3 * np.abs(expected).max())
    forms = exact.quadratic_form(hessian.predictor)
    found = inverse.quadratic_form(hessian.predictor)
    assert_allclose(found, forms, atol=2e-3 * np.abs(forms).max())
    assert inverse.report.converged
    assert inverse.rank == 40


@pytest.mark.parametrize(
    "hessian",
    [
        low_rank(p=30, noise=0.3),
        low_rank(p=30, noise=0.3, K=3),
        low_rank(p=20, noise=0.3, K=3, multinomial=True),
        low_rank(p=30, noise=0.3, intercept=False),
    ],
    ids=["K=1", "separable", "multinomial", "no intercept"],
)
def test_leverages_in_closed_form_are_those_of_the_solutions(hessian):
    """At low rank too: one approximation, two ways to use it."""
    inverse = quiet(NystroemSolver(rank=5, random_state=0), hessian)
    general = InverseHessian.quadratic_form(inverse, hessian.predictor)
    found = inverse.quadratic_form(hessian.predictor)
    assert_allclose(found, general, atol=1e-12 * np.abs(general).max())


@pytest.mark.parametrize("K", [1, 3])
def test_an_approximate_inverse_is_symmetric_and_positive(K):
    hessian = low_rank(p=30, noise=1.0, K=K, multinomial=K > 1)
    inverse = quiet(NystroemSolver(rank=4, random_state=0), hessian)
    dense = inverse @ np.eye(hessian.shape[0])
    assert_allclose(dense, dense.T, atol=1e-13 * np.abs(dense).max())
    values = np.linalg.eigvalsh(dense)
    gauge = 0 if hessian.gauge is None else hessian.gauge.shape[1]
    assert values[gauge] > 1e-9 * values[-1]


def test_the_approximation_has_the_diagonal_of_the_hessian():
    hessian = low_rank(p=30, noise=1.0, intercept=False)
    inverse = quiet(NystroemSolver(rank=4, random_state=0), hessian)
    approximation = np.linalg.inv(inverse @ np.eye(30))
    assert_allclose(np.diag(approximation), hessian.diagonal(), rtol=1e-10)
    assert np.abs(approximation - hessian.to_dense()).max() > 0.1  # and is not the Hessian


def test_columns_without_penalty_are_exact_at_any_rank():
    hessian = low_rank(p=30, noise=1.0)
    inverse = quiet(NystroemSolver(rank=1, random_state=0), hessian)
    approximation = np.linalg.inv(inverse @ np.eye(31))
    assert_allclose(approximation[-1], hessian.to_dense()[-1], atol=1e-8)


def test_a_rank_too_small_is_warned_of_and_marked():
    hessian = low_rank(noise=1.0)
    with pytest.warns(ConvergenceWarning, match=r"rank 3 of 120 .*larger rank.*solver=\"cg\""):
        inverse = NystroemSolver(rank=3, random_state=0).factorize(hessian)
    assert not inverse.report.converged
    assert inverse.report.residual > 1e-2


@pytest.mark.parametrize("noise", [0.01, 0.1, 1.0])
@pytest.mark.parametrize("rank", [5, 15, 60])
def test_the_residual_bounds_the_error_of_influences_and_is_not_far_above(rank, noise):
    """Also where the plain residual would be small: in directions of much curvature."""
    hessian = low_rank(noise=noise)
    exact = CholeskySolver().factorize(hessian)
    V = hessian.design.take(np.arange(50)).to_dense().T
    expected = V.T @ exact.solve(V)
    inverse = quiet(NystroemSolver(rank=rank, random_state=0), hessian)
    wrong = V.T @ inverse.solve(V) - expected
    error = np.linalg.norm(wrong, axis=0) / np.linalg.norm(expected, axis=0)
    assert error.max() < 1.5 * inverse.report.residual
    assert inverse.report.residual < 20 * np.median(error)


def test_auto_doubles_the_rank_until_the_residual_is_small():
    hessian = low_rank(p=400, n=600, rank=100, noise=1e-4)
    inverse = NystroemSolver(random_state=0).factorize(hessian)
    assert inverse.rank == 128
    assert inverse.report.converged


def test_auto_stops_at_the_memory_and_says_so():
    hessian = low_rank(noise=1.0)
    with (
        config_context(working_memory=0.05),
        pytest.warns(ConvergenceWarning, match="working_memory"),
    ):
        inverse = NystroemSolver(random_state=0).factorize(hessian)
    assert inverse.rank == 10


def test_each_output_has_directions_of_its_own():
    """The rank is per output where outputs do not interact, for the same products."""
    hessian = low_rank(K=3, alpha=[0.5, 1.0, 2.0])
    alone = NystroemSolver(rank=15, random_state=0).factorize(hessian)
    assert alone.report.converged


@pytest.mark.parametrize("make", [*UNPENALISED, zoo.more_columns_than_rows_without_penalty])
def test_a_hessian_without_penalty_is_refused(make):
    with pytest.raises(SingularHessianError, match=r"needs a penalty.*damping"):
        NystroemSolver().factorize(make())


def test_an_intercept_without_curvature_is_refused():
    hessian = zoo._hessian(zoo._table(6, 9), alpha=0.5, curvature=np.zeros((6, 1)))
    with pytest.raises(SingularHessianError, match="columns without penalty"):
        NystroemSolver().factorize(hessian)


def test_the_gauge_is_projected_out():
    hessian = low_rank(p=20, K=3, multinomial=True)
    inverse = quiet(NystroemSolver(rank=5, random_state=0), hessian)
    assert np.abs(inverse @ hessian.gauge).max() < 1e-14
    V = np.random.default_rng(0).standard_normal((hessian.shape[0], 2))
    assert np.abs(hessian.gauge.T @ (inverse @ V)).max() < 1e-14


def test_damping_makes_it_better():
    plain = low_rank(noise=1.0)
    damped = LinearHessian(plain.predictor, plain.curvature, plain.penalty + 1e4)
    residuals = [
        quiet(NystroemSolver(rank=20, random_state=0), h).report.residual for h in (plain, damped)
    ]
    assert residuals[1] < residuals[0] / 2


def test_answers_repeat_and_seeds_differ():
    hessian = low_rank(noise=1.0)
    V = np.eye(hessian.shape[0])[:, :3]
    first, again, other = (
        quiet(NystroemSolver(rank=5, random_state=seed), hessian).solve(V) for seed in (0, 0, 1)
    )
    assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1e-6 * np.abs(first).max()


def test_leverages_do_not_invite_the_newton_step():
    assert not NystroemSolver(random_state=0).factorize(low_rank()).factorized


@pytest.mark.parametrize("blocks", [1, 2])
def test_a_sketch_of_full_rank_is_its_matrix(blocks):
    rng = np.random.RandomState(0)
    half = rng.standard_normal((blocks, 12, 5))
    C = half @ half.transpose(0, 2, 1)  # of rank 5
    sketch = Sketch(lambda W: C @ W, (blocks, 12), random_state=rng)
    sketch.grow(4, 3)
    sketch.grow(9, 3)
    vectors, values = sketch.eigenpairs()
    assert values.shape == (blocks, 9)
    found = vectors * values[:, None, :] @ vectors.transpose(0, 2, 1)
    assert_allclose(found, C, atol=1e-12 * np.abs(C).max())
    identity = np.broadcast_to(np.eye(9), (blocks, 9, 9))
    assert_allclose(vectors.transpose(0, 2, 1) @ vectors, identity, atol=1e-12)


def test_a_sketch_of_nothing_is_nothing():
    sketch = Sketch(np.zeros_like, (1, 6), random_state=np.random.RandomState(0))
    sketch.grow(3, 3)
    assert_allclose(sketch.eigenpairs()[1], 0.0, atol=1e-15)


def test_a_sketch_is_never_larger_than_its_matrix():
    rng = np.random.RandomState(0)
    half = rng.standard_normal((1, 15, 15))
    C = half @ half.transpose(0, 2, 1)
    sketch = Sketch(lambda W: C @ W, (1, 15), random_state=rng)
    sketch.grow(6, 6)
    vectors, values = sketch.eigenpairs()
    left = C[0] - (vectors[0] * values[0]) @ vectors[0].T
    assert np.linalg.eigvalsh(left).min() > -1e-12 * np.abs(C).max()


@pytest.mark.parametrize(
    "settings, match",
    [
        ({"rank": 0}, "rank must be an integer of at least 1 or 'auto', got 0"),
        ({"rank": 2.5}, "rank must be an integer of at least 1 or 'auto', got 2.5"),
        ({"rank": "all"}, "rank must be an integer of at least 1 or 'auto', got 'all'"),
        ({"tol": 0.0}, "tol must be a positive number, got 0.0"),
        ({"n_power": -1}, "n_power must be an integer of at least 0, got -1"),
    ],
)
def test_settings_out_of_range_are_refused(settings, match):
    with pytest.raises(ValueError, match=match):
        NystroemSolver(**settings)


def test_without_a_seed_the_draws_are_fixed():
    hessian = low_rank()
    V = np.eye(hessian.shape[0])[:, :3]
    first, second = (quiet(NystroemSolver(rank=5), hessian).solve(V) for _ in range(2))
    np.testing.assert_array_equal(first, second)
