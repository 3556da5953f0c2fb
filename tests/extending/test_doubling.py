"""The effect of the page "Extending" agrees with real refits."""

import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.linear_model import Ridge

from skinfluence import InfluenceExplainer
from skinfluence.effects import RowEdits, refit
from skinfluence.solvers import AutoSolver
from tests.extending.doubling import doubling


def test_doubling_is_exact_for_squared_error():
    X, y = load_diabetes(return_X_y=True)
    objective = InfluenceExplainer(Ridge(0.1)).fit(X, y).objective_
    inverse = AutoSolver().factorize(objective.hessian())
    rows = np.array([2, 30, 200])
    truth = refit(objective, inverse, RowEdits.weights(rows, 2.0))
    got = doubling(objective, inverse, RowEdits.weights(rows, 2.0)).coef_changes()
    expected = truth.coef_changes()
    assert np.abs(got - expected).max() < 1e-10 * np.abs(expected).max()


def test_the_explainer_finds_the_effect_by_its_name():
    X, y = load_diabetes(return_X_y=True)
    explainer = InfluenceExplainer(Ridge(0.1), method="doubling").fit(X[:400], y[:400])
    weight = np.ones(400)
    weight[7] = 2.0
    refitted = Ridge(0.1).fit(X[:400], y[:400], sample_weight=weight)
    expected = refitted.predict(X[400:]) - explainer.predict(X[400:])
    got = explainer.influence(X[400:], rows=[7])[:, 0]
    assert np.abs(got - expected).max() < 1e-9 * np.abs(expected).max()
