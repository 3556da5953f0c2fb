"""Settings that mean nothing are refused when a solver is made: got, expected, and the type."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV

from skinfluence import InfluenceExplainer
from skinfluence.solvers import (
    AutoSolver,
    CGSolver,
    CholeskySolver,
    LissaSolver,
    NeumannSolver,
    get_solver,
)

NOT_POSITIVE = [-1, 0.0, "x", None, np.nan, np.inf, True, [1.0], np.ones(2)]
NOT_COUNTS = [0, -2, 2.5, "x", True, np.ones(2)]
COUNTS = {
    CGSolver: ["max_iter", "rank", "block_size"],
    LissaSolver: ["depth", "repeats", "batch_size"],
    NeumannSolver: ["max_iter"],
    AutoSolver: ["n_right_hand_sides"],
}
NUMBERS = {
    CGSolver: ["tol"],
    LissaSolver: ["scale"],
    NeumannSolver: ["tol", "scale"],
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
    with pytest.raises(ValueError, match=rf"{name}=.*a whole number, at least 1"):
        solver(**{name: value})


@pytest.mark.parametrize(("solver", "name"), pairs(NUMBERS))
@pytest.mark.parametrize("value", NOT_POSITIVE, ids=repr)
def test_a_tolerance_or_scale_is_positive_and_finite(solver, name, value):
    with pytest.raises(ValueError, match=rf"{name}=.*a finite number > 0"):
        solver(**{name: value})


@pytest.mark.parametrize(("solver", "name"), pairs(CHOICES))
@pytest.mark.parametrize("value", ["x", 3, ["diagonal"], np.ones(2)], ids=repr)
def test_a_choice_names_the_choices(solver, name, value):
    with pytest.raises(ValueError, match=f"{name}=.* is not known. Expected one of "):
        solver(**{name: value})


@pytest.mark.parametrize("solver", [*COUNTS])
@pytest.mark.parametrize(
    "value", ["a", -1, 1.5, np.random.default_rng(0)], ids=lambda value: type(value).__name__
)
def test_a_seed_is_one_of_numpys(solver, value):
    with pytest.raises(
        ValueError, match=r"random_state must be None, an integer.*RandomState, got"
    ):
        solver(random_state=value)


@pytest.mark.parametrize("value", [-1, "x", None, np.nan], ids=repr)
def test_the_tolerance_of_lissa_is_not_negative(value):
    with pytest.raises(ValueError, match=r"tol=.*a finite number >= 0"):
        LissaSolver(tol=value)


def test_numbers_of_numpy_are_numbers():
    assert CGSolver(max_iter=np.int32(4), tol=np.float32(1e-3)).max_iter == 4


def test_a_class_instead_of_an_instance_is_told():
    with pytest.raises(ValueError, match=r"This is the class: pass CGSolver\(\)"):
        get_solver(CGSolver)


@pytest.mark.parametrize(("name", "meant"), [("CG", "cg"), ("neuman", "neumann")])
def test_a_name_nearly_right_is_recognised(name, meant):
    with pytest.raises(ValueError, match=f"Did you mean '{meant}'"):
        get_solver(name)


ALL = [
    AutoSolver(n_right_hand_sides=3),
    CGSolver(tol=1e-4, random_state=1),
    CholeskySolver(),
    LissaSolver(depth=7),
    NeumannSolver(max_iter=3),
]


@pytest.mark.parametrize("solver", ALL, ids=lambda solver: solver.name)
def test_solvers_are_cloned_with_their_settings(solver):
    cloned = clone(solver)
    assert cloned is not solver
    assert cloned == solver


def test_settings_are_set_by_name_and_checked():
    solver = CGSolver(rank=20)
    assert solver.set_params(tol=0.1) is solver
    assert solver == CGSolver(rank=20, tol=0.1)
    with pytest.raises(ValueError, match=r"tol=-1.0. Expected a finite number > 0"):
        solver.set_params(tol=-1.0)
    with pytest.raises(ValueError, match=r"CGSolver has no setting 'depth'. Expected one of \["):
        solver.set_params(depth=3)
    assert solver == CGSolver(rank=20, tol=0.1)


def test_a_search_reaches_the_settings_of_a_solver():
    X, y = load_breast_cancer(return_X_y=True)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    explainer = InfluenceExplainer(
        LogisticRegression(C=0.1), method="first_order", solver=CGSolver()
    )
    few = [(np.arange(100), np.arange(100, 105))]  # as many as parameters are solved in one step
    search = GridSearchCV(explainer, {"solver__tol": [0.9, 1e-4]}, cv=few).fit(X[:120], y[:120])
    coarse, fine = search.cv_results_["mean_test_score"]
    assert coarse != fine
    tol = search.best_params_["solver__tol"]
    assert search.best_estimator_.linearization_.inverse.solver.tol == tol
    assert explainer.get_params()["solver__tol"] == 1e-8  # the default, as it was given


def test_what_is_fitted_keeps_the_settings_it_was_fitted_with():
    solver = CGSolver()
    X, y = load_breast_cancer(return_X_y=True)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    explainer = InfluenceExplainer(LogisticRegression(C=0.1), solver=solver).fit(X, y)
    explainer.set_params(solver__tol=0.1)
    assert solver.tol == 0.1
    assert explainer.linearization_.inverse.solver.tol == 1e-8
