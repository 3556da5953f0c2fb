"""Wrapped estimators are explained as the bare, refitted estimator inside them."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.datasets import load_breast_cancer
from sklearn.feature_selection import SelectKBest
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import (
    LogisticRegression,
    Ridge,
    RidgeClassifier,
    RidgeClassifierCV,
    RidgeCV,
)
from sklearn.model_selection import GridSearchCV, GroupKFold, RandomizedSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler, scale

from skinfluence import InfluenceExplainer

X, y = load_breast_cancer(return_X_y=True)
X, y = scale(X[:150, :6]), y[:150]
values = X[:, 0] + np.random.default_rng(0).normal(size=150)
Cs = {"C": [0.01, 0.1, 1.0]}


def influence(estimator, table=X, target=y, **fit_parameters):
    explainer = InfluenceExplainer(estimator).fit(table, target, **fit_parameters)
    return explainer.influence(table[:20], target[:20])


def near(got, want):
    np.testing.assert_allclose(got, want, rtol=1e-8, atol=1e-11 * np.abs(want).max())


@pytest.mark.parametrize(
    "search",
    [
        GridSearchCV(LogisticRegression(), Cs, cv=3),
        RandomizedSearchCV(
            LogisticRegression(), {"C": stats.loguniform(0.1, 1)}, n_iter=3, cv=3, random_state=0
        ),
    ],
    ids=["grid", "random"],
)
def test_a_search_is_explained_as_its_best_estimator(search):
    best = search.fit(X, y).best_estimator_
    near(influence(search), influence(best))
    assert InfluenceExplainer(search).fit(X, y).estimator_.best_params_ == search.best_params_


@pytest.mark.parametrize(
    ("search", "bare", "target"),
    [
        (RidgeCV([0.1, 1.0, 10.0]), Ridge, values),
        (RidgeClassifierCV([0.1, 1.0, 10.0]), RidgeClassifier, y),
    ],
    ids=["RidgeCV", "RidgeClassifierCV"],
)
def test_a_path_is_explained_as_the_ridge_that_it_chose(search, bare, target):
    chosen = search.fit(X, target).alpha_
    near(influence(search, X, target), influence(bare(chosen), X, target))


def test_a_pipeline_is_explained_in_the_space_of_its_last_step():
    pipeline = make_pipeline(
        StandardScaler(), SelectKBest(k=3), "passthrough", LogisticRegression()
    )
    before = pipeline.fit(X, y)[:-1].transform(X)
    near(influence(pipeline), influence(LogisticRegression(), before))


def test_pipelines_and_searches_nest():
    search = GridSearchCV(LogisticRegression(), Cs, cv=3)
    nested = make_pipeline(make_pipeline(StandardScaler()), make_pipeline(SelectKBest(k=3), search))
    fitted = nested.fit(X, y)
    before = fitted[-1][0].transform(fitted[0].transform(X))
    best = fitted[-1][-1].best_estimator_
    near(influence(nested), influence(best, before))
    outer = GridSearchCV(
        make_pipeline(StandardScaler(), LogisticRegression()), {"logisticregression__C": [0.1, 1.0]}
    )
    best = outer.fit(X, y).best_estimator_
    near(influence(outer), influence(best))


@pytest.mark.parametrize(
    "model",
    [LogisticRegression(), make_pipeline(StandardScaler(), LogisticRegression())],
    ids=["bare", "pipeline"],
)
def test_a_frozen_estimator_is_explained_as_it_was_fitted(model):
    frozen = FrozenEstimator(model.fit(X, y))
    explainer = InfluenceExplainer(frozen).fit(X, y)
    near(explainer.influence(X[:20], y[:20]), influence(model))
    np.testing.assert_array_equal(explainer.predict_proba(X), model.predict_proba(X))


@pytest.mark.parametrize("inner", [False, True], ids=["whole", "step"])
def test_a_frozen_estimator_that_is_fitted_again_elsewhere_stays_as_it_was(inner):
    scaler = StandardScaler().fit(X)
    model = make_pipeline(scaler, LogisticRegression()).fit(X, y)
    frozen = make_pipeline(FrozenEstimator(scaler), LogisticRegression())
    explainer = InfluenceExplainer(frozen if inner else FrozenEstimator(model)).fit(X, y)
    want, table = explainer.influence(X[:5], y[:5]), str(explainer.explain(X[:1], y[:1]))
    model.fit(3.0 * X[:80] + 5.0, y[:80])
    near(explainer.influence(X[:5], y[:5]), want)
    assert str(explainer.explain(X[:1], y[:1])) == table


@pytest.mark.parametrize(
    "wrap",
    [
        lambda model: make_pipeline(StandardScaler(), model),
        lambda model: make_pipeline(StandardScaler(), GridSearchCV(model, {"C": [0.5]}, cv=3)),
        lambda model: GridSearchCV(make_pipeline(StandardScaler(), model), {}, cv=3),
    ],
    ids=["pipeline", "search in a pipeline", "pipeline in a search"],
)
def test_sample_weights_reach_the_last_step(wrap):
    weights = np.random.default_rng(1).uniform(0.2, 3.0, size=150)
    bare = LogisticRegression(C=0.5)
    want = influence(bare, StandardScaler().fit_transform(X), sample_weight=weights)
    got = influence(wrap(LogisticRegression(C=0.5)), sample_weight=weights)
    near(got, want)


def test_further_fit_parameters_reach_the_estimator():
    search = GridSearchCV(LogisticRegression(), Cs, cv=GroupKFold(3))
    groups = np.arange(150) % 7
    explainer = InfluenceExplainer(search).fit(X, y, groups=groups)
    assert explainer.estimator_.n_splits_ == 3
    with pytest.raises(ValueError, match="'groups' parameter should not be None"):
        InfluenceExplainer(search).fit(X, y)


def test_names_of_coefficients_come_through_the_pipeline():
    pipeline = make_pipeline(StandardScaler(), SelectKBest(k=2), LogisticRegression())
    frame = InfluenceExplainer(pipeline).fit(X, y).diagnostics()
    kept = np.flatnonzero(pipeline.fit(X, y)[1].get_support())
    names = [c for c in frame.columns if c.startswith("dfbetas_")]
    assert names == [*(f"dfbetas_x{j}" for j in kept), "dfbetas_intercept"]


def dfbetas_names(explainer):
    return [name for name in explainer.diagnostics() if name.startswith("dfbetas_")]


def test_a_feature_called_intercept_keeps_its_dfbetas():
    frame = pd.DataFrame(X[:, :3], columns=["dose", "intercept", "leverage"])
    got = InfluenceExplainer(Ridge()).fit(frame, values)
    want = InfluenceExplainer(Ridge()).fit(X[:, :3], values)
    names = ["dose", "intercept", "leverage", "(intercept)"]
    assert dfbetas_names(got) == [f"dfbetas_{name}" for name in names]
    np.testing.assert_allclose(got.diagnostics(), want.diagnostics(), rtol=1e-10, atol=1e-13)


def test_features_of_one_name_are_numbered():
    same = FunctionTransformer(feature_names_out=lambda step, names: ["age"] * len(names))
    explainer = InfluenceExplainer(make_pipeline(same, Ridge())).fit(X[:, :2], values)
    assert dfbetas_names(explainer) == ["dfbetas_age", "dfbetas_age (2)", "dfbetas_intercept"]


def test_names_of_coefficients_of_several_outputs_are_distinct():
    frame = pd.DataFrame(X[:, :2], columns=["intercept", "dose"])
    explainer = InfluenceExplainer(LogisticRegression()).fit(frame, np.arange(150) % 3)
    names = [
        *(f"{name} [{k}]" for k in range(3) for name in frame),
        *(f"(intercept) [{k}]" for k in range(3)),
    ]
    assert explainer.fitted_model_.coef_names() == names
