"""The refits of an attack are those of the estimator."""

import numpy as np
import pytest
from sklearn.linear_model import (
    ElasticNet,
    LinearRegression,
    LogisticRegression,
    PoissonRegressor,
    Ridge,
)
from sklearn.svm import LinearSVC

from skinfluence import InfluenceExplainer
from skinfluence.explainer import ChangedRows, refit_estimator
from skinfluence.perturbation import perturbation_influence
from skinfluence.testing import tightened

ROWS = np.array([3, 60, 61])


def _data(n_classes=2, n=100, p=4):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, p))
    return X, rng.integers(n_classes, size=n), X[:5] + 0.3


MODELS = [
    (LogisticRegression(), 2),
    (LogisticRegression(class_weight="balanced"), 3),
    (LogisticRegression(solver="liblinear"), 2),
    (LinearSVC(loss="squared_hinge"), 2),
    (LinearSVC(loss="hinge", random_state=0), 2),
    (PoissonRegressor(), 5),
    (Ridge(), 5),
    (LinearRegression(), 5),
    (ElasticNet(0.05), 5),
]


@pytest.mark.parametrize(("model", "n_classes"), MODELS)
@pytest.mark.filterwarnings("ignore")
def test_refit_with_changed_rows_is_that_of_the_estimator(model, n_classes):
    X, y, _ = _data(n_classes)
    weight = np.random.default_rng(1).uniform(0.5, 2.0, len(y))
    explainer = InfluenceExplainer(tightened(model)).fit(X, y, sample_weight=weight)
    moved = X.copy()
    moved[ROWS] += [[2.0, 0, 0, 0], [0, -1.5, 0, 1.0], [0, 0, 3.0, 0]]
    refits = ChangedRows(explainer, ROWS)
    refits.explain(moved, 5.0 * moved[ROWS])  # each starts from the last one
    changed = refits.explain(moved, moved[ROWS])
    own = refit_estimator(explainer, moved)
    coef = np.ravel(own.coef_)
    found = changed.objective_.estimator_layout(changed.objective_.coef).ravel()[: len(coef)]
    np.testing.assert_allclose(found, coef, atol=3e-5 * np.abs(coef).max())


@pytest.mark.parametrize("n_classes", [2, 3])
def test_slopes_after_a_change_are_those_of_a_new_explainer(n_classes):
    X, y, X_test = _data(n_classes)
    explainer = InfluenceExplainer(LogisticRegression(tol=1e-10)).fit(X, y)
    moved = X.copy()
    moved[ROWS] += 1.5
    changed = ChangedRows(explainer, ROWS).explain(moved, moved[ROWS])
    new = InfluenceExplainer(LogisticRegression(tol=1e-10)).fit(moved, y)
    labels = np.zeros(len(X_test), dtype=int)
    found, wanted = (perturbation_influence(made, X_test, labels, ROWS) for made in (changed, new))
    np.testing.assert_allclose(found, wanted, atol=1e-6 * np.abs(wanted).max())
