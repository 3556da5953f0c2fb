"""Metadata routing on: weights go where they were requested, and only there."""

import numpy as np
import pytest
import sklearn
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import VotingClassifier
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skinfluence import InfluenceExplainer, LabelFlagger
from skinfluence.explainer import refit_estimator
from skinfluence.targets import Probability

rng = np.random.default_rng(0)
X = rng.normal(size=(80, 3))
y = (X[:, 0] + rng.normal(size=80) > 0).astype(int)
weights = rng.uniform(0.2, 3.0, size=80)


def asking():
    # made anew each time: imbalanced-learn adds a method to scikit-learn's requests when another
    # test imports it, and requests that were made before do not have it
    return LogisticRegression().set_fit_request(sample_weight=True)


@pytest.fixture(autouse=True)
def routing():
    with sklearn.config_context(enable_metadata_routing=True):
        yield


def direct(**fit_parameters):
    with sklearn.config_context(enable_metadata_routing=False):
        return InfluenceExplainer().fit(X, y, **fit_parameters).influence(X, y)


@pytest.mark.parametrize("wrap", [lambda model: model, make_pipeline], ids=["bare", "pipeline"])
def test_requested_weights_reach_the_estimator_and_the_objective(wrap):
    explainer = InfluenceExplainer(wrap(asking())).fit(X, y, sample_weight=weights)
    want = direct(sample_weight=weights)
    np.testing.assert_allclose(explainer.influence(X, y), want, rtol=1e-8, atol=1e-12)
    assert explainer.stationarity_ < 0.01


def test_weights_that_nobody_asked_for_are_refused():
    with pytest.raises(UnsetMetadataPassedError, match="sample_weight"):
        InfluenceExplainer(LogisticRegression()).fit(X, y, sample_weight=weights)


def test_weights_that_the_scaler_asks_for_too_go_to_both():
    scaler = StandardScaler().set_fit_request(sample_weight=True)
    model = make_pipeline(scaler, asking())
    explainer = InfluenceExplainer(model).fit(X, y, sample_weight=weights)
    np.testing.assert_allclose(
        explainer.estimator_[0].mean_, np.average(X, axis=0, weights=weights), rtol=1e-12
    )


def test_members_that_do_not_ask_have_no_weights():
    one, other = asking(), LogisticRegression(C=0.1).set_fit_request(sample_weight=False)
    voting = VotingClassifier([("one", one), ("other", other)], voting="soft")
    explainer = InfluenceExplainer(voting).fit(X, y, sample_weight=weights)
    exact = {f"{name}__tol": 1e-12 for name in ("one", "other")}

    def refit(kept):
        fitted = (
            clone(voting).set_params(**exact).fit(X[kept], y[kept], sample_weight=weights[kept])
        )
        return fitted.predict_proba(X)[:, 1]

    before, second = refit(np.arange(80)), Probability(1)
    got = explainer.influence(X, target=second, rows=[0, 5], method="refit")
    for place, row in enumerate([0, 5]):
        want = refit(np.delete(np.arange(80), row)) - before
        np.testing.assert_allclose(got[:, place], want, atol=1e-5 * abs(want).max())


def test_weights_go_through_a_transformed_target_to_the_last_step_of_its_pipeline():
    scaler = StandardScaler().set_fit_request(sample_weight=False)
    ridge = make_pipeline(scaler, Ridge().set_fit_request(sample_weight=True))
    model = TransformedTargetRegressor(ridge, func=np.log, inverse_func=np.exp)
    values = np.exp(X @ [1.0, 2.0, 0.0])
    got = (
        InfluenceExplainer(model).fit(X, values, sample_weight=weights).influence(X[:5], values[:5])
    )
    with sklearn.config_context(enable_metadata_routing=False):
        plain = InfluenceExplainer(model).fit(X, values, sample_weight=weights)
        want = plain.influence(X[:5], values[:5])
    np.testing.assert_allclose(got, want, rtol=1e-10)


def test_explainers_of_flaggers_and_fits_of_attacks_have_their_weights():
    absent = np.where(np.arange(80) % 9, weights, 0.0)
    model = make_pipeline(StandardScaler().set_fit_request(sample_weight=False), asking())
    flagger = LabelFlagger(model).fit(X, y, sample_weight=absent)
    assert np.isfinite(flagger.explainer_.influence(X[:2], y[:2])).all()
    explainer = InfluenceExplainer(model).fit(X, y, sample_weight=weights)
    again = refit_estimator(explainer, X)
    np.testing.assert_array_equal(again[-1].coef_, explainer.estimator_[-1].coef_)


def test_groups_reach_the_splitter_of_an_inner_search():
    search = GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, cv=GroupKFold(4))
    groups = np.arange(80) % 9
    explainer = InfluenceExplainer(search).fit(X, y, groups=groups)
    assert explainer.estimator_.n_splits_ == 4


def test_a_search_over_the_explainer_routes_weights_through_it():
    search = GridSearchCV(InfluenceExplainer(asking()), {"estimator__C": [1.0]}, cv=3)
    search.fit(X, y, sample_weight=weights)
    got = search.best_estimator_.influence(X, y)
    np.testing.assert_allclose(got, direct(sample_weight=weights), rtol=1e-8, atol=1e-12)


def test_cross_validation_passes_weights_as_params():
    scores = cross_val_score(
        InfluenceExplainer(asking(), method="refit"), X, y, cv=3, params={"sample_weight": weights}
    )
    np.testing.assert_allclose(scores, 1.0, atol=1e-9)
