"""Settings that mean nothing are refused when a solver is made: got, expected, and the type."""

import numpy as np
import pytest

from skinfluence.solvers import (
    AutoSolver,
    CGSolver,
    LissaSolver,
    NeumannSolver,
    NystroemSolver,
    get_solver,
)

NOT_POSITIVE = [-1, 0.0, "x", None, np.nan, np.inf, True, [1.0], np.ones(2)]
NOT_COUNTS = [0, -2, 2.5, "x", True, np.ones(2)]
COUNTS = {
    CGSolver: ["max_iter", "rank", "block_size"],
    LissaSolver: ["depth", "repeats", "batch_size"],
    NeumannSolver: ["max_iter"],
    NystroemSolver: ["rank"],
    AutoSolver: ["n_right_hand_sides"],
}
NUMBERS = {
    CGSolver: ["tol"],
    LissaSolver: ["scale"],
    NeumannSolver: ["tol", "scale"],
    NystroemSolver: ["tol"],
}
CHOICES = {
    CGSolver: ["preconditioner"],
    LissaSolver: ["preconditioner", "sampling"],
    NeumannSolver: ["preconditioner"],
}


def pairs(table):
    return [(solver, name) for solver, names in table.items() for name in names]


@pytest.mark.parametrize(("solver", "name"), pairs(COUNTS))
@pytest.mark.parametrize("value", NOT_COUNTS, ids=repr)
def test_a_count_is_a_whole_number(solver, name, value):
    kind = type(value).__name__
    with pytest.raises(ValueError, match=rf"{name} must be an integer of at least 1.*\({kind}\)"):
        solver(**{name: value})


@pytest.mark.parametrize(("solver", "name"), pairs(NUMBERS))
@pytest.mark.parametrize("value", NOT_POSITIVE, ids=repr)
def test_a_tolerance_or_scale_is_positive_and_finite(solver, name, value):
    kind = type(value).__name__
    with pytest.raises(ValueError, match=rf"{name} must be a positive number.*\({kind}\)"):
        solver(**{name: value})


@pytest.mark.parametrize(("solver", "name"), pairs(CHOICES))
@pytest.mark.parametrize("value", ["x", 3, ["diagonal"], np.ones(2)], ids=repr)
def test_a_choice_names_the_choices(solver, name, value):
    with pytest.raises(ValueError, match=f"{name}=.* is not known. Expected one of '"):
        solver(**{name: value})


@pytest.mark.parametrize("solver", [*COUNTS])
@pytest.mark.parametrize("value", ["a", -1, 1.5, np.random.default_rng(0)], ids=repr)
def test_a_seed_is_one_of_numpys(solver, value):
    with pytest.raises(
        ValueError, match=r"random_state must be None, an integer.*RandomState, got"
    ):
        solver(random_state=value)


@pytest.mark.parametrize("value", [-1, "x", None, np.nan], ids=repr)
def test_the_tolerance_of_lissa_is_not_negative(value):
    with pytest.raises(ValueError, match="tol must be a number of at least 0, got"):
        LissaSolver(tol=value)


def test_powers_are_not_negative():
    with pytest.raises(ValueError, match=r"n_power must be an integer of at least 0, got 1.5"):
        NystroemSolver(n_power=1.5)


def test_numbers_of_numpy_are_numbers():
    assert CGSolver(max_iter=np.int32(4), tol=np.float32(1e-3)).max_iter == 4


def test_a_class_instead_of_an_instance_is_told():
    with pytest.raises(ValueError, match=r"This is the class: pass CGSolver\(\)"):
        get_solver(CGSolver)


@pytest.mark.parametrize(("name", "meant"), [("CG", "cg"), ("nystrom", "nystroem")])
def test_a_name_nearly_right_is_recognised(name, meant):
    with pytest.raises(ValueError, match=f"Did you mean '{meant}'"):
        get_solver(name)
