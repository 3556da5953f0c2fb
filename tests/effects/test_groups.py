"""Many weights at once, against dense Newton steps, real refits and their differences."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from skinfluence import InfluenceExplainer
from skinfluence.effects import RowEdits, first_order, newton_step
from skinfluence.effects import _group_newton_step as module
from skinfluence.effects._group_newton_step import group_newton_step
from skinfluence.effects._rescaled import rescaled
from skinfluence.effects._second_order import second_order
from skinfluence.linalg import Design
from skinfluence.objectives import minimize
from skinfluence.predictors import LinearPredictor
from skinfluence.solvers import AutoSolver, CGSolver, EighSolver, WoodburySolver
from tests.effects._zoo import EVENLY_COUPLED, N_ROWS, OBJECTIVES, refitted_coef

GROUPS = [np.array(g) for g in ([0, 1, 2], [5, 30, 31, 12], [39], range(1, 40, 4))]
SQUARED = {
    **{n: OBJECTIVES[n] for n in ("ridge", "ridge-two-outputs", "ridge-balanced")},
    "ridge-mean": EVENLY_COUPLED["ridge-mean"],
}
UNCOUPLED = [n for n in OBJECTIVES if "balanced" not in n and "mean" not in n]

every_objective = pytest.mark.parametrize("name", OBJECTIVES)


def solved(make, damping=0.0):
    objective = make()
    return objective, AutoSolver().factorize(objective.hessian(damping))


def assert_normwise(actual, expected, rtol):
    assert np.abs(actual - expected).max() <= rtol * np.abs(expected).max()


def dense_step(objective, rows, factors, damping=0.0):
    """A Newton step on the objective that is left, from the dense gradient and Hessian."""
    left = objective.with_weights(rows, factors)
    dense = left.hessian().to_dense()
    dense[np.diag_indices_from(dense)] += damping * objective.weights.base.sum()
    step = -np.linalg.lstsq(dense, left.gradient().ravel(), rcond=1e-12)[0]
    return step.reshape(objective.coef.shape)


def derivatives(path, h):
    """(first, second) derivative at 0 by five points; the errors are of order h^4."""
    v = {i: path(i * h) for i in (-2, -1, 0, 1, 2)}
    first = (8.0 * (v[1] - v[-1]) - (v[2] - v[-2])) / (12.0 * h)
    second = (16.0 * (v[1] + v[-1]) - (v[2] + v[-2]) - 30.0 * v[0]) / (12.0 * h**2)
    return first, second


def share_of(objective, rows):
    base = objective.weights.base
    return base[rows].sum() / base.sum()


def on_the_path(objective, rows, tau):
    """Factors of the group's weights when all others rise so that the sum of weights stays."""
    p = share_of(objective, rows)
    return np.full(len(rows), (1.0 - p) * (1.0 - tau) / (1.0 - p + p * tau))


@every_objective
def test_first_order_is_the_sum_over_rows(name):
    objective, inverse = solved(OBJECTIVES[name])
    got = first_order(objective, inverse, RowEdits.groups(GROUPS)).coef_changes()
    rows = first_order(objective, inverse, RowEdits.removals(np.arange(N_ROWS))).coef_changes()
    for group, change in zip(GROUPS, got, strict=True):
        assert_normwise(change, rows[group].sum(axis=0), 1e-12)


@pytest.mark.parametrize("way", ["few", "root", "left"])
@every_objective
def test_newton_step_is_one_step_without_the_group(name, way, monkeypatch):
    monkeypatch.setattr(module, "_cheapest", lambda objective, inverse, m: way)
    objective, inverse = solved(OBJECTIVES[name])
    got = group_newton_step(objective, inverse, RowEdits.groups(GROUPS)).coef_changes()
    for group, change in zip(GROUPS, got, strict=True):
        assert_normwise(change, dense_step(objective, group, np.zeros(len(group))), 1e-9)


@pytest.mark.parametrize("way", ["few", "root", "left"])
@pytest.mark.parametrize("name", ["logistic", "multinomial", "multinomial-mean-balanced"])
def test_newton_step_keeps_the_damping(name, way, monkeypatch):
    monkeypatch.setattr(module, "_cheapest", lambda objective, inverse, m: way)
    objective, inverse = solved(OBJECTIVES[name], damping=0.1)
    got = group_newton_step(objective, inverse, RowEdits.groups(GROUPS)).coef_changes()
    for group, change in zip(GROUPS, got, strict=True):
        assert_normwise(change, dense_step(objective, group, np.zeros(len(group)), 0.1), 1e-9)


@pytest.mark.parametrize("factor", [0.3, 1.7])
@pytest.mark.parametrize("name", ["logistic", "multinomial", "ridge-balanced"])
def test_newton_step_of_changed_weights(name, factor):
    objective, inverse = solved(OBJECTIVES[name])
    changes = RowEdits.groups(GROUPS, factor)
    got = group_newton_step(objective, inverse, changes).coef_changes()
    for group, change in zip(GROUPS, got, strict=True):
        assert_normwise(change, dense_step(objective, group, np.full(len(group), factor)), 1e-9)


