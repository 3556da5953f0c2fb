"""The same explainer gives the same answer, whatever its solver draws."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from skinfluence import InfluenceExplainer
from skinfluence.solvers import LissaSolver

RNG = np.random.default_rng(0)
X = RNG.standard_normal((80, 12))
Y = (X[:, 0] + RNG.standard_normal(80) > 0).astype(int)


@pytest.mark.parametrize("kind", ["explainer", "solver"])
def test_a_random_state_gives_one_seed_at_fit(kind):
    state = np.random.RandomState(3)
    settings = {
        "explainer": {"solver": "lissa", "random_state": state},
        "solver": {"solver": LissaSolver(random_state=state)},
    }[kind]
    explainer = InfluenceExplainer(LogisticRegression(), method="first_order", **settings)
    first = explainer.fit(X, Y).influence(X[:3], Y[:3])
    solver = explainer.linearization_.solver
    assert isinstance(solver.random_state, int)
    V = np.eye(13)[:, :2]
    again = [solver.factorize(explainer.objective_.hessian()).solve(V) for _ in range(2)]
    np.testing.assert_array_equal(*again)
    np.testing.assert_array_equal(explainer.influence(X[:3], Y[:3]), first)
    assert getattr(explainer.solver, "random_state", state) is state  # the parameter stays
