"""The Neumann series against the dense inverse."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.exceptions import ConvergenceWarning

from skinfluence.solvers import NeumannSolver, get_solver
from skinfluence.testing import check_solver
from tests.solvers import _zoo as zoo

#: Thousands of steps; one such Hessian is enough, the other regular ones need hundreds.
LONG = (
    zoo.more_columns_than_rows_of_distinct_penalties,
    zoo.more_columns_than_rows_without_intercept,
    zoo.more_columns_than_rows_multinomial,
    zoo.more_columns_than_rows_multinomial_without_intercept,
    zoo.multinomial_without_intercept,
)


def right_hand_sides(hessian, m=3):
    return np.random.default_rng(0).standard_normal((hessian.shape[0], m))


@pytest.mark.parametrize("make", [m for m in zoo.REGULAR if m not in LONG])
def test_it_inverts_regular_hessians(make):
    inverse = check_solver(NeumannSolver(tol=1e-11), make())
    assert inverse.report.converged
    assert inverse.report.residual <= 1e-11


@pytest.mark.parametrize("j", [1, 2, 5])
def test_it_is_the_partial_sum_of_the_series(j):
    """j steps are the terms 0 to j - 1, with the right sign."""
    hessian = zoo.well_posed()
    b = right_hand_sides(hessian)
    H, scale = hessian.to_dense(), 200.0
    solver = NeumannSolver(max_iter=j, scale=scale, preconditioner=None)
    with pytest.warns(ConvergenceWarning):
        found = solver.factorize(hessian).solve(b)
    step = np.eye(len(H)) - H / scale
    expected = sum(np.linalg.matrix_power(step, i) for i in range(j)) @ b / scale
    assert_allclose(found, expected, rtol=1e-12)


def test_the_scale_is_a_little_above_the_largest_eigenvalue():
    hessian = zoo.multinomial()
    H = hessian.to_dense()
    root = np.sqrt(np.diag(H))
    top = np.linalg.eigvalsh(H / root / root[:, None])[-1]
    assert 1.0 <= NeumannSolver().factorize(hessian).scale / top <= 1.1


@pytest.mark.parametrize("make", [zoo.multinomial, zoo.multinomial_without_penalty])
def test_the_gauge_is_projected_out(make):
    hessian = make()
    found = NeumannSolver().factorize(hessian).solve(right_hand_sides(hessian))
    assert_allclose(hessian.non_identifiable.T @ found, 0.0, atol=1e-13)


def test_columns_that_do_not_converge_are_marked():
    hessian = zoo.well_posed()
    with pytest.warns(
        ConvergenceWarning, match=r"3 of 3 .* residual is .* after 4 steps.*max_iter"
    ):
        inverse = NeumannSolver(max_iter=4).factorize(hessian)
        found = inverse.solve(right_hand_sides(hessian))
    assert not inverse.report.converged
    assert inverse.report.n_iter == 4
    assert np.isfinite(found).all()


def test_only_the_column_that_cannot_converge_is_marked():
    hessian = zoo.duplicated_column()
    b = right_hand_sides(hessian, 2)
    b[:, 0] = hessian @ b[:, 0]
    inverse = NeumannSolver(max_iter=500).factorize(hessian)
    with pytest.warns(ConvergenceWarning, match=r'1 of 2 .*damping, or solver="eigh"'):
        found = inverse.solve(b)
    assert inverse.residual[0] <= 1e-6 < inverse.residual[1]
    assert_allclose(hessian @ found[:, 0], b[:, 0], atol=1e-4)


def test_a_scale_that_is_too_small_is_told_early():
    hessian = zoo.well_posed()
    inverse = NeumannSolver(scale=0.1).factorize(hessian)
    with pytest.warns(
        ConvergenceWarning, match=r'diverges: use a scale larger than 0.1, or scale="'
    ):
        inverse.solve(right_hand_sides(hessian))
    assert inverse.report.n_iter < 20


def test_a_right_hand_side_of_zeros_gives_zeros():
    hessian = zoo.well_posed()
    inverse = NeumannSolver().factorize(hessian)
    assert (inverse.solve(np.zeros((hessian.shape[0], 2))) == 0).all()
    assert inverse.report.converged


def test_columns_do_not_depend_on_their_neighbours():
    hessian = zoo.multinomial()
    b = right_hand_sides(hessian)
    inverse = NeumannSolver().factorize(hessian)
    alone = inverse.solve(b[:, 1:2])
    assert_allclose(inverse.solve(b)[:, 1:2], alone, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(
    "settings", [{"preconditioner": "full"}, {"scale": -1.0}, {"scale": "big"}, {"max_iter": 0}]
)
def test_settings_that_are_not_known_are_refused(settings):
    with pytest.raises(ValueError, match=next(iter(settings))):
        NeumannSolver(**settings)


def test_it_is_registered():
    assert isinstance(get_solver("neumann"), NeumannSolver)
