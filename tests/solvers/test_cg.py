"""Block conjugate gradients: right answers, marks on wrong ones, and fewer products for blocks."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.exceptions import ConvergenceWarning

from skinfluence.linalg import Design, LinearHessian
from skinfluence.predictors import LinearPredictor
from skinfluence.solvers import CGSolver, CholeskySolver, InverseHessian
from skinfluence.solvers._iterative.block_cg import block_cg, column_norms, orthonormalize
from skinfluence.testing import check_solver
from skinfluence.testing._solvers import dense_inverse
from tests.solvers import _zoo as zoo

PRECONDITIONERS = ["auto", "jacobi", "nystroem", "kronecker", None]


@pytest.mark.parametrize(
    "preconditioner, make",
    [
        pytest.param(preconditioner, make, id=f"{preconditioner}-{make.__name__}")
        for preconditioner in PRECONDITIONERS
        for make in zoo.REGULAR
        # sixteen digits between the columns: see the test below
        if preconditioner is not None or make is not zoo.columns_of_very_different_scales
    ],
)
def test_regular_hessians_are_inverted(preconditioner, make):
    check_solver(CGSolver(tol=1e-11, preconditioner=preconditioner), make())


@pytest.mark.parametrize("preconditioner", PRECONDITIONERS)
def test_scales_sixteen_digits_apart_converge_or_warn(preconditioner):
    hessian = zoo.columns_of_very_different_scales()
    expected, scale, _ = dense_inverse(hessian)
    V = zoo.right_hand_sides(hessian, 3) * scale[:, None]
    inverse = CGSolver(preconditioner=preconditioner).factorize(hessian)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = inverse.solve(V)
    assert inverse.report.converged == (not caught)
    if inverse.report.converged:
        wanted = scale[:, None] * (expected @ V)
        assert_allclose(scale[:, None] * found, wanted, atol=1e-6 * np.abs(wanted).max())
    assert inverse.report.converged == (preconditioner is not None)


@pytest.mark.parametrize("preconditioner", PRECONDITIONERS)
@pytest.mark.parametrize("make", zoo.SINGULAR, ids=lambda make: make.__name__)
def test_right_hand_sides_with_a_part_in_a_null_space_are_marked(make, preconditioner):
    hessian = make()
    inverse = CGSolver(preconditioner=preconditioner).factorize(hessian)
    with pytest.warns(ConvergenceWarning, match=r"3 of 3 right-hand sides.*damping.*eigh"):
        inverse.solve(zoo.right_hand_sides(hessian, 3))
    assert not inverse.report.converged
    assert (inverse.residuals > 1e-3).all()


@pytest.mark.parametrize("preconditioner", PRECONDITIONERS)
@pytest.mark.parametrize(
    "make", [zoo.duplicated_column, zoo.more_columns_than_rows_without_penalty, zoo.constant_column]
)
def test_gradients_of_a_singular_hessian_agree_with_the_pseudo_inverse(make, preconditioner):
    """Rows lie in the range; the part of a solution in the null space meets no gradient."""
    hessian = make()
    Z = hessian.design.to_dense()
    found = Z @ CGSolver(tol=1e-11, preconditioner=preconditioner).factorize(hessian).solve(Z.T)
    expected = Z @ dense_inverse(hessian)[0] @ Z.T
    assert_allclose(found, expected, atol=1e-7 * np.abs(expected).max())


def test_the_gauge_gives_the_pseudo_inverse_of_any_right_hand_side():
    hessian = zoo.multinomial_without_penalty()
    V = np.random.default_rng(0).standard_normal((hessian.shape[0], 4))
    expected = np.linalg.pinv(hessian.to_dense(), rcond=1e-10, hermitian=True) @ V
    found = CGSolver(tol=1e-12).factorize(hessian).solve(V)
    assert_allclose(found, expected, atol=1e-9 * np.abs(expected).max())
    assert np.abs(hessian.non_identifiable.T @ found).max() < 1e-14 * np.abs(found).max()


@pytest.mark.parametrize("K", [1, 3])
def test_many_more_right_hand_sides_than_parameters(K):
    hessian = zoo._hessian(zoo._table(30, 4), alpha=0.7, K=K)
    V = zoo.right_hand_sides(hessian, 40)
    expected = CholeskySolver().factorize(hessian).solve(V)
    assert_allclose(CGSolver(tol=1e-12).factorize(hessian).solve(V), expected, atol=1e-11)


@pytest.mark.parametrize("preconditioner", PRECONDITIONERS)
def test_equal_and_zero_columns(preconditioner):
    hessian = zoo.decaying()
    V = zoo.right_hand_sides(hessian, 3)
    V = np.column_stack([V, V[:, 0], 0.0 * V[:, 0], -2.0 * V[:, 1], V[:, 0] + V[:, 2]])
    inverse = CGSolver(preconditioner=preconditioner, tol=1e-10).factorize(hessian)
    found = inverse.solve(V)
    expected = CholeskySolver().factorize(hessian).solve(V)
    assert_allclose(found, expected, atol=1e-6 * np.abs(expected).max())
    assert_array_equal(found[:, 4], 0.0)
    assert inverse.residuals[4] == 0.0


def test_no_columns_and_only_zero_columns():
    inverse = CGSolver().factorize(zoo.decaying())
    p = inverse.shape[0]
    assert inverse.solve(np.zeros((p, 0))).shape == (p, 0)
    assert_array_equal(inverse.solve(np.zeros((p, 2))), 0.0)
    assert inverse.report.converged
    assert inverse.report.n_iter == 0


def test_a_column_of_nan_harms_no_other():
    hessian = zoo.decaying()
    V = zoo.right_hand_sides(hessian, 3)
    V[4, 1] = np.nan
    inverse = CGSolver().factorize(hessian)
    with pytest.warns(ConvergenceWarning, match="1 of 3 right-hand sides"):
        found = inverse.solve(V)
    assert np.isnan(found[:, 1]).all()
    assert_array_equal(inverse.residuals <= 1e-8, [True, False, True])


@pytest.mark.parametrize("size", [2.0**-650, 2.0**650])
def test_the_size_of_a_right_hand_side_does_not_matter(size):
    hessian = zoo.decaying()
    V = zoo.right_hand_sides(hessian, 2)
    plain = CGSolver().factorize(hessian).solve(V)
    scaled = CGSolver().factorize(hessian).solve(V * np.array([size, 1.0]))
    assert_allclose(scaled / np.array([size, 1.0]), plain, rtol=1e-13)


@pytest.mark.parametrize("preconditioner", PRECONDITIONERS)
def test_the_reported_residual_is_the_true_one(preconditioner):
    hessian = zoo.decaying()
    V = zoo.right_hand_sides(hessian, 5)
    inverse = CGSolver(preconditioner=preconditioner, tol=1e-5).factorize(hessian)
    left = V - hessian @ inverse.solve(V)
    unit = np.sqrt(hessian.diagonal())[:, None]
    true = np.linalg.norm(left / unit, axis=0) / np.linalg.norm(V / unit, axis=0)
    assert_allclose(inverse.residuals, true, rtol=1e-6)
    assert inverse.report.residual == inverse.residuals.max() <= 1e-5


@pytest.mark.parametrize("preconditioner", ["jacobi", None])
def test_too_few_iterations_are_told_and_marked(preconditioner):
    hessian = zoo.decaying()
    solver = CGSolver(max_iter=3, preconditioner=preconditioner)
    inverse = solver.factorize(hessian)
    with pytest.warns(ConvergenceWarning, match=r"2 of 2 .*residual \d.*tol=1.0e-08, max_iter=3"):
        inverse.solve(zoo.right_hand_sides(hessian, 2))
    assert not inverse.report.converged
    assert (inverse.residuals > 1e-8).all()
    assert inverse.report.n_iter <= 4  # the last product is the residual's


def test_one_hard_column_is_marked_among_easy_ones():
    hessian = zoo.duplicated_column()
    Z = hessian.design.to_dense()
    V = np.column_stack([Z[0], np.random.default_rng(0).standard_normal(Z.shape[1]), Z[1]])
    inverse = CGSolver().factorize(hessian)
    with pytest.warns(ConvergenceWarning, match="1 of 3 right-hand sides"):
        found = inverse.solve(V)
    assert_array_equal(inverse.residuals <= 1e-8, [True, False, True])
    assert_allclose(hessian @ found[:, [0, 2]], V[:, [0, 2]], atol=1e-6)


def test_a_tolerance_below_rounding_ends_and_is_marked():
    hessian = zoo.decaying(alpha=1e-6, decay=3.0)
    inverse = CGSolver(tol=1e-15, max_iter=100_000).factorize(hessian)
    with pytest.warns(ConvergenceWarning):
        inverse.solve(zoo.right_hand_sides(hessian, 2))
    assert inverse.report.n_iter < 20_000
    assert inverse.report.residual < 1e-6


def test_convergence_after_failure_clears_the_mark():
    hessian = zoo.duplicated_column()
    inverse = CGSolver().factorize(hessian)
    with pytest.warns(ConvergenceWarning):
        inverse.solve(zoo.right_hand_sides(hessian, 2))
    inverse.solve(hessian.design.to_dense()[:2].T)
    assert inverse.report.converged


def test_right_hand_sides_share_their_krylov_space():
    hessian = zoo.decaying()
    V = zoo.right_hand_sides(hessian, 20)
    counts = []
    for m in (1, 20):
        inverse = CGSolver(preconditioner="jacobi").factorize(hessian)
        inverse.solve(V[:, :m])
        counts.append(inverse.report.n_iter)
    assert counts[1] < counts[0] / 3


def test_the_iteration_ends_after_p_over_m_products():
    """Block conjugate gradients in exact arithmetic; here up to rounding."""
    A = np.diag(np.linspace(1.0, 2.0, 12))[None]
    R = np.random.default_rng(0).standard_normal((1, 12, 4))
    X, n_iter = block_cg(lambda S: A @ S, R, 1e-10, column_norms, max_iter=50, patience=9)
    assert n_iter == 3
    assert_allclose(A @ X, R, atol=1e-9)


def test_orthonormal_columns_of_dependent_ones():
    W = np.random.default_rng(0).standard_normal((2, 9, 4))
    W[0, :, 2] = W[0, :, 1] * (1 + 1e-9)
    W[1, :, 3] = 0.0
    Q, C = orthonormalize(W)
    assert_allclose(Q @ C, W, atol=1e-14)
    assert_allclose(Q.transpose(0, 2, 1) @ Q, np.broadcast_to(np.eye(4), (2, 4, 4)), atol=1e-14)


@pytest.mark.parametrize(
    "make", [zoo.decaying, lambda: zoo.decaying(p=40, K=3)], ids=["K=1", "K=3"]
)
def test_the_width_of_a_block_does_not_change_the_answer(make):
    hessian = make()
    V = zoo.right_hand_sides(hessian, 11)
    expected = CholeskySolver().factorize(hessian).solve(V)
    for width in (1, 4, 11, 64):
        inverse = CGSolver(block_size=width, tol=1e-10).factorize(hessian)
        assert_allclose(inverse.solve(V), expected, atol=1e-6 * np.abs(expected).max())
        assert inverse.residuals.shape == (11,)


def test_the_working_memory_limits_the_width():
    hessian = zoo.decaying()
    with config_context(working_memory=0.05):
        assert CGSolver().factorize(hessian).width == 3
    assert CGSolver().factorize(hessian).width == 128


def test_the_working_memory_limits_the_sketch_that_was_not_asked_for():
    hessian = zoo.decaying()
    V = zoo.right_hand_sides(hessian, 3)
    ranks = {}
    for name in ("auto", "nystroem"):
        with config_context(working_memory=0.05):
            inverse = CGSolver(preconditioner=name, rank=20).factorize(hessian)
            inverse.solve(V)
        ranks[name] = inverse._coordinates.current[0]._vectors.shape[2]
    assert ranks == {"auto": 3, "nystroem": 20}


def test_a_warm_start_saves_products():
    """From the solution for another damping, as on a path."""
    hessian = zoo.decaying()
    near = LinearHessian(
        hessian.predictor, hessian.curvature, hessian.penalty * 1.0001, hessian.non_identifiable
    )
    V = zoo.right_hand_sides(hessian, 2)
    start = CGSolver().factorize(near).solve(V)
    inverse = CGSolver(preconditioner="jacobi").factorize(hessian)
    cold_answer = inverse.solve(V)
    cold = inverse.report.n_iter
    warm_answer = inverse.solve(V, x0=start)
    assert inverse.report.n_iter < 0.8 * cold
    assert_allclose(warm_answer, cold_answer, atol=1e-5 * np.abs(cold_answer).max())


def test_a_start_at_the_solution_takes_one_product():
    hessian = zoo.decaying()
    V = zoo.right_hand_sides(hessian, 2)
    inverse = CGSolver().factorize(hessian)
    solution = inverse.solve(V)
    inverse.solve(V, x0=solution)
    assert inverse.report.n_iter == 1


@pytest.mark.parametrize("random_state", [None, 0, 3])
def test_answers_repeat(random_state):
    hessian = zoo.decaying()
    V = zoo.right_hand_sides(hessian, 12)
    answers = [CGSolver(random_state=random_state).factorize(hessian).solve(V) for _ in range(2)]
    assert_array_equal(*answers)


@pytest.mark.parametrize(
    "make",
    [zoo.multinomial, zoo.several_outputs_of_distinct_penalties, zoo.well_posed],
)
@pytest.mark.parametrize("width", [1, 7, 128])
def test_leverage_blocks_in_wide_blocks_are_those_of_the_base_class(make, width):
    inverse = CGSolver(tol=1e-12, block_size=width).factorize(make())
    rows = inverse.hessian.predictor
    found = inverse.leverage_blocks_of(rows)
    assert_allclose(found, InverseHessian.leverage_blocks_of(inverse, rows), atol=1e-11)
    assert_array_equal(found, found.transpose(0, 2, 1))


def test_an_unfinished_leverage_is_marked_whatever_its_last_block_did():
    hessian = zoo.duplicated_column()
    inverse = CGSolver(block_size=1, max_iter=60).factorize(hessian)
    X = np.random.default_rng(0).standard_normal((1, 5))
    X = np.concatenate([X, hessian.design.X[:1]])  # the first outside the range, the last within
    with pytest.warns(ConvergenceWarning, match="1 of 2 right-hand sides") as caught:
        inverse.leverage_blocks_of(LinearPredictor(Design(X, hessian.design.center, True)))
    assert len(caught) == 1
    assert not inverse.report.converged


def test_rows_without_any_give_no_leverage_block():
    inverse = CGSolver().factorize(zoo.multinomial())
    assert inverse.leverage_blocks_of(inverse.hessian.predictor.take(slice(0, 0))).shape == (
        0,
        3,
        3,
    )