@pytest.mark.parametrize("name", SQUARED)
def test_newton_step_is_the_refit_for_squared_error(name):
    objective, inverse = solved(SQUARED[name])
    got = group_newton_step(objective, inverse, RowEdits.groups(GROUPS)).coef_changes()
    for group, change in zip(GROUPS, got, strict=True):
        expected = refitted_coef(objective, group, np.zeros(len(group))) - objective.coef
        assert_normwise(change, expected, 1e-10)


@pytest.mark.parametrize("name", [*UNCOUPLED, *(f"{n} even" for n in EVENLY_COUPLED)])
def test_newton_step_of_one_row_is_that_of_the_row(name):
    make = EVENLY_COUPLED[name[:-5]] if name.endswith(" even") else OBJECTIVES[name]
    objective, inverse = solved(make)
    rows = np.array([0, 7, 23])
    got = group_newton_step(objective, inverse, RowEdits.removals(rows)).coef_changes()
    assert_normwise(
        got, newton_step(objective, inverse, RowEdits.removals(rows)).coef_changes(), 1e-10
    )


@pytest.mark.parametrize("name", ["logistic", "multinomial"])
def test_newton_step_where_the_inverse_is_iterative(name):
    objective = OBJECTIVES[name]()
    inverse = CGSolver(tol=1e-12).factorize(objective.hessian())
    got = group_newton_step(objective, inverse, RowEdits.groups(GROUPS)).coef_changes()
    for group, change in zip(GROUPS, got, strict=True):
        assert_normwise(change, dense_step(objective, group, np.zeros(len(group))), 1e-8)


def dense_leverage_corrected(objective, rows):
    """Sum of each row's own step (H - H_i)^-1 g_i, from dense matrices."""
    return sum(dense_step(objective, np.array([row]), np.zeros(1)) for row in rows)


@pytest.mark.parametrize("name", [*UNCOUPLED, *(f"{n} even" for n in EVENLY_COUPLED)])
def test_rescaled_is_the_sum_of_the_rows_own_newton_steps(name):
    make = EVENLY_COUPLED[name[:-5]] if name.endswith(" even") else OBJECTIVES[name]
    objective, inverse = solved(make)
    got = rescaled(objective, inverse, RowEdits.groups(GROUPS)).coef_changes()
    for group, change in zip(GROUPS, got, strict=True):
        assert_normwise(change, dense_leverage_corrected(objective, group), 1e-9)


def test_rescaled_of_one_output_divides_by_one_minus_the_leverage():
    objective, inverse = solved(OBJECTIVES["logistic"])
    H = objective.hessian().to_dense()
    Z, s = objective.design.to_dense(), objective.sample_weight[:, 0]
    gradients = s[:, None] * objective.residual * Z
    leverage = objective.row_curvature().values[:, 0] * ((Z @ np.linalg.inv(H)) * Z).sum(axis=1)
    rows = gradients / (1.0 - leverage)[:, None]
    got = rescaled(objective, inverse, RowEdits.groups(GROUPS)).coef_changes()
    for group, change in zip(GROUPS, got, strict=True):
        expected = np.linalg.solve(H, rows[group].sum(axis=0))
        assert_normwise(change.ravel(), expected, 1e-10)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_second_order_is_the_expansion_of_the_newton_step(name):
    """Along the path on which the sum of weights stays."""
    objective, inverse = solved(OBJECTIVES[name])
    got = second_order(objective, inverse, RowEdits.groups(GROUPS)).coef_changes()
    for group, change in zip(GROUPS, got, strict=True):

        def path(tau, group=group):
            return dense_step(objective, group, on_the_path(objective, group, tau))

        first, second = derivatives(path, 0.01)
        assert_normwise(change, first + 0.5 * second, 1e-7)


@pytest.mark.parametrize("name", SQUARED)
def test_second_order_is_the_expansion_of_the_refit_for_squared_error(name):
    objective, inverse = solved(SQUARED[name])
    got = second_order(objective, inverse, RowEdits.groups(GROUPS)).coef_changes()
    for group, change in zip(GROUPS, got, strict=True):

        def path(tau, group=group):
            return refitted_coef(objective, group, on_the_path(objective, group, tau))

        first, second = derivatives(path, 0.02)
        assert_normwise(change, first + 0.5 * second, 1e-6)


