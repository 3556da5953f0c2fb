"""Solvers by name or by instance."""

import pytest

from skinfluence.solvers import CholeskySolver, get_solver


def test_a_name_gives_the_solver():
    assert isinstance(get_solver("cholesky"), CholeskySolver)


def test_an_instance_is_kept():
    solver = CholeskySolver()
    assert get_solver(solver) == solver


@pytest.mark.parametrize("solver", ["qr", None, 3, CholeskySolver])
def test_anything_else_names_what_is_known(solver):
    with pytest.raises(ValueError, match=r"is not known. Expected one of \['auto', .*'cholesky'"):
        get_solver(solver)
