"""Every family on random problems against scikit-learn's own refits."""

import warnings

import numpy as np
import pytest

from skinfluence import InfluenceExplainer
from skinfluence.targets import TARGETS
from tests._random_families import FAMILIES, Problem

N_PROBLEMS = 3


@pytest.mark.parametrize("name", FAMILIES)
def test_removals_and_slopes_are_those_of_real_refits(name):
    family = FAMILIES[name]
    for seed in range(N_PROBLEMS):
        problem = Problem(family, seed)
        fit = {} if problem.weights is None else {"sample_weight": problem.weights}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of convergence, and of selections that change
            explainer = InfluenceExplainer(problem.estimator).fit(problem.X, problem.y, **fit)
            asked = _asked(problem)
            rows = problem.rows
            got = explainer.influence(problem.X_test, **asked, rows=rows, method="refit")
            truth = np.stack([problem.removal(row) for row in rows], axis=1)
            noise = family.noise * np.abs(problem.values()).max()
            _agree(got, truth, family.rtol, noise, f"{name}, seed {seed}, refit")
            if family.step is None or problem.weights is None:
                continue
            got = explainer.influence(problem.X_test, **asked, rows=rows[:1], method="first_order")
            slope = problem.slope(rows[0])[:, None]
            _agree(got, slope, 1e-5, noise / family.step, f"{name}, seed {seed}, first order")


def _asked(problem):
    target = problem.family.target
    if problem.y.ndim == 2 or target == "loss":
        return {"y_test": problem.y_test, "target": "loss"}
    if target == "predict":
        return {"target": "predict"}
    return {"target": TARGETS[target](problem.y_test)}


def _agree(got, truth, rtol, noise, what):
    size = np.abs(truth).max()
    np.testing.assert_allclose(got, truth, rtol=0, atol=rtol * size + noise, err_msg=what)
