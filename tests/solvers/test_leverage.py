"""Leverage systems near leverage one, against extended precision."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skinfluence.linalg import RowCurvature
from skinfluence.solvers import CholeskySolver, EighSolver, WoodburySolver
from skinfluence.solvers._direct.leverage import LeverageSystem
from tests.solvers import _zoo as zoo


@pytest.mark.parametrize("K", [10, 40])
@pytest.mark.parametrize("axes", [2, 3])
def test_many_gaps_of_a_half_are_no_leverage_of_one(K, axes):
    curvature = 0.5 * (np.eye(K)[None] if axes == 3 else np.ones((1, K)))
    out, full = LeverageSystem(RowCurvature(curvature), np.eye(K)[None]).solve(np.ones((1, K)))
    assert not full.any()
    assert_allclose(out, 2.0)


def dense_gap(hessian, i):
    """1 - leverage as 1 / (1 + a z' H_without^-1 z), by Gauss-Jordan in extended precision."""
    Z = hessian.design.to_dense().astype(np.longdouble)
    a = hessian.curvature.values[:, 0].astype(np.longdouble)
    own, a[i] = a[i], 0.0
    H = (Z.T * a) @ Z + np.diag(hessian.penalty[0].astype(np.longdouble))
    right = Z[i].copy()
    for j in range(len(H)):
        factor = H[:, j] / H[j, j]
        factor[j] = 0.0
        right -= factor * right[j]
        H -= factor[:, None] * H[j]
    return float(1.0 / (1.0 + own * Z[i] @ (right / np.diag(H))))


@pytest.mark.parametrize("solver", [WoodburySolver(), CholeskySolver(), EighSolver()], ids=repr)
def test_the_gap_of_a_wide_hessian_has_its_digits(solver):
    curvature = 0.5 + np.random.default_rng(1).random((12, 1))
    hessian = zoo._hessian(zoo._table(12, 20), alpha=1e-6, curvature=curvature)
    system = solver.factorize(hessian).leverage_system(np.arange(12))
    assert system.gap.max() < 1e-5
    expected = [dense_gap(hessian, i) for i in range(12)]
    assert_allclose(system.gap[:, 0], expected, rtol=1e-9)


def test_systems_of_some_rows_and_of_scaled_curvature_are_those_of_all():
    hessian = zoo._hessian(zoo._table(12, 20), alpha=1e-6)
    inverse, rows = WoodburySolver().factorize(hessian), np.array([7, 2])
    system = inverse.leverage_system(np.arange(12))
    right = np.random.default_rng(0).standard_normal((12, 1))
    every, full = system.solve(right)
    assert not full.any()
    assert_array_equal(system.take(rows).solve(right[rows])[0], every[rows])
    assert_array_equal(inverse.leverage_system(rows).solve(right[rows])[0], every[rows])
    half = system.scaled(hessian.curvature.scaled(np.full((12, 1), 0.5)))
    assert_allclose(half.gap, 0.5 + 0.5 * system.gap)


def test_a_row_that_alone_determines_a_column_has_no_gap():
    table = np.c_[zoo._table(30, 3), np.arange(30) == 7]
    inverse = EighSolver().factorize(zoo._hessian(table, alpha=0.0))
    system = inverse.leverage_system(np.arange(30))
    assert_array_equal(np.flatnonzero(system.gap == 0.0), [7])
    out, full = system.solve(np.ones((30, 1)))
    assert_array_equal(np.flatnonzero(full), [7])
    assert np.isnan(out[7]).all() and np.isfinite(np.delete(out, 7)).all()