def test_second_order_misses_the_third_derivative_of_the_loss_and_nothing_else():
    """The second difference of refits with weights 1 - t, less the term that the paper drops."""
    objective, inverse = solved(OBJECTIVES["logistic"])
    group = GROUPS[3]
    p = share_of(objective, group)
    got = second_order(objective, inverse, RowEdits.groups([group])).coef_changes()[0]

    def refit(t):
        return refitted_coef(objective, group, np.full(len(group), 1.0 - t))

    first, second = derivatives(refit, 0.02)
    curved = ((1.0 - p) ** 2 * got - (1.0 - 2.0 * p) * first).ravel()  # d2 of the formula
    Z = objective.design.to_dense()
    proba = 1.0 / (1.0 + np.exp(-objective.raw_prediction))
    third = objective.sample_weight * proba * (1 - proba) * (1 - 2 * proba)
    dropped = inverse.solve(Z.T @ (third * (Z @ first.T) ** 2)).ravel()
    assert np.abs(dropped).max() > 0.05 * np.abs(second).max()
    assert_normwise(2.0 * curved - dropped, second.ravel(), 1e-5)


def test_second_order_is_the_formula_of_the_paper():
    """With the means of the paper: its section 4, with the penalty in every row's loss."""
    objective, inverse = solved(OBJECTIVES["logistic-mean"])
    group, base = GROUPS[1], objective.weights.base
    got = second_order(objective, inverse, RowEdits.groups([group])).coef_changes()[0]
    total, p = base.sum(), share_of(objective, group)
    Z, s = objective.design.to_dense(), objective.sample_weight[:, 0]
    decay = np.diag(objective.penalty.diagonal.ravel()) / total
    slopes = s[:, None] * (objective.residual * Z + objective.coef @ decay)
    curved = (objective.row_curvature(group).values * Z[group]).T @ Z[group] + s[
        group
    ].sum() * decay
    mean_inverse = np.linalg.inv(objective.hessian().to_dense() / total)
    first = mean_inverse @ slopes[group].sum(axis=0) / total
    second = mean_inverse @ curved @ first / total
    expected = ((1.0 - 2.0 * p) * first + second) / (1.0 - p) ** 2
    assert_normwise(got.ravel(), expected, 1e-10)


@pytest.mark.parametrize("effect", [first_order, second_order, rescaled, newton_step])
@pytest.mark.parametrize("name", ["logistic", "multinomial-mean-balanced"])
def test_an_empty_change_changes_nothing(name, effect):
    objective, inverse = solved(OBJECTIVES[name])
    changes = RowEdits.groups([np.array([], dtype=int), GROUPS[0]])
    got = effect(objective, inverse, changes).coef_changes()
    assert (got[0] == 0.0).all()
    assert (got[1] != 0.0).any()


def undetermined_without_three_rows():
    """Logistic, without a penalty; a column that only rows 3, 4 and 8 say anything about."""
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.standard_normal(12), np.isin(np.arange(12), [3, 4, 8])])
    y = [0, 1, 0, 1, 0, 1, 0, 1, 1, 0, 0, 1]
    explainer = InfluenceExplainer(LogisticRegression(C=np.inf)).fit(X, y)
    return explainer.objective_, explainer.linearization_.inverse


@pytest.mark.parametrize("way", ["few", "root", "left"])
def test_groups_that_leave_the_model_undetermined_are_nan_with_a_warning(way, monkeypatch):
    monkeypatch.setattr(module, "_cheapest", lambda objective, inverse, m: way)
    objective, inverse = undetermined_without_three_rows()
    changes = RowEdits.groups([np.array([0, 3]), np.array([3, 4, 8])])
    with pytest.warns(RuntimeWarning, match=r"1 of 2 changes.*undetermined.*changes \[1\]"):
        got = group_newton_step(objective, inverse, changes).coef_changes()
    assert np.isnan(got[1]).all()
    assert np.isfinite(got[0]).all()


@pytest.mark.parametrize("way", ["few", "root", "left"])
def test_a_column_without_variation_is_no_reason_for_nan(way, monkeypatch):
    """What a pseudo-inverse leaves out before is left out after."""
    objective = OBJECTIVES["ridge"]()
    Z = objective.design.X.copy()
    Z[:, 3] = Z[:, 2]  # twice the same column, without a penalty
    twin = objective.replace(
        predictor=LinearPredictor(Design(Z, Z.mean(axis=0), True), objective.coef),
        penalty=np.zeros(objective.coef.shape),
    )
    twin = minimize(twin, AutoSolver()).objective
    inverse = EighSolver().factorize(twin.hessian())
    monkeypatch.setattr(module, "_cheapest", lambda objective, inverse, m: way)
    got = group_newton_step(twin, inverse, RowEdits.groups(GROUPS)).coef_changes()
    rows = twin.design.to_dense().T  # what is predicted is unique, the coefficients are not
    for group, change in zip(GROUPS, got, strict=True):
        assert_normwise(change @ rows, dense_step(twin, group, np.zeros(len(group))) @ rows, 1e-9)


def test_each_way_is_taken_where_it_is_the_cheapest():
    objective, inverse = solved(OBJECTIVES["logistic"])
    wide = WoodburySolver().factorize(OBJECTIVES["ridge"]().hessian(0.1))
    assert module._cheapest(objective, inverse, 1) == "few"
    assert module._cheapest(objective, inverse, 10) == "root"
    assert module._cheapest(objective, wide, 10) == "left"
