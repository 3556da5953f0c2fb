"""The effect of the page "Extending" agrees with real refits."""

import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.linear_model import Ridge

from skinfluence import InfluenceExplainer
from skinfluence.effects import WeightChanges, refit
from skinfluence.solvers import AutoSolver
from tests.extending.doubling import doubling


def test_doubling_is_exact_for_squared_error():
    X, y = load_diabetes(return_X_y=True)
    objective = InfluenceExplainer(Ridge(0.1)).fit(X, y).objective_
    inverse = AutoSolver().factorize(objective.hessian())
    rows = np.array([2, 30, 200])
    truth = refit(
        objective, inverse, WeightChanges.groups([[r] for r in rows], 2.0), solver=AutoSolver()
    )
    got = doubling(objective, inverse, rows).coef_changes()
    expected = truth.coef_changes()
    assert np.abs(got - expected).max() < 1e-10 * np.abs(expected).max()
