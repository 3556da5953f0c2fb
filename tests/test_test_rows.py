"""`InfluenceExplainer.test_rows`: what tasks beside the removal of rows start from."""

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_iris
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skinfluence import InfluenceExplainer


def _classifier():
    X, y = load_iris(return_X_y=True)
    model = make_pipeline(StandardScaler(), LogisticRegression())
    return InfluenceExplainer(model).fit(X[::2], y[::2]), X[1::6], y[1::6]


def _regressor():
    X, y = load_diabetes(return_X_y=True)
    return InfluenceExplainer(Ridge(alpha=0.1)).fit(X[:200], y[:200]), X[200:220], y[200:220]


@pytest.mark.parametrize(
    ("make", "target"),
    [
        (_classifier, "loss"),
        (_classifier, "predict"),
        (_classifier, "decision_function"),
        (_classifier, "predict_proba"),
        (_regressor, "loss"),
        (_regressor, "predict"),
    ],
)
def test_gradients_are_the_finite_differences_of_the_values(make, target):
    explainer, X, y = make()
    tests = explainer.test_rows(X, y if target == "loss" else None, target=target)
    # central: exact for squares, and long enough that losses of thousands do not round it away
    objective, step = explainer.objective_, 1e-4
    gradients = tests.coef_gradients().to_dense()
    for j in range(objective.n_parameters):
        moved = np.zeros(objective.coef.size)
        moved[j] = step
        ends = []
        for sign in (1.0, -1.0):
            coef = objective.coef + sign * moved.reshape(objective.coef.shape)
            raw = tests.design.matmul(coef.T)
            ends.append(tests.target.value(raw))
        difference = (ends[0] - ends[1]) / (2 * step)
        np.testing.assert_allclose(gradients[:, j], difference, rtol=1e-6, atol=1e-6)


def test_changes_are_those_of_the_values():
    explainer, X, y = _classifier()
    tests = explainer.test_rows(X, y)
    moved = np.full((len(tests), 2, 3), 0.1) * np.array([1.0, -2.0, 0.5])
    after = tests.target.value(tests.raw_prediction + moved[:, 1])
    np.testing.assert_allclose(tests.change(moved)[:, 1], after - tests.value(), atol=1e-12)


def test_some_rows_are_those_rows():
    explainer, X, y = _classifier()
    tests = explainer.test_rows(X, y)
    part = tests.take(slice(3, 7))
    assert len(part) == 4
    np.testing.assert_array_equal(part.value(), tests.value()[3:7])
    np.testing.assert_array_equal(part.gradient(), tests.gradient()[3:7])
