"""To an optimum and its inverse Hessian, by products and one factorisation."""

import warnings

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression, Ridge

from skinfluence import InfluenceExplainer
from skinfluence.labels._sources import optimum as _optimum
from skinfluence.labels._sources.optimum import optimum
from skinfluence.objectives import minimize
from skinfluence.solvers import CholeskySolver, get_solver

X, y = load_digits(return_X_y=True)
X, y = X[:400] / 16, y[:400]


def objective_of(estimator, table):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".* is explained away from an optimum")
        return InfluenceExplainer(estimator, polish=False).fit(table, y).objective_


@pytest.fixture(scope="module")
def start():
    """Ten classes, as far from the optimum as the estimator's own tolerance leaves them."""
    return objective_of(LogisticRegression(max_iter=500), X)


class Counting:
    """A solver that keeps the Hessians that it was given."""

    def __init__(self):
        self.seen = []

    def factorize(self, hessian):
        self.seen.append(hessian)
        return CholeskySolver().factorize(hessian)


def test_the_optimum_is_that_of_newtons_method(start):
    assert start.stationarity() > 1e-5
    found, _ = optimum(start, get_solver("auto"))
    want = minimize(start, CholeskySolver(), tol=1e-13).objective
    assert found.stationarity() < 1e-11
    np.testing.assert_allclose(found.coef, want.coef, atol=1e-9)


def test_the_inverse_is_that_of_the_hessian_at_the_optimum(start):
    found, inverse = optimum(start, get_solver("auto"))
    want = CholeskySolver().factorize(found.hessian()).row_forms()
    np.testing.assert_allclose(inverse.row_forms(), want, rtol=1e-4, atol=1e-4 * want.max())


def test_many_parameters_are_factorised_once(start, monkeypatch):
    monkeypatch.setattr(_optimum, "minimize", None)  # Newton's method would factorise on its way
    solver = Counting()
    optimum(start, solver)
    assert len(solver.seen) == 1


def test_few_parameters_go_by_newtons_method(monkeypatch):
    start = objective_of(Ridge(), X[:, 20:24])
    monkeypatch.setattr(_optimum, "_approach", None)
    assert optimum(start, get_solver("auto"))[0].stationarity() < 1e-11


def test_a_start_that_whole_steps_do_not_improve_goes_by_newtons_method(start):
    far = start.with_coef(60.0 * start.coef)  # saturated: there the curvature says nothing
    assert not _optimum._approach(far, 10_000)[1]
    found, _ = optimum(far, get_solver("auto"))
    np.testing.assert_allclose(found.coef, optimum(start, get_solver("auto"))[0].coef, atol=1e-8)


def test_a_solver_that_iterates_is_served(start):
    found, inverse = optimum(start, get_solver("cg"))
    assert found.stationarity() < 1e-11
    assert not inverse.factorized


def test_products_never_exceed_the_budget(start, monkeypatch):
    spent = []
    step = _optimum._truncated_step
    monkeypatch.setattr(_optimum, "_truncated_step", lambda *a: spent.append(step(*a)) or spent[-1])
    _optimum._approach(start, 7)
    assert sum(used for _, used in spent) == 7
