"""Effects against real refits, for every kind of objective."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn import config_context
from threadpoolctl import threadpool_limits

from skinfluence import InfluenceExplainer
from skinfluence.effects import RowEdits, first_order, newton_step, refit
from skinfluence.explainer._linearizations.linear import Linearization
from skinfluence.objectives import RowWeights, minimize
from skinfluence.solvers import AutoSolver, CholeskySolver, Solver
from tests.effects._zoo import (
    EVENLY_COUPLED,
    N_ROWS,
    OBJECTIVES,
    SquaredErrorOnMargins,
    make,
    refitted_coef,
)

ROWS = np.array([0, 7, 23])
GROUPS = [[0, 1, 2], [5, 30, 31, 12], [39]]

every_objective = pytest.mark.parametrize("name", OBJECTIVES)


def solved(name):
    objective = OBJECTIVES[name]()
    return objective, AutoSolver().factorize(objective.hessian())


def assert_normwise(actual, expected, rtol):
    assert np.abs(actual - expected).max() <= rtol * np.abs(expected).max()


@every_objective
def test_first_order_is_the_derivative_of_the_refit(name):
    objective, inverse = solved(name)
    got = first_order(objective, inverse, RowEdits.removals(ROWS)).coef_changes()
    h = 0.01
    for row, change in zip(ROWS, got, strict=True):
        at = {i: refitted_coef(objective, [row], [1.0 + i * h]) for i in (-2, -1, 1, 2)}
        slope = (8.0 * (at[1] - at[-1]) - (at[2] - at[-2])) / (12.0 * h)
        assert_normwise(change, -slope, 1e-7)


def assert_newton_step_without_the_row(objective, rtol):
    """Against gradient and Hessian of the objective in which the row has no weight, dense."""
    inverse = AutoSolver().factorize(objective.hessian())
    got = newton_step(objective, inverse, RowEdits.removals(ROWS)).coef_changes()
    for row, change in zip(ROWS, got, strict=True):
        left = objective.with_weights(np.array([row]), np.zeros(1))
        dense = left.hessian().to_dense()
        step = -np.linalg.lstsq(dense, left.gradient().ravel(), rcond=1e-12)[0]
        assert_normwise(change.ravel(), step, rtol)


@every_objective
def test_newton_step_is_one_step_without_the_row(name):
    assert_newton_step_without_the_row(OBJECTIVES[name](), 1e-9)


@pytest.mark.parametrize("name", EVENLY_COUPLED)
def test_newton_step_follows_the_weights_of_other_rows(name):
    assert_newton_step_without_the_row(EVENLY_COUPLED[name](), 1e-9)


@pytest.mark.parametrize("name", ["ridge-balanced", "ridge-mean"])
def test_newton_step_of_coupled_squared_error_is_the_refit(name):
    objective = EVENLY_COUPLED[name]()
    inverse = AutoSolver().factorize(objective.hessian())
    got = newton_step(objective, inverse, RowEdits.removals(ROWS)).coef_changes()
    for row, change in zip(ROWS, got, strict=True):
        assert_normwise(change, refitted_coef(objective, [row], [0.0]) - objective.coef, 1e-11)


@pytest.mark.parametrize("classes", [None, "counted", "weighed"])
def test_newton_step_is_the_refit_for_very_uneven_weights_too(classes):
    """Few factorisations serve all rows: weights lie between those that are exact."""
    objective = make(SquaredErrorOnMargins(), 1, penalty_scaling="mean", alpha=5.0)
    base = np.random.default_rng(0).lognormal(0.0, 1.5, N_ROWS)
    base[0] = 0.0
    codes = (objective.y[:, 0] > 0).astype(int)
    counts = {"counted": np.ones(N_ROWS), "weighed": base}.get(classes)
    weights = RowWeights(base) if counts is None else RowWeights(base, codes, counts=counts)
    objective = minimize(objective.replace(weights=weights), AutoSolver()).objective
    inverse, rows = AutoSolver().factorize(objective.hessian()), np.arange(N_ROWS)
    got = newton_step(objective, inverse, RowEdits.removals(rows)).coef_changes()
    assert len(inverse._cache) < N_ROWS
    expected = [refitted_coef(objective, [row], [0.0]) - objective.coef for row in rows]
    assert_normwise(got, np.array(expected), 1e-10)
    assert got[0].any() == (classes == "counted")


@pytest.mark.parametrize("name", ["ridge", "ridge-two-outputs"])
def test_newton_step_is_exact_for_squared_error(name):
    objective, inverse = solved(name)
    got = newton_step(objective, inverse, RowEdits.removals(ROWS)).coef_changes()
    for row, change in zip(ROWS, got, strict=True):
        assert_normwise(change, refitted_coef(objective, [row], [0.0]) - objective.coef, 1e-11)


@every_objective
def test_refit_of_removed_rows(name):
    objective, inverse = solved(name)
    got = refit(objective, inverse, RowEdits.removals(ROWS)).coef_changes()
    for row, change in zip(ROWS, got, strict=True):
        assert_normwise(change, refitted_coef(objective, [row], [0.0]) - objective.coef, 1e-8)


@every_objective
@pytest.mark.parametrize("factor", [0.0, 0.5, 2.0])
def test_refit_of_groups(name, factor):
    objective, inverse = solved(name)
    edits = RowEdits.groups(GROUPS, factor)
    got = refit(objective, inverse, edits).coef_changes()
    for group, change in zip(GROUPS, got, strict=True):
        expected = refitted_coef(objective, group, [factor] * len(group)) - objective.coef
        assert_normwise(change, expected, 1e-8)


@pytest.mark.parametrize("name", ["logistic", "multinomial-mean-balanced"])
def test_refit_of_changes_of_different_factors(name):
    objective, inverse = solved(name)
    edits = RowEdits(2, np.array([0, 0, 1]), np.array([3, 4, 9]), np.array([0.0, 3.0, 0.2]))
    got = refit(objective, inverse, edits).coef_changes()
    for change, rows, factors in zip(got, [[3, 4], [9]], [[0.0, 3.0], [0.2]], strict=True):
        assert_normwise(change, refitted_coef(objective, rows, factors) - objective.coef, 1e-8)


@pytest.mark.parametrize("name", ["logistic", "multinomial-balanced"])
def test_refit_does_not_depend_on_n_jobs(name):
    objective, inverse = solved(name)
    edits = RowEdits.removals(np.arange(N_ROWS))
    # one thread of linear algebra for both: its own threads round differently
    with config_context(working_memory=1e-3), threadpool_limits(1, user_api="blas"):
        one, two = (refit(objective, inverse, edits, n_jobs=n).coef_changes() for n in (1, 2))
    np.testing.assert_array_equal(one, two)


@every_objective
@pytest.mark.parametrize("effect", [first_order, newton_step], ids=lambda f: f.__name__)
def test_raw_prediction_changes_are_those_of_the_coefficients(name, effect):
    objective, inverse = solved(name)
    changes = effect(objective, inverse, RowEdits.removals(ROWS))
    test = objective.predictor.take(slice(10, 16))
    expected = np.einsum("tq,nkq->tnk", test.design.to_dense(), changes.coef_changes())
    assert_allclose(changes.raw_prediction_changes(test), expected, atol=1e-12)
    slopes = np.random.default_rng(0).standard_normal((6, objective.n_outputs))
    contracted = np.einsum("tk,tnk->tn", slopes, expected)
    assert_allclose(
        changes.contract(test, slopes)(slice(0, changes.n_changes)), contracted, atol=1e-12
    )


def test_some_edits_are_renumbered():
    edits = RowEdits.groups(GROUPS)
    assert edits.single_rows is None
    for some in (slice(1, 3), np.array([1, 2])):
        taken = edits.take(some)
        assert taken.n_edits == 2
        assert taken.edit.tolist() == [0, 0, 0, 0, 1]
        assert taken.row.tolist() == [5, 30, 31, 12, 39]
    single = RowEdits.groups([[4], [2]])
    assert single.removed_rows.tolist() == single.take([0, 1]).row.tolist() == [4, 2]
    assert RowEdits.weights([4, 2], [0.0, 2.0]).removed_rows is None


class NamelessSolver(Solver):
    """A user's own solver, which is in no registry."""

    def factorize(self, hessian):
        inverse = CholeskySolver().factorize(hessian)
        inverse.report.solver = "my own"
        return inverse


def test_newton_step_of_coupled_weights_with_a_solver_of_ones_own():
    objective = EVENLY_COUPLED["logistic-balanced"]()
    edits = RowEdits.removals(ROWS)
    expected, got = (
        newton_step(objective, solver.factorize(objective.hessian()), edits).coef_changes()
        for solver in (AutoSolver(), NamelessSolver())
    )
    assert_normwise(got, expected, 1e-12)


def test_self_influence_by_refits_is_the_same_in_blocks(monkeypatch):
    X = np.random.default_rng(0).standard_normal((30, 3))
    explainer = InfluenceExplainer().fit(X, X[:, 0] + X[:, 1] > 0)
    whole = explainer.self_influence("refit")
    monkeypatch.setattr(Linearization, "refit_width", lambda self: 7)
    np.testing.assert_allclose(explainer.self_influence("refit"), whole, rtol=1e-9)
