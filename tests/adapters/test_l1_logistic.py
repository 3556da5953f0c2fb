"""LogisticRegression with an l1 penalty: on the selection, and refits that select anew."""

import warnings

import numpy as np
import pytest
import sklearn
from sklearn.datasets import load_breast_cancer
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV
from sklearn.utils.fixes import parse_version

from skinfluence import InfluenceExplainer, supports
from skinfluence.testing import finite_difference_influence, leave_one_out_influence

OLD = parse_version(sklearn.__version__) < parse_version("1.8")
N = 100
X, y = load_breast_cancer(return_X_y=True)
X = ((X - X.mean(axis=0)) / X.std(axis=0))[:, :8]
X, y, X_test, y_test = X[:N], y[:N], X[N : N + 10], y[N : N + 10]
WEIGHTS = 0.5 + np.random.default_rng(1).random(N)


def l1(ratio=1.0, solver="liblinear", C=0.2, **settings):
    if OLD:
        penalty = "l1" if ratio == 1.0 else "elasticnet"
        settings = {"penalty": penalty, **settings}
        ratio = None if ratio == 1.0 else ratio
    return LogisticRegression(C=C, l1_ratio=ratio, solver=solver, tol=1e-8, **settings)


MODELS = {
    "liblinear": l1(),
    "liblinear, other scaling of the intercept": l1(intercept_scaling=3.0),
    "liblinear, no intercept": l1(fit_intercept=False),
    "saga": l1(solver="saga", max_iter=10_000),
    "elastic net": l1(0.5, solver="saga", max_iter=10_000),
    "class weight": l1(class_weight={0: 2.0}),
    "balanced": l1(class_weight="balanced"),
    "changing": l1(C=1.0),
}


def explained(model):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return InfluenceExplainer(model).fit(X, y, WEIGHTS)


@pytest.mark.parametrize("name", [name for name in MODELS if name != "balanced" or not OLD])
def test_first_order_is_the_slope_of_the_refits(name):
    rows = [0, 7, 40]
    truth = finite_difference_influence(
        MODELS[name], X, y, X_test, y_test, rows, sample_weight=WEIGHTS, step=0.02
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The removal of .* predicted to change")
        got = explained(MODELS[name]).influence(X_test, y_test, method="first_order", rows=rows)
    np.testing.assert_allclose(got, truth, atol=1e-4 * np.abs(truth).max())


@pytest.mark.parametrize("name", ["changing", "balanced", "elastic net"])
def test_refits_are_the_estimator_without_the_row(name):
    rows = np.arange(0, N, 9 if name == "elastic net" else 3)
    truth = leave_one_out_influence(MODELS[name], X, y, X_test, y_test, rows, sample_weight=WEIGHTS)
    got = explained(MODELS[name]).influence(X_test, y_test, method="refit", rows=rows)
    np.testing.assert_allclose(got, truth, atol=1e-4 * np.abs(truth).max())


def test_removals_that_change_the_selection_are_predicted_and_refitted():
    explainer = explained(l1(C=3.0))
    coef = explainer.objective_.estimator_layout(explainer.objective_.coef)
    moved = coef + explainer.coef_influence(method="refit")
    changed = np.flatnonzero((np.sign(moved) != np.sign(coef))[:, :8].any(axis=1))
    assert 0 < len(changed) < N
    with pytest.warns(RuntimeWarning, match="predicted to change which") as caught:
        explainer.influence(X_test, y_test)
    count = int(str(caught[0].message).split("removal of ")[1].split()[0])
    assert abs(count - len(changed)) <= 0.3 * len(changed)  # a prediction by one Newton step


def test_the_caveat_comes_with_the_l1_penalty():
    assert supports(LogisticRegression()).answer == "yes"
    assert "selects anew" in supports(l1()).reason


@pytest.mark.skipif(OLD, reason="l1_ratios without a penalty are of scikit-learn 1.8")
def test_the_choice_of_a_search_is_explained():
    search = LogisticRegressionCV(
        Cs=[0.2],
        l1_ratios=(1.0,),
        solver="liblinear",
        tol=1e-8,
        cv=3,
        scoring="neg_log_loss",
        use_legacy_attributes=False,
    )
    got = explained(search).influence(X_test, y_test, method="refit", rows=[1, 2])
    expected = explained(l1()).influence(X_test, y_test, method="refit", rows=[1, 2])
    np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-10)
