"""class_weight="balanced" where the estimator counts rows: weights follow the presence of a row.

RidgeClassifier always counts so, scikit-learn 1.6 everywhere. The derivative is then taken in how
much of a row is there, and the truth is a refit with class weights made by hand.
"""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.svm import LinearSVC

from skinfluence import InfluenceExplainer
from skinfluence.adapters._linear import COUNTS_ARE_WEIGHTED
from skinfluence.testing._truth import STENCIL, refitted_losses, tightened
from tests.adapters._cases import ROWS, table

COUNTING = {"RidgeClassifier": (RidgeClassifier(0.4), 1e-6, 1e-2)}
if not COUNTS_ARE_WEIGHTED:
    COUNTING |= {
        "LogisticRegression": (LogisticRegression(solver="newton-cholesky"), 1e-6, 1e-2),
        # the step is long enough for liblinear's own error, which it divides: at 2e-3 that is 1e-4
        "LinearSVC": (LinearSVC(dual=False), 1e-4, 8e-3),
    }


def with_presence(estimator, y, presence):
    """The estimator with the class weights of a table in which some rows are there in part."""
    classes, codes = np.unique(y, return_inverse=True)
    counts = np.bincount(codes, weights=presence)
    balanced = counts.sum() / (len(classes) * counts)
    return clone(estimator).set_params(class_weight=dict(zip(classes, balanced, strict=True)))


@pytest.mark.parametrize("kind", ["two classes", "three classes"])
@pytest.mark.parametrize("weighted", [False, True], ids=["unweighted", "weighted"])
@pytest.mark.parametrize("name", COUNTING)
def test_class_weights_follow_the_presence_of_a_row(name, kind, weighted):
    estimator, rtol, step = COUNTING[name]
    X, y, X_test, y_test, weights = table(kind, weighted)
    weights = np.ones(len(y)) if weights is None else weights
    truth = np.zeros((len(X_test), len(ROWS)))
    for j, row in enumerate(ROWS):
        for position, coefficient in STENCIL:
            presence = np.ones(len(y))
            presence[row] += position * step
            refit = with_presence(estimator, y, presence)
            losses = refitted_losses(refit, X, y, weights * presence, X_test, y_test)
            truth[:, j] -= coefficient * losses / step
    balanced = clone(tightened(estimator)).set_params(class_weight="balanced")
    explainer = InfluenceExplainer(balanced).fit(X, y, weights)
    got = explainer.influence(X_test, y_test, method="first_order", rows=ROWS)
    assert np.abs(got - truth).max() < rtol * np.abs(truth).max()
