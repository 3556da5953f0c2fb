"""AutoSolver: when it iterates, and what it says."""

import numpy as np
import pytest
from scipy import sparse
from sklearn import config_context

from skinfluence.linalg import Design, LinearHessian, RowCurvature
from skinfluence.predictors import LinearPredictor
from skinfluence.solvers import AutoSolver, CGSolver, CholeskySolver, WoodburySolver
from tests.solvers import _zoo as zoo


def text(n=4000, q=30_000, per_row=50, K=1, alpha=1.0, coupled=False):
    """A sparse table as long texts make it."""
    rng = np.random.default_rng(0)
    indices = rng.integers(q, size=n * per_row)
    X = sparse.csr_array((np.ones(len(indices)), indices, np.arange(n + 1) * per_row), (n, q))
    curvature = np.full((n, K), 1.0 / K)
    curvature = RowCurvature(curvature, curvature if coupled else None)
    return LinearHessian(LinearPredictor(Design(X)), curvature, np.full((K, q), alpha))


def wide(n=100_000, q=5000, alpha=1.0):
    """A long dense table that is described and never made."""
    X = np.broadcast_to(np.zeros(1), (n, q))
    return LinearHessian(
        LinearPredictor(Design(X)), RowCurvature(np.ones((n, 1))), np.full((1, q), alpha)
    )


def test_what_does_not_fit_the_memory_is_iterated():
    solver, reason = AutoSolver().select_solver(text(n=4000, K=20, coupled=True))
    assert isinstance(solver, CGSolver)
    assert "working_memory" in reason and "600000 parameters" in reason


def test_the_memory_is_that_of_scikit_learns_configuration():
    hessian = text(n=8000)  # 16 bytes x 8000 x 8000 on the row side, and a dense table
    auto = AutoSolver(n_right_hand_sides=1_000_000)
    with config_context(working_memory=16_000):
        assert isinstance(auto.select_solver(hessian)[0], WoodburySolver)
    with config_context(working_memory=500):
        assert isinstance(auto.select_solver(hessian)[0], CGSolver)


def test_small_matrices_are_factorised_whatever_the_memory():
    with config_context(working_memory=0.01):
        assert isinstance(AutoSolver().select_solver(zoo.well_posed())[0], CholeskySolver)


def test_few_right_hand_sides_are_iterated_and_many_factorised():
    hessian = wide()
    few, reason = AutoSolver(n_right_hand_sides=1).select_solver(hessian)
    many, _ = AutoSolver(n_right_hand_sides=10_000).select_solver(hessian)
    assert isinstance(few, CGSolver) and isinstance(many, CholeskySolver)
    assert "times cheaper than a factorisation of 5000 parameters" in reason


def test_without_a_penalty_nothing_is_iterated():
    solver, _ = AutoSolver(n_right_hand_sides=1).select_solver(wide(alpha=0.0))
    assert isinstance(solver, CholeskySolver)


def test_the_settings_go_to_the_solver_that_is_chosen():
    auto = AutoSolver(n_right_hand_sides=1, tol=1e-3, random_state=5, verbose=1)
    solver, _ = auto.select_solver(wide())
    assert (solver.tol, solver.random_state, solver.verbose) == (1e-3, 5, 1)


def test_costs_of_iterations_grow_with_the_right_hand_sides_and_less_than_they():
    hessian = wide()
    one, hundred = (AutoSolver(n_right_hand_sides=m).costs(hessian)["cg"] for m in (1, 100))
    assert one.seconds < hundred.seconds < 100 * one.seconds
    assert one.mebibytes < hundred.mebibytes


@pytest.mark.parametrize("make", [wide, text, zoo.multinomial, zoo.several_outputs_of_one_penalty])
def test_costs_are_positive_for_every_kind(make):
    for name, cost in AutoSolver().costs(make()).items():
        assert cost.seconds > 0 and cost.mebibytes > 0, name


def test_factorize_says_why_it_iterates():
    hessian = text(n=300, q=3000, per_row=20)
    with config_context(working_memory=1):
        inverse = AutoSolver().factorize(hessian)
        assert inverse.report.solver == "woodbury"  # 300 rows are small
        inverse = AutoSolver().factorize(text(n=3000, q=3000, per_row=20))
    assert inverse.report.solver == "cg"
    assert "working_memory" in inverse.report.reason
