"""The closed-form leave-one-out against ridge regressions really fitted without the row."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from skinfluence.labels._sources.ridge_path import ridge_path

DAMPINGS = [1e-4, 1e-2, 1.0, 30.0]


@pytest.fixture(name="table")
def fixture_table():
    rng = np.random.RandomState(0)
    columns = rng.randn(25, 4) @ rng.randn(4, 4) + [100.0, 0.0, -3.0, 7.0]
    targets = rng.randn(25, 3)
    weight = rng.uniform(0.2, 3.0, 25)
    return columns, targets, weight / weight.sum()


def path_of(columns, targets, weight, penalty=None, block=10):
    parts = [slice(start, start + block) for start in range(0, len(columns), block)]
    return ridge_path(((columns[p], targets[p], weight[p]) for p in parts), penalty)


def refitted(columns, targets, weight, alpha):
    """Each row as a ridge regression without it says, (n, K)."""
    values = np.empty_like(targets)
    for row in range(len(columns)):
        rest = np.arange(len(columns)) != row
        model = Ridge(alpha=alpha).fit(columns[rest], targets[rest], weight[rest])
        values[row] = model.predict(columns[[row]])[0]
    return values


@pytest.mark.parametrize("kind", [np.float64, np.float32])
@pytest.mark.parametrize("rank", [4, 3])
def test_the_fit_at_one_damping_is_that_of_the_path(table, kind, rank):
    columns, targets, weight = table
    columns = (columns - columns.mean(axis=0)).astype(kind)
    if rank == 3:
        columns[:, 3] = columns[:, 0]
    path = path_of(columns, targets, weight)
    fit = path.at(DAMPINGS[1])
    assert fit.rotation.shape == (4, rank) and fit.triangular == (rank == 4)
    expected = path.leave_one_out(columns, targets, weight, DAMPINGS[1:2])
    found = fit.leave_one_out(columns, targets, weight, [0.0])
    tolerance = 1e-9 if kind == np.float64 else 1e-4
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("position", range(len(DAMPINGS)))
def test_values_equal_refits_without_the_row_at_every_damping(table, position):
    path = path_of(*table)
    values, _ = path.leave_one_out(*table, DAMPINGS)
    expected = refitted(*table, alpha=DAMPINGS[position] * path.unit)
    np.testing.assert_allclose(values[position], expected, rtol=1e-9, atol=1e-9)


def test_a_penalty_of_a_matrix_is_that_of_columns_divided_by_its_root(table):
    columns, targets, weight = table
    root = np.random.RandomState(1).randn(4, 4)
    values, _ = path_of(*table, root @ root.T).leave_one_out(*table, DAMPINGS)
    divided = np.linalg.solve(root, columns.T).T
    unit = path_of(divided, targets, weight).unit
    expected = refitted(divided, targets, weight, alpha=DAMPINGS[1] * unit)
    np.testing.assert_allclose(values[1], expected, rtol=1e-9, atol=1e-9)


def test_single_precision_agrees_with_double(table):
    columns, targets, weight = table
    columns = columns - columns.mean(axis=0)
    single = columns.astype(np.float32)
    found = path_of(single, targets, weight).leave_one_out(single, targets, weight, DAMPINGS)[0]
    expected = path_of(columns, targets, weight).leave_one_out(columns, targets, weight, DAMPINGS)
    np.testing.assert_allclose(found, expected[0], atol=1e-4)


def test_leverage_is_the_derivative_of_the_own_prediction(table):
    columns, targets, weight = table
    path = path_of(*table)
    moved = targets.copy()
    moved[7] += 1.0
    before = path.predict(columns[[7]], DAMPINGS)
    after = path_of(columns, moved, weight).predict(columns[[7]], DAMPINGS)
    leverage = path.leave_one_out(*table, DAMPINGS)[1][:, 7]
    np.testing.assert_allclose((after - before)[:, 0, 0], leverage, rtol=1e-9)


def test_rows_of_weight_zero_are_absent_and_are_judged(table):
    columns, targets, weight = table
    weight = np.where(np.arange(25) % 5 == 0, 0.0, weight)
    kept = weight > 0
    path = path_of(columns, targets, weight)
    without = path_of(columns[kept], targets[kept], weight[kept])
    values, leverage = path.leave_one_out(columns, targets, weight, DAMPINGS)
    np.testing.assert_allclose(values[:, ~kept], without.predict(columns[~kept], DAMPINGS))
    np.testing.assert_array_equal(leverage[:, ~kept], 0.0)


def test_constant_and_repeated_columns_change_nothing(table):
    columns, targets, weight = table
    wide = np.column_stack([columns, columns[:, 0], np.full(25, 5.0)])
    rest = path_of(wide, targets, weight)
    assert len(rest.variances) == 4
    values, _ = rest.leave_one_out(wide, targets, weight, [1e-2])
    expected = refitted(wide, targets, weight, alpha=1e-2 * rest.unit)
    np.testing.assert_allclose(values[0], expected, rtol=1e-8, atol=1e-9)


def test_without_any_direction_the_mean_of_the_others_is_left(table):
    _, targets, weight = table
    columns = np.ones((25, 2))
    values, _ = path_of(columns, targets, weight).leave_one_out(columns, targets, weight, [1.0])
    others = (weight @ targets - weight[:, None] * targets) / (1 - weight[:, None])
    np.testing.assert_allclose(values[0], others)


def test_more_columns_than_rows():
    rng = np.random.RandomState(3)
    columns, targets, weight = rng.randn(8, 20), rng.randn(8, 1), np.full(8, 1 / 8)
    path = path_of(columns, targets, weight, block=3)
    values, _ = path.leave_one_out(columns, targets, weight, DAMPINGS)
    for position, damping in enumerate(DAMPINGS):
        expected = refitted(columns, targets, weight, alpha=damping * path.unit)
        np.testing.assert_allclose(values[position], expected, rtol=1e-7, atol=1e-8)
