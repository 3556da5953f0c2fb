"""The step of the page "Extending" has the derivative of the refit."""

import numpy as np
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from skinfluence import InfluenceExplainer
from skinfluence.perturbation import perturbation_influence
from skinfluence.testing import check_vjp
from tests.extending.decibel import Decibel


def test_the_derivative_is_that_of_the_transform():
    X, _ = load_iris(return_X_y=True)
    check_vjp(Decibel().fit(X), X[::20])


def test_derivatives_go_back_through_a_step_of_ones_own():
    X, y = load_iris(return_X_y=True)
    model = LogisticRegression(solver="newton-cholesky", tol=1e-12)
    explainer = InfluenceExplainer(make_pipeline(Decibel(), model)).fit(X, y)
    slope = perturbation_influence(explainer, X[:5], y[:5], rows=[60])[:, 0, 2]
    step, h, losses = explainer.estimator_[0], 1e-4, []
    for sign in (1, -1):
        moved = X.copy()
        moved[60, 2] += sign * h
        model.fit(step.transform(moved), y)
        losses.append(-np.log(model.predict_proba(step.transform(X[:5]))[np.arange(5), y[:5]]))
    expected = (losses[0] - losses[1]) / (2 * h)
    assert np.abs(slope - expected).max() <= 1e-5 * np.abs(expected).max()
