"""What solvers make of right-hand sides: every type, and what cannot be solved."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.exceptions import ConvergenceWarning

from skinfluence.solvers import REGISTRY, CGSolver, LissaSolver, get_solver
from tests.solvers import _zoo as zoo

NAMES = ["auto", "cg", "cholesky", "eigh", "lissa", "neumann", "woodbury"]


def right_hand_sides(hessian, m=3):
    return np.random.default_rng(0).standard_normal((hessian.shape[0], m))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", [np.int64, np.float32, list])
def test_right_hand_sides_of_other_types_are_solved_as_float64(name, kind):
    hessian = zoo.well_posed()
    whole = np.round(10 * right_hand_sides(hessian))
    inverse = get_solver(name).factorize(hessian)
    found = inverse.solve(whole.tolist() if kind is list else whole.astype(kind))
    assert found.dtype == np.float64
    assert_allclose(found, inverse.solve(whole), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_other_shapes_are_refused_in_the_same_words(name):
    hessian = zoo.well_posed()
    p = hessian.shape[0]
    inverse = get_solver(name).factorize(hessian)
    for wrong in (np.ones(p), np.ones((p - 1, 2)), np.ones((2, p)), np.ones((1, p, 1))):
        with pytest.raises(ValueError, match=rf"have shape .*; expected \({p}, m\), one column"):
            inverse.solve(wrong)


def test_a_start_of_another_shape_is_refused():
    hessian = zoo.well_posed()
    V = right_hand_sides(hessian)
    with pytest.raises(ValueError, match=r"x0 has shape \(.*, 1\); expected \(.*, 3\)"):
        CGSolver().factorize(hessian).solve(V, x0=V[:, :1])


@pytest.mark.parametrize("entry", [np.nan, np.inf, 1e308])
def test_a_start_that_is_worse_than_zero_is_not_taken(entry):
    """NaN is above no tolerance, and would have passed for a converged column."""
    hessian = zoo.well_posed()
    V = right_hand_sides(hessian)
    inverse = CGSolver().factorize(hessian)
    expected = inverse.solve(V)
    start = expected.copy()
    start[1, 1] = entry
    with np.errstate(over="ignore", invalid="ignore"):
        found = inverse.solve(V, x0=start)
    assert inverse.report.converged
    assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize("entry", [np.nan, np.inf])
@pytest.mark.parametrize("name", ["cg", "neumann", "lissa"])
def test_a_column_that_is_not_finite_is_marked_and_leaves_the_others_alone(name, entry):
    hessian = zoo.well_posed()
    V = right_hand_sides(hessian)
    inverse = get_solver(name).factorize(hessian)
    expected = inverse.solve(V)
    V[2, 1] = entry
    with pytest.warns(ConvergenceWarning, match="1 of 3 right-hand sides"):
        found = inverse.solve(V)
    assert not inverse.report.converged
    assert np.isnan(found[:, 1]).all()
    assert_allclose(found[:, [0, 2]], expected[:, [0, 2]], rtol=1e-6)


@pytest.mark.parametrize("size", [1e200, 1e-200])
@pytest.mark.parametrize("name", NAMES)
def test_solutions_are_as_large_as_their_right_hand_sides(name, size):
    hessian = zoo.well_posed()
    V = right_hand_sides(hessian)
    inverse = get_solver(name).factorize(hessian)
    assert_allclose(inverse.solve(size * V), size * inverse.solve(V), rtol=1e-6)
    assert inverse.report.converged


def test_a_divergence_is_told_once_and_not_by_numpy():
    """At this scale the iterates overflow before they are looked at."""
    hessian = zoo.well_posed()
    inverse = LissaSolver(scale=1e-12).factorize(hessian)
    with pytest.raises(ArithmeticError, match="LiSSA diverges with scale=1e-12"):
        inverse.solve(right_hand_sides(hessian))


def test_one_repeat_says_that_it_has_no_standard_error():
    hessian = zoo.well_posed()
    inverse = LissaSolver(repeats=1, depth=60, tol=0).factorize(hessian)
    with pytest.warns(
        ConvergenceWarning, match="depth 60 one repeat has no standard error"
    ) as told:
        inverse.solve(right_hand_sides(hessian))
    assert "nan" not in str(told[0].message)
    assert np.isnan(inverse.report.standard_error)


def test_a_depth_too_small_to_be_doubled_says_so():
    hessian = zoo.well_posed()
    inverse = LissaSolver(depth=1).factorize(hessian)
    with pytest.warns(ConvergenceWarning, match="was not compared with a smaller depth"):
        inverse.solve(right_hand_sides(hessian))


@pytest.mark.parametrize("name", NAMES)
def test_solvers_of_equal_settings_are_equal(name):
    solver = REGISTRY[name]()
    assert pickle.loads(pickle.dumps(solver)) == solver == REGISTRY[name]()
    assert repr(solver).startswith(f"{type(solver).__name__}(")
