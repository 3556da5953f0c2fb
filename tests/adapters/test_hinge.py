"""LinearSVC with the hinge, explained through the smooth hinge in both ways of the papers."""

import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.svm import LinearSVC

from skinfluence import InfluenceExplainer, SmoothHingeSVC
from skinfluence.losses import SmoothHinge
from skinfluence.testing import finite_difference_influence
from tests.adapters._cases import FORMATS, ROWS, table

TEMPERATURE = 0.3


def with_ones(X, scaling):
    """liblinear's intercept is the weight of one more, constant column."""
    return np.column_stack([X, np.full(len(X), scaling)])


def explain_hinge(X, y, weights, **settings):
    machine = LinearSVC(loss="hinge", C=0.2, max_iter=100_000, random_state=0, **settings)
    with warnings.catch_warnings():
        # moving from the hinge's optimum to the smooth one is what is asked for here
        warnings.filterwarnings("ignore", "LinearSVC had not converged", ConvergenceWarning)
        return InfluenceExplainer(machine, temperature=TEMPERATURE).fit(X, y, weights)


@pytest.mark.parametrize("kind", ["two classes", "three classes"])
@pytest.mark.parametrize("weighted", [False, True], ids=["unweighted", "weighted"])
@pytest.mark.parametrize("scaling", [1.0, 3.0])
def test_influence_is_the_slope_of_smooth_hinge_refits(kind, weighted, scaling):
    """SmoothHingeSVC on [X, scaling] without an intercept minimises the same function."""
    X, y, X_test, y_test, weights = table(kind, weighted)
    truth = finite_difference_influence(
        SmoothHingeSVC(C=0.2, temperature=TEMPERATURE, fit_intercept=False),
        with_ones(X, scaling),
        y,
        with_ones(X_test, scaling),
        y_test,
        ROWS,
        sample_weight=weights,
        step=0.005,
    )
    for make in FORMATS.values():
        explainer = explain_hinge(make(X), y, weights, intercept_scaling=scaling)
        got = explainer.influence(make(X_test), y_test, method="first_order", rows=ROWS)
        assert np.abs(got - truth).max() < 1e-6 * np.abs(truth).max()


def test_unpolished_keeps_the_hinge_weights():
    X, y, X_test, _, _ = table("two classes", False)
    machine = LinearSVC(loss="hinge", C=0.2, max_iter=100_000, random_state=0)
    explainer = InfluenceExplainer(machine, polish=False, temperature=TEMPERATURE)
    with pytest.warns(ConvergenceWarning, match="away from an optimum"):
        explainer.fit(X, y)
    raw = explainer.objective_.raw_predictions(explainer.fitted_model_.predictor(X_test))[:, 0]
    np.testing.assert_allclose(raw, explainer.decision_function(X_test), rtol=1e-12)
    assert explainer.stationarity_ == explainer.polished_stationarity_ > 1e-3
    assert isinstance(explainer.objective_.loss, SmoothHinge)
    assert explainer.objective_.loss.temperature == TEMPERATURE
