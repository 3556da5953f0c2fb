"""For squared error the Newton step is the real leave-one-out: row deleted, model refitted."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge, RidgeClassifier

from skinfluence import InfluenceExplainer
from skinfluence.testing import leave_one_out_influence
from tests.adapters._cases import table

ROWS = [0, 1, 17, 40]

CASES = {
    "LinearRegression": (LinearRegression(), "values"),
    "LinearRegression-no-intercept": (LinearRegression(fit_intercept=False), "values"),
    "LinearRegression-two-outputs": (LinearRegression(), "two values"),
    "Ridge": (Ridge(0.4), "values"),
    "Ridge-no-intercept": (Ridge(0.4, fit_intercept=False), "values"),
    "Ridge-alpha-per-output": (Ridge(np.array([0.1, 5.0])), "two values"),
    "RidgeClassifier-binary": (RidgeClassifier(0.4), "two classes"),
    "RidgeClassifier-three": (RidgeClassifier(0.4), "three classes"),
    "RidgeClassifier-balanced": (RidgeClassifier(class_weight="balanced"), "two classes"),
    "RidgeClassifier-balanced-three": (RidgeClassifier(class_weight="balanced"), "three classes"),
    "RidgeClassifier-class_weight": (RidgeClassifier(class_weight={"yes": 3.0}), "two classes"),
}


@pytest.mark.parametrize("method", ["newton_step", "refit"])
@pytest.mark.parametrize("weighted", [False, True], ids=["unweighted", "weighted"])
@pytest.mark.parametrize("name", CASES)
def test_newton_step_is_the_real_leave_one_out(name, weighted, method):
    estimator, kind = CASES[name]
    X, y, X_test, y_test, weights = table(kind, weighted)
    truth = leave_one_out_influence(estimator, X, y, X_test, y_test, ROWS, sample_weight=weights)
    for make in (np.asarray, sparse.csr_array):
        explainer = InfluenceExplainer(estimator).fit(make(X), y, weights)
        got = explainer.influence(make(X_test), y_test, method=method, rows=ROWS)
        assert np.abs(got - truth).max() < 1e-9 * np.abs(truth).max()


@pytest.mark.parametrize("kind", ["two classes", "three classes"])
@pytest.mark.parametrize("class_weight", [None, "balanced"])
@pytest.mark.parametrize("weighted", [False, True], ids=["unweighted", "weighted"])
def test_refit_is_the_real_leave_one_out_of_logistic_regression(kind, class_weight, weighted):
    estimator = LogisticRegression(solver="newton-cholesky", class_weight=class_weight)
    X, y, X_test, y_test, weights = table(kind, weighted)
    truth = leave_one_out_influence(estimator, X, y, X_test, y_test, ROWS, sample_weight=weights)
    explainer = InfluenceExplainer(estimator).fit(X, y, weights)
    got = explainer.influence(X_test, y_test, method="refit", rows=ROWS)
    assert np.abs(got - truth).max() < 1e-8 * np.abs(truth).max()
