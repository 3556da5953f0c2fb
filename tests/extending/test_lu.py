"""The solver of the page "Extending" keeps the contract, and the explainer knows its name."""

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import scale

from skinfluence import InfluenceExplainer
from skinfluence.solvers import SingularHessianError
from skinfluence.testing import check_solver
from tests.extending.lu import LUSolver
from tests.solvers import _zoo as zoo

REGULAR = [
    zoo.well_posed,
    zoo.several_outputs_of_distinct_penalties,
    zoo.multinomial_without_intercept,
    zoo.more_columns_than_rows,
]


@pytest.mark.parametrize("make", REGULAR, ids=lambda f: f.__name__)
def test_the_solver_keeps_the_contract(make):
    check_solver(LUSolver(), make())


@pytest.mark.parametrize("make", [zoo.duplicated_column, zoo.multinomial])
def test_the_solver_refuses_what_it_cannot_invert(make):
    with pytest.raises(SingularHessianError, match='solver="lu" needs a regular Hessian'):
        LUSolver().factorize(make())


def test_the_explainer_finds_the_solver_by_name():
    X, y = load_breast_cancer(return_X_y=True)
    X = scale(X)[:, :8]
    ours, theirs = (
        InfluenceExplainer(LogisticRegression(), solver=solver).fit(X[:100], y[:100])
        for solver in ("lu", "auto")
    )
    expected = theirs.influence(X[100:110], y[100:110])
    got = ours.influence(X[100:110], y[100:110])
    assert np.abs(got - expected).max() < 1e-9 * np.abs(expected).max()
    assert ours.health().solver == "lu"


def test_a_solver_that_inverts_wrongly_is_found():
    class Half(LUSolver):
        name = ""

        def factorize(self, hessian):
            inverse = super().factorize(hessian)
            solve = inverse.solve
            inverse.solve = lambda V: 0.5 * solve(V)
            return inverse

    with pytest.raises(AssertionError, match="solve is off by"):
        check_solver(Half(), zoo.well_posed())
