"""LeaveOneOutSearch against RidgeCV, and as a scikit-learn estimator."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge, RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from skinfluence import InfluenceExplainer
from skinfluence.adapters import UnsupportedEstimatorError
from skinfluence.cross_validation import LeaveOneOutSearch, leave_one_out_score


def test_as_ridge_cv():
    X, y = load_diabetes(return_X_y=True)
    alphas = np.logspace(-4, 3, 15)
    theirs = RidgeCV(alphas, store_cv_results=True).fit(X, y)
    mine = LeaveOneOutSearch(Ridge(), {"alpha": alphas}, scoring="neg_mean_squared_error").fit(X, y)
    np.testing.assert_allclose(
        -mine.cv_results_["mean_test_score"], theirs.cv_results_.mean(axis=0), rtol=1e-8
    )
    assert mine.best_params_ == {"alpha": theirs.alpha_}
    np.testing.assert_allclose(mine.best_estimator_.coef_, theirs.coef_, rtol=1e-8)
    np.testing.assert_allclose(mine.predict(X), theirs.predict(X))


def test_pipelines_and_the_default_path():
    X, y = load_breast_cancer(return_X_y=True)
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    search = LeaveOneOutSearch(model, scoring="neg_log_loss", n_jobs=2).fit(X[:300], y[:300])
    (name,) = search.best_params_
    assert name == "logisticregression__C"
    best = clone(model).set_params(**search.best_params_)
    explainer = InfluenceExplainer(best).fit(X[:300], y[:300])
    alone = leave_one_out_score(explainer, "neg_log_loss")
    assert search.best_score_ == pytest.approx(alone, rel=1e-7)  # the optimum is found in two ways
    results = search.cv_results_
    assert results["rank_test_score"][search.best_index_] == 1
    assert len(results["params"]) == len(results["param_logisticregression__C"]) == 17
    assert search.predict_proba(X).shape == (569, 2)
    assert search.score(X[300:], y[300:]) < 0.0  # by its own scoring


def test_several_grids_and_the_order_of_ties():
    X, y = load_diabetes(return_X_y=True)
    grids = [{"alpha": [1.0]}, {"alpha": [1.0], "fit_intercept": [True, False]}]
    search = LeaveOneOutSearch(Ridge(), grids).fit(X, y)
    assert search.best_index_ == 0
    assert search.cv_results_["rank_test_score"].tolist() == [1, 1, 3]
    assert search.cv_results_["param_fit_intercept"].mask.tolist() == [True, False, False]


def test_bad_input():
    X, y = load_diabetes(return_X_y=True)
    with pytest.raises(ValueError, match="Pass param_grid"):
        LeaveOneOutSearch(LinearRegression()).fit(X, y)
    with pytest.raises(UnsupportedEstimatorError, match="trees"):
        LeaveOneOutSearch(RandomForestRegressor(), {"max_depth": [2]}).fit(X, y)
    with pytest.raises(UnsupportedEstimatorError, match=r"Ridge is a class. Expected .* Ridge\(\)"):
        LeaveOneOutSearch(Ridge).fit(X, y)
    with pytest.raises(ValueError, match=r"has no candidate\. Expected a dict of lists"):
        LeaveOneOutSearch(Ridge(), []).fit(X, y)
    with pytest.raises(ValueError, match="method='first_order'"):
        LeaveOneOutSearch(Ridge(), method="first_order").fit(X, y)


def test_weights_count_in_the_score():
    X, y = load_diabetes(return_X_y=True)
    weight = np.arange(len(y)) % 3 * 1.0
    search = LeaveOneOutSearch(Ridge(), {"alpha": [0.1]}).fit(X, y, weight)
    there = weight > 0
    without = LeaveOneOutSearch(Ridge(), {"alpha": [0.1]}).fit(X[there], y[there], weight[there])
    assert search.best_score_ == pytest.approx(without.best_score_, rel=1e-9)


WHOLE = "a row of weight two is left out as a whole, one of two equal rows is not"
KNOWN = {f"check_sample_weight_equivalence_on_{kind}_data": WHOLE for kind in ("dense", "sparse")}


@parametrize_with_checks(
    [LeaveOneOutSearch(Ridge(), {"alpha": [0.1, 1.0]}), LeaveOneOutSearch(param_grid={"C": [1.0]})],
    expected_failed_checks=lambda estimator: KNOWN,
)
def test_conformance(estimator, check):
    check(estimator)
