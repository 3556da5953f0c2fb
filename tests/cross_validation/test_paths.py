"""Scores along a path of penalties against those of every penalty by itself."""

import warnings

import numpy as np
import pytest
from sklearn.base import clone, is_classifier
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifier
from sklearn.model_selection import LeaveOneOut, cross_val_predict
from sklearn.preprocessing import StandardScaler

from skinfluence import InfluenceExplainer
from skinfluence.adapters import REGISTRY
from skinfluence.cross_validation import LeaveOneOutSearch, leave_one_out_score
from skinfluence.cross_validation._paths import paths
from skinfluence.explainer import PenaltyPath
from tests.adapters._cases import table

SERVED = (
    *("Ridge", "RidgeClassifier", "LogisticRegression", "LinearSVC", "SmoothHingeSVC"),
    *("PoissonRegressor", "GammaRegressor", "TweedieRegressor", "QuantileRegressor"),
    *("SGDClassifier", "SGDRegressor", "LinearSVR"),
)
EXAMPLES = [
    pytest.param(estimator, penalty, id=f"{name}-{i}")
    for (_, name), adapter in REGISTRY.items()
    if name in SERVED
    for i, estimator in enumerate(adapter.examples())
    for penalty in ("alpha", "C")
    if isinstance(estimator.get_params().get(penalty), float)
]


@pytest.mark.parametrize(("estimator", "penalty"), EXAMPLES)
def test_a_penalty_along_the_path_is_that_of_a_fit(estimator, penalty):
    X, y = table("two classes" if is_classifier(estimator) else "positive", False)[:2]
    value = estimator.get_params()[penalty]

    def explainer(ratio):
        other = clone(estimator).set_params(**{penalty: ratio * value})
        return InfluenceExplainer(other, verbose=0).fit(X, y)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it did not converge, in both ways
        first = explainer(0.5 if penalty == "C" else 2.0)
        objective = first.objective_
        if objective.selects or objective.stands_in or not objective.loss.convex:
            assert not PenaltyPath.serves(first)
            return
        assert PenaltyPath.serves(first)
        path = PenaltyPath(first, penalty)
        for ratio in (1.0, 5.0 if penalty == "C" else 0.2):
            mine = path.explain(ratio * value).objective_.raw_prediction
            real = explainer(ratio).objective_.raw_prediction
            np.testing.assert_allclose(mine, real, atol=1e-5 * np.ptp(real))


def _tables():
    X, y = load_breast_cancer(return_X_y=True)
    yield StandardScaler().fit_transform(X[::3]), y[::3]
    X, y = load_iris(return_X_y=True)
    yield StandardScaler().fit_transform(X[::2]), y[::2]


@pytest.mark.parametrize("scoring", ["neg_log_loss", "accuracy"])
@pytest.mark.parametrize("number", [0, 1])
def test_the_best_penalty_is_that_of_refits_without_every_row(number, scoring):
    X, y = list(_tables())[number]
    grid = {"C": np.logspace(-3, 3, 7)}
    search = LeaveOneOutSearch(LogisticRegression(max_iter=5000), grid, scoring=scoring).fit(X, y)
    refits = clone(search).set_params(method="refit").fit(X, y)
    results, real = search.cv_results_, refits.cv_results_["mean_test_score"]
    assert (refits.cv_results_["n_refits"] == len(y)).all()
    assert real[search.best_index_] == pytest.approx(real.max(), abs=1e-4)
    assert search.best_score_ == pytest.approx(real[search.best_index_], abs=1e-3)
    explainer = InfluenceExplainer(LogisticRegression(max_iter=5000, **search.best_params_))
    alone = leave_one_out_score(explainer.fit(X, y), scoring)
    assert search.best_score_ == pytest.approx(alone, rel=1e-6)
    # penalties that cannot be the best keep the score of Newton steps
    moved = results["n_refits"]
    assert moved.max() < len(y) and moved[0] == moved[1] == 0
    if scoring == "neg_log_loss":
        assert moved[search.best_index_] > 0 and moved[-1] == 0


def test_other_penalties_are_scored_by_themselves():
    X, y = load_iris(return_X_y=True)
    X, y = X[50:], y[50:]
    search = LeaveOneOutSearch(LogisticRegression(max_iter=1000), {"C": [1.0, np.inf, 0.1]})
    found = search.fit(X, y).cv_results_
    for params, score in zip(found["params"], found["mean_test_score"], strict=True):
        one = InfluenceExplainer(LogisticRegression(max_iter=1000, **params)).fit(X, y)
        assert score == pytest.approx(leave_one_out_score(one), abs=1e-9)
    for wrong in (-1.0, 0.0):
        with pytest.raises(ValueError, match="'C' parameter"):
            LeaveOneOutSearch(LogisticRegression(), {"C": [1.0, 0.1, wrong]}).fit(X, y)


def test_parts_of_a_grid_that_differ_otherwise_have_paths_of_their_own():
    long = [np.arange(2000.0), np.arange(2000.0)]
    long[1][1000] = 0.0  # printed alike
    candidates = [{"alpha": a, "w": w} for w in long for a in (0.1, 10, 1.0)]
    assert paths(candidates, "alpha") == [[1, 2, 0], [4, 5, 3]]
    assert paths([{"C": 1.0}, {"C": "big"}, {"C": 0.1}, {"C": np.inf}], "C") == [[2, 0], [1], [3]]
    assert paths([{"tol": 1.0}, {"tol": 0.1}], None) == [[0], [1]]
    X, y = load_iris(return_X_y=True)
    grid = {"alpha": [0.1, 10.0], "class_weight": [None, {0: 1.0, 1: 5.0, 2: 1.0}]}
    found = LeaveOneOutSearch(RidgeClassifier(), grid).fit(X, y).cv_results_
    for params, score in zip(found["params"], found["mean_test_score"], strict=True):
        one = InfluenceExplainer(RidgeClassifier(**params)).fit(X, y)
        assert score == leave_one_out_score(one)


def test_a_path_has_no_damping():
    X, y = load_iris(return_X_y=True)
    damped = InfluenceExplainer(LogisticRegression(max_iter=1000), damping=0.01).fit(X, y)
    assert not PenaltyPath.serves(damped)
    assert PenaltyPath.serves(damped.set_params(damping=0.0).fit(X, y))


@pytest.mark.parametrize("alphas", [[1e8, 1.0, 1e-4, 1e-10], [1e-6, 1e-10]])
def test_rows_that_weak_penalties_nearly_meet(alphas):
    """With more columns than rows a residual is about as small as one minus the leverage."""
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((30, 50)), rng.standard_normal(30)
    search = LeaveOneOutSearch(Ridge(), {"alpha": alphas}, scoring="neg_mean_squared_error")
    real = [cross_val_predict(Ridge(alpha), X, y, cv=LeaveOneOut()) for alpha in alphas]
    want = [-np.mean((own - y) ** 2) for own in real]
    np.testing.assert_allclose(search.fit(X, y).cv_results_["mean_test_score"], want, rtol=1e-6)
