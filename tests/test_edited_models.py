"""Estimators without some rows, with other labels and with more rows: those of a refit."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.ensemble import BaggingRegressor, VotingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import (
    ElasticNet,
    HuberRegressor,
    LarsCV,
    Lasso,
    LassoLars,
    LassoLarsCV,
    LassoLarsIC,
    LinearRegression,
    LogisticRegression,
    LogisticRegressionCV,
    PoissonRegressor,
    Ridge,
    RidgeClassifier,
    RidgeCV,
    SGDClassifier,
)
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputRegressor
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC, LinearSVR

from skinfluence import InfluenceExplainer
from skinfluence.adapters import REGISTRY, UnsupportedEstimatorError
from skinfluence.svm import SmoothHingeSVC

N, MORE = 150, 20
GONE = np.r_[3:40:4, 141]
PRECISE = {"tol": 1e-12, "max_iter": 1_000_000}
NEWTON = {"solver": "newton-cholesky", "tol": 1e-14}

REGRESSORS = [
    LinearRegression(),
    Ridge(0.5, fit_intercept=False),
    RidgeCV([1.0]),
    PoissonRegressor(**NEWTON),
    Lasso(0.5, **PRECISE),
    ElasticNet(0.1, **PRECISE),
    LinearSVR(epsilon=5.0, **PRECISE),
]
CLASSIFIERS = [
    LogisticRegression(**NEWTON),
    LogisticRegression(**NEWTON, class_weight="balanced", C=0.1),
    LogisticRegressionCV(Cs=[0.5], cv=3, **NEWTON),
    RidgeClassifier(class_weight="balanced"),
    LinearSVC(**PRECISE),
    SmoothHingeSVC(temperature=0.5),
    LinearSVC(loss="hinge", C=0.1, tol=1e-8, max_iter=1_000_000),
]


def _values():
    X, y = load_diabetes(return_X_y=True)
    return 20.0 * X[: N + MORE], y[: N + MORE]


def _classes(load=load_breast_cancer, columns=6):
    X, y = load(return_X_y=True)
    rows = np.random.default_rng(0).permutation(len(y))[: N + MORE]
    X = X[rows, :columns]
    return (X - X.mean(axis=0)) / X.std(axis=0), y[rows]


def _assert_same(model, refitted, X, atol=1e-8):
    scale = np.abs(refitted.coef_).max()
    assert model.coef_.shape == refitted.coef_.shape
    assert_allclose(model.coef_, refitted.coef_, rtol=0, atol=atol * scale)
    assert np.shape(model.intercept_) == np.shape(refitted.intercept_)
    for name in ("predict", "predict_proba", "decision_function"):
        if hasattr(refitted, name):
            mine, own = getattr(model, name)(X), getattr(refitted, name)(X)
            assert_allclose(mine, own, rtol=0, atol=10 * atol * np.abs(own).max())


@pytest.mark.filterwarnings("ignore:.*penalty.*:FutureWarning", "ignore::FutureWarning")
@pytest.mark.parametrize("estimator", [*REGRESSORS, *CLASSIFIERS], ids=repr)
def test_models_of_other_rows_are_the_estimators_own_refits(estimator):
    classes = hasattr(estimator, "class_weight")
    X, y = _classes() if classes else _values()
    atol = 1e-6 if isinstance(estimator, LinearSVC) else 1e-8  # liblinear's own error
    left = np.setdiff1d(np.arange(N), GONE)
    explainer = InfluenceExplainer(estimator).fit(X[:N], y[:N])
    _assert_same(explainer.without(GONE), clone(estimator).fit(X[left], y[left]), X, atol)
    other = y[:N].copy()
    other[GONE] = 1 - y[GONE] if classes else y[GONE] + 30.0
    corrected = explainer.with_labels(GONE, other[GONE])
    _assert_same(corrected, clone(estimator).fit(X[:N], other), X, atol)
    _assert_same(explainer.with_rows(X[N:], y[N:]), clone(estimator).fit(X, y), X, atol)


@pytest.mark.parametrize("estimator", [LassoLarsCV(), LassoLarsIC(), LarsCV()], ids=repr)
def test_a_chosen_penalty_stays(estimator):
    X, y = _values()
    explainer = InfluenceExplainer(estimator).fit(X, y)
    alpha, left = explainer.estimator_.alpha_, np.setdiff1d(np.arange(len(y)), GONE)
    model, refitted = explainer.without(GONE), LassoLars(alpha).fit(X[left], y[left])
    _assert_same(model, refitted, X)
    assert model.alpha_ == alpha != clone(estimator).fit(X[left], y[left]).alpha_


def test_the_scale_of_huber_follows():
    X, y = _values()
    explainer = InfluenceExplainer(HuberRegressor(tol=1e-9, max_iter=10_000)).fit(X, y)
    left = np.setdiff1d(np.arange(len(y)), GONE)
    model = explainer.without(GONE)
    refitted = InfluenceExplainer(HuberRegressor(tol=1e-9, max_iter=10_000)).fit(X[left], y[left])
    scale = refitted.objective_.coef[-1]
    assert model.scale_ == pytest.approx(scale, rel=1e-9)
    assert not hasattr(model, "outliers_")
    assert_allclose(model.predict(X[left]), refitted.objective_.raw_prediction[:, 0], rtol=1e-9)


def test_three_classes_weights_and_sparse_rows():
    sparse = pytest.importorskip("scipy.sparse")
    X, y = _classes(load_iris, 4)
    weight = np.random.default_rng(0).uniform(0.5, 2.0, len(y))
    weight[7] = 0.0
    left = np.setdiff1d(np.arange(len(y)), GONE)
    for table in (X, sparse.csr_array(X)):
        model = LogisticRegression(**NEWTON, class_weight="balanced")
        if table is not X:
            model = LogisticRegression(class_weight="balanced", tol=1e-12, max_iter=100_000)
        explainer = InfluenceExplainer(model).fit(table, y, weight)
        refitted = clone(model).fit(table[left], y[left], weight[left])
        _assert_same(explainer.without(GONE), refitted, table, 1e-8 if table is X else 1e-5)
    explainer = InfluenceExplainer(LogisticRegression()).fit(X, y, weight)
    without_a_row_of_no_weight = explainer.without([7])
    assert_allclose(without_a_row_of_no_weight.coef_, explainer.without([]).coef_, atol=1e-9)


def test_a_hundred_deletions_do_not_drift():
    X, y = _classes()
    explainer = InfluenceExplainer(LogisticRegression()).fit(X, y)
    fitted = explainer.estimator_.coef_.copy()
    order = np.random.default_rng(0).permutation(len(y))[:100]
    for n in range(1, 101):
        model = explainer.without(order[:n])
        if n % 33 == 1:
            left = np.setdiff1d(np.arange(len(y)), order[:n])
            _assert_same(model, LogisticRegression(**NEWTON).fit(X[left], y[left]), X)
    assert_array_equal(explainer.estimator_.coef_, fitted)


def test_pipelines_searches_and_frames():
    X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    X = X.iloc[:N, :6].set_axis([f"case {i}" for i in range(N)])
    y = y[:N].map({0: "ill", 1: "well"}).set_axis(X.index)
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(**NEWTON))
    search = GridSearchCV(pipeline, {"logisticregression__C": [0.1, 1.0]}, cv=3)
    explainer = InfluenceExplainer(search).fit(X, y)
    gone = ["case 3", "case 77"]
    model = explainer.without(gone)
    assert isinstance(model, GridSearchCV) and not hasattr(model, "cv_results_")
    Z = explainer.estimator_.best_estimator_[0].transform(X.drop(gone))
    best = clone(explainer.estimator_.best_estimator_[-1]).fit(Z, y.drop(gone))
    assert_allclose(model.predict_proba(X.drop(gone)), best.predict_proba(Z), atol=1e-9)
    assert set(model.predict(X)) == {"ill", "well"}
    frozen = InfluenceExplainer(FrozenEstimator(clone(pipeline).fit(X, y))).fit(X, y)
    assert isinstance(frozen.without(gone), FrozenEstimator)
    assert frozen.without(gone).estimator[-1] is not frozen.estimator_.estimator[-1]
    other = explainer.with_labels(pd.Index(gone), ["well", "well"])
    assert not np.allclose(other.predict_proba(X), model.predict_proba(X), atol=1e-4)


def test_estimators_made_of_others_move_every_member():
    X, y = _values()
    X3, y3 = _classes(load_iris, 4)
    inner = LogisticRegression(**NEWTON)
    cases = [
        (TransformedTargetRegressor(Ridge(), func=np.log, inverse_func=np.exp), X, y),
        (MultiOutputRegressor(Ridge()), X, np.column_stack([y, y**2])),
        (OneVsRestClassifier(inner), X3, y3),
        (
            VotingClassifier([("a", inner), ("b", clone(inner).set_params(C=9.0))], voting="soft"),
            X3,
            y3,
        ),
    ]
    for estimator, table, target in cases:
        left = np.setdiff1d(np.arange(len(target)), GONE)
        explainer = InfluenceExplainer(estimator).fit(table, target)
        model, refitted = explainer.without(GONE), clone(estimator).fit(table[left], target[left])
        name = "predict_proba" if hasattr(refitted, "predict_proba") else "predict"
        assert_allclose(getattr(model, name)(table), getattr(refitted, name)(table), rtol=1e-8)
        with pytest.raises(UnsupportedEstimatorError, match="codes the labels"):
            explainer.with_labels([0], target[:1])


@pytest.mark.parametrize(
    "estimator",
    [SVC(), GaussianNB(), KNeighborsClassifier(3), SGDClassifier(alpha=0.1, random_state=0)],
    ids=lambda estimator: type(estimator).__name__,
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_other_estimators_are_fitted_again(estimator):
    X, y = _classes()
    left = np.setdiff1d(np.arange(N), GONE)
    model = make_pipeline(StandardScaler(), estimator)
    explainer = InfluenceExplainer(model).fit(pd.DataFrame(X[:N]).add_prefix("x"), y[:N])
    Z = StandardScaler().fit(X[:N]).transform(X)
    table = pd.DataFrame(X).add_prefix("x")
    refitted = clone(estimator).fit(Z[left], y[left])
    assert_array_equal(explainer.without(GONE).predict(table), refitted.predict(Z))
    other = y[:N].copy()
    other[GONE] = 1 - other[GONE]
    refitted = clone(estimator).fit(Z[:N], other)
    assert_array_equal(explainer.with_labels(GONE, other[GONE]).predict(table), refitted.predict(Z))
    refitted = clone(estimator).fit(Z, y)
    assert_array_equal(explainer.with_rows(table[N:], y[N:]).predict(table), refitted.predict(Z))


def test_where_a_refit_is_another_model_there_is_none():
    X, y = _classes(load_iris, 4)
    rare = np.where(np.arange(len(y)) == 5, 2, np.minimum(y, 1))
    for estimator in (LogisticRegression(), GaussianNB()):
        explainer = InfluenceExplainer(estimator).fit(X, rare)
        with pytest.raises(ValueError, match="no row of some class"):
            explainer.without([5])
        with pytest.raises(ValueError, match="no row of some class"):
            explainer.with_labels([5], [1])
        with pytest.raises(ValueError, match="not trained on"):
            explainer.with_rows(X[:1], [7])


def test_wrong_input_is_refused_in_words():
    X, y = _values()
    explainer = InfluenceExplainer(Ridge()).fit(X, y)
    for rows, values, message in (
        ([0, 0], [1.0, 2.0], "several times"),
        ([0], 1.0, "Expected y of 1 labels"),
        ([0, 1], [1.0], "Expected y of 2 labels"),
    ):
        with pytest.raises(ValueError, match=message):
            explainer.with_labels(rows, values)
    with pytest.raises(ValueError, match="X has 2 rows"):
        explainer.with_rows(X[:2], y[:3])
    with pytest.raises(ValueError, match="no weight is left"):
        explainer.without(np.arange(len(y)))
    mean = InfluenceExplainer(Ridge(), penalty_scaling="mean").fit(X, y)
    with pytest.raises(ValueError, match="penalty_scaling"):
        mean.without([0])
    with pytest.raises(UnsupportedEstimatorError, match="draws rows anew"):
        InfluenceExplainer(BaggingRegressor(Ridge(), n_estimators=2)).fit(X, y).without([0])


def test_what_is_written_is_linear_or_made_of_others():
    written = {name for (_, name), adapter in REGISTRY.items() if adapter.write is not None}
    assert {"Ridge", "LogisticRegression", "VotingRegressor"} <= written
    assert not {"SVC", "BaggingRegressor", "BayesianRidge", "SGDRegressor"} & written
