"""Outputs with one Hessian (squared error of many classes): their answers and what they take."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import load_digits
from sklearn.linear_model import RidgeClassifier

from skinfluence import InfluenceExplainer
from skinfluence.linalg import Hessian
from skinfluence.solvers import CholeskySolver
from tests.solvers import _zoo as zoo

X, y = load_digits(return_X_y=True)
X, y = X[:200, 10:30] / 16, y[:200]


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize("method", ["first_order", "newton_step"])
def test_one_product_for_all_outputs_is_the_product_of_each(method, container, monkeypatch):
    table = container(X)
    explainer = InfluenceExplainer(RidgeClassifier(), method=method).fit(table, y)
    shared = explainer.influence(table[:7], y[:7])
    monkeypatch.setattr(Hessian, "blocks_are_equal", False)
    each = InfluenceExplainer(RidgeClassifier(), method=method).fit(table, y)
    np.testing.assert_allclose(shared, each.influence(table[:7], y[:7]), rtol=1e-10, atol=1e-14)


def test_all_outputs_are_solved_for_at_once(monkeypatch):
    explainer = InfluenceExplainer(RidgeClassifier()).fit(X, y)
    inverse = explainer.linearization_.inverse
    solve, asked = type(inverse).solve, []
    monkeypatch.setattr(type(inverse), "solve", lambda i, V: asked.append(V) or solve(i, V))
    explainer.influence(X[:7], y[:7])
    assert len(asked) == 1


def test_an_output_that_is_not_asked_for_is_not_multiplied():
    """Its root holds NaN, which any product would show."""
    inverse = CholeskySolver().factorize(zoo.several_outputs_of_distinct_penalties())
    right = np.zeros((3, 5, 2))
    right[1] = np.arange(10.0).reshape(5, 2)
    want = inverse.solve(right.reshape(15, 2))
    inverse.roots[0] = inverse.roots[2] = np.full((5, 5), np.nan)
    np.testing.assert_array_equal(inverse.solve(right.reshape(15, 2)), want)
