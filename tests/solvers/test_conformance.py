"""Every solver inverts every Hessian that it says it can, and refuses the others."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skinfluence.solvers import (
    REGISTRY,
    AutoSolver,
    CholeskySolver,
    EighSolver,
    SingularHessianError,
    WoodburySolver,
)
from skinfluence.testing import check_solver
from tests.solvers import _zoo as zoo


def name_of(part):
    return getattr(part, "name", None) or getattr(part, "__name__", None)


def pairs(solvers, makers, *, but=()):
    return [
        pytest.param(solver, make, id=f"{solver.name}-{make.__name__}")
        for solver in solvers
        for make in makers
        if (solver, make) not in but
    ]


#: The unpenalised columns' own small matrix is not scaled: there Woodbury refuses.
NO_ROW_SIDE = [(WoodburySolver, zoo.columns_of_very_different_scales)]


@pytest.mark.parametrize(
    "solver, make",
    pairs([CholeskySolver, EighSolver, WoodburySolver, AutoSolver], zoo.REGULAR, but=NO_ROW_SIDE),
)
def test_solvers_invert_regular_hessians(solver, make):
    check_solver(solver(), make())


@pytest.mark.parametrize("solver, make", pairs([EighSolver, AutoSolver], zoo.SINGULAR))
def test_solvers_give_the_pseudo_inverse_of_singular_hessians(solver, make):
    inverse = check_solver(solver(), make(), rtol=1e-7)
    assert inverse.report.solver == "eigh"


@pytest.mark.parametrize(
    "make", [m for m in zoo.SINGULAR if "scale" not in m.__name__], ids=name_of
)
def test_the_pseudo_inverse_is_that_of_numpy(make):
    hessian = make()
    found = EighSolver().factorize(hessian) @ np.eye(hessian.shape[0])
    expected = np.linalg.pinv(hessian.to_dense(), rcond=1e-11, hermitian=True)
    assert_allclose(found, expected, atol=1e-9 * np.abs(expected).max())


@pytest.mark.parametrize("make", zoo.SINGULAR, ids=name_of)
def test_cholesky_refuses_singular_hessians(make):
    with pytest.raises(SingularHessianError, match=r'solver="auto" or "eigh".*damping'):
        CholeskySolver().factorize(make())


def test_woodbury_refuses_more_free_columns_than_rows():
    with pytest.raises(SingularHessianError, match=r"needs a penalty.*13 of 13 columns have none"):
        WoodburySolver().factorize(zoo.more_columns_than_rows_without_penalty())


@pytest.mark.parametrize(
    "make",
    [
        zoo.duplicated_column,
        zoo.constant_column,
        zoo.zero_column_without_intercept,
    ],
    ids=name_of,
)
def test_woodbury_refuses_free_columns_without_curvature_of_their_own(make):
    with pytest.raises(SingularHessianError, match=r'"eigh".*pseudo-inverse.*damping'):
        WoodburySolver().factorize(make())


def test_woodbury_eliminates_free_columns_of_very_different_scales():
    check_solver(WoodburySolver(), zoo.columns_of_very_different_scales())


def test_woodbury_refuses_an_intercept_without_curvature():
    hessian = zoo._hessian(zoo._table(6, 9), alpha=0.5, curvature=np.zeros((6, 1)))
    with pytest.raises(SingularHessianError, match="in the columns without penalty"):
        WoodburySolver().factorize(hessian)


def test_auto_takes_the_pseudo_inverse_for_an_intercept_without_curvature():
    hessian = zoo._hessian(zoo._table(6, 9), alpha=0.5, curvature=np.zeros((6, 1)))
    inverse = check_solver(AutoSolver(), hessian)
    assert inverse.report.solver == "eigh"
    assert "singular" in inverse.report.reason


@pytest.mark.parametrize("make", zoo.REGULAR, ids=name_of)
def test_leverages_are_not_negative(make):
    forms = AutoSolver().factorize(make()).leverage_blocks()
    assert np.einsum("nkk->nk", forms).min() >= 0


@pytest.mark.parametrize(
    "n, q, alpha, expected",
    [
        (30, 5, 0.5, CholeskySolver),
        (12, 10, 0.5, CholeskySolver),
        (10, 10, 0.5, WoodburySolver),
        (10, 11, 0.5, WoodburySolver),
        (10, 30, 0.0, CholeskySolver),
    ],
)
@pytest.mark.parametrize("intercept", [False, True], ids=["no-intercept", "intercept"])
@pytest.mark.parametrize("K", [1, 3])
def test_auto_selects_as_its_docstring_says(n, q, alpha, expected, intercept, K):
    """The row side where every feature is penalised and it is no larger; else Cholesky."""
    hessian = zoo._hessian(zoo._table(n, q), alpha=alpha, intercept=intercept, K=K)
    solver, reason = AutoSolver().select_solver(hessian)
    assert type(solver) is expected
    assert str(n) in reason


@pytest.mark.parametrize("n, q, expected", [(10, 8, CholeskySolver), (7, 8, WoodburySolver)])
def test_auto_compares_the_whole_sides_of_multinomial_hessians(n, q, expected):
    solver, _ = AutoSolver().select_solver(zoo._multinomial(zoo._table(n, q), alpha=0.5))
    assert type(solver) is expected


def test_auto_says_why():
    report = AutoSolver().factorize(zoo.more_columns_than_rows()).report
    assert report.solver == "woodbury"
    assert "12 rows are no more" in report.reason


def test_one_factorisation_serves_any_number_of_right_hand_sides():
    hessian = zoo.well_posed()
    inverse = CholeskySolver().factorize(hessian)
    assert inverse.solve(np.empty((hessian.shape[0], 0))).shape == (hessian.shape[0], 0)
    V = np.eye(hessian.shape[0])
    assert_allclose(inverse @ V[:, :2], (inverse @ V)[:, :2], atol=1e-15)


def test_row_forms_of_all_rows_are_computed_once():
    inverse = CholeskySolver().factorize(zoo.well_posed())
    assert inverse.leverage_blocks() is inverse.leverage_blocks()


def test_the_solvers_of_the_package_are_registered():
    assert {"auto", "cholesky", "eigh", "woodbury"} <= set(REGISTRY)


def test_the_general_leverage_blocks_are_those_of_the_solvers():
    """InverseHessian.leverage_blocks_of, which a new solver inherits, against the roots' own."""
    from skinfluence.solvers import InverseHessian

    for make in (zoo.several_outputs_of_distinct_penalties, zoo.multinomial):
        inverse = CholeskySolver().factorize(make())
        rows = inverse.hessian.predictor
        general = InverseHessian.leverage_blocks_of(inverse, rows)
        assert_allclose(general, inverse.leverage_blocks_of(rows), atol=1e-12)
