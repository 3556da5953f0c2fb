"""Estimators that were fitted to some of the rows: pairs of classes, samplers, draws."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.ensemble import BaggingClassifier, BaggingRegressor, VotingClassifier
from sklearn.gaussian_process import GaussianProcessClassifier, GaussianProcessRegressor
from sklearn.linear_model import OrthogonalMatchingPursuit, Ridge, RidgeClassifier, SGDClassifier
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC, SVR

from skinfluence import InfluenceExplainer, supports
from skinfluence.adapters import UnsupportedEstimatorError
from skinfluence.targets import DecisionValue
from tests._compare import assert_normwise
from tests.adapters._composed_cases import ROWS, SCALED, logistic, rows_of
from tests.adapters.test_bagging import without
from tests.test_rows_of_fit import Take

BALANCED = RidgeClassifier(class_weight="balanced")
MACHINE = SVC(gamma=0.2, class_weight="balanced", tol=1e-12)
#: Positions that a sampler takes: some twice, some never.
TAKEN = np.concatenate([np.arange(0, 48, 2), ROWS, ROWS[:1]])


@pytest.mark.parametrize("member", [BALANCED, MACHINE])
def test_a_pair_of_classes_knows_its_own_rows_only(member):
    X, y, X_test, _ = rows_of("three classes")
    explainer = InfluenceExplainer(OneVsOneClassifier(member), method="refit").fit(X, y)

    def values(kept):
        return OneVsOneClassifier(member).fit(X[kept], y[kept])

    every = np.arange(len(y))
    before = values(every).decision_function(X_test)
    for k, label in enumerate(np.unique(y)):
        truth = [values(every[every != row]).decision_function(X_test)[:, k] for row in ROWS]
        got = explainer.influence(X_test, target=DecisionValue(label), rows=ROWS)
        assert_normwise(got, np.stack(truth, axis=1) - before[:, [k]], 1e-5)


def test_a_penalty_in_mean_form_counts_the_rows_of_the_pair():
    X, y, X_test, _ = rows_of("three classes")
    member = SGDClassifier(loss="squared_error", alpha=0.1, tol=1e-9, random_state=0)
    explainer = InfluenceExplainer(OneVsOneClassifier(member)).fit(X, y)
    there = y != np.unique(y)[2]
    truth = Ridge(0.1 * there.sum()).fit(X[there], np.where(y[there] == np.unique(y)[1], 1.0, -1.0))
    part = explainer.objective_.members[0].objective
    assert_normwise(part.predictor.of(X_test).raw()[:, 0], truth.predict(X_test), 1e-8)


@pytest.mark.parametrize(
    "model",
    [
        MACHINE,
        OneVsRestClassifier(BALANCED),
        OneVsOneClassifier(MACHINE),
        VotingClassifier([("a", logistic()), ("b", logistic())], voting="soft"),
    ],
    ids=["machine", "one versus rest", "one versus one", "voting"],
)
def test_rows_that_a_sampler_took(model):
    pipeline = pytest.importorskip("imblearn.pipeline")
    X, y, X_test, _ = rows_of("three classes")
    kind = "predict_proba" if isinstance(model, VotingClassifier) else "decision_function"
    explainer = InfluenceExplainer(pipeline.make_pipeline(Take(TAKEN), model), method="refit")
    explainer.fit(X, y)
    target = DecisionValue(y[0]) if kind == "decision_function" else kind
    got = explainer.influence(X_test, target=target, rows=[*ROWS, 47])

    def values(rows):
        found = getattr(clone(model).fit(X[rows], y[rows]), kind)(X_test)
        if kind == "decision_function":
            return found[:, np.unique(y).tolist().index(y[0])]
        return found[np.arange(len(found)), explainer.predict_proba(X_test).argmax(axis=1)]

    truth = [values(TAKEN[TAKEN != row]) - values(TAKEN) for row in ROWS]
    assert_normwise(got[:, :-1], np.stack(truth, axis=1), 1e-5)
    assert (got[:, -1] == 0).all()  # was never taken


@pytest.mark.parametrize(
    "member",
    [
        SVR(gamma=0.2, tol=1e-12),
        OrthogonalMatchingPursuit(n_nonzero_coefs=5),
        GaussianProcessRegressor(alpha=0.5, optimizer=None),
    ],
)
def test_draws_of_members_that_take_no_weights(member):
    X, y, X_test, _ = rows_of("values")
    steps = make_pipeline(SCALED, member)
    model = BaggingRegressor(steps, 3, max_samples=0.7, random_state=0)
    explainer = InfluenceExplainer(model, method="refit").fit(X, y)
    before = explainer.predict(X_test)
    truth = [without(model, X, y, row).predict(X_test) - before for row in ROWS]
    got = explainer.influence(X_test, rows=ROWS)
    assert_normwise(got, np.stack(truth, axis=1), 1e-5)


def test_draws_of_rows_that_a_sampler_took():
    pipeline = pytest.importorskip("imblearn.pipeline")
    X, y, X_test, _ = rows_of("two classes")
    model = BaggingClassifier(make_pipeline(SCALED, logistic()), 3, random_state=0)
    explainer = InfluenceExplainer(pipeline.make_pipeline(Take(TAKEN), model), method="refit")
    fitted = explainer.fit(X, y).estimator_[-1]

    def values(row):
        drawn = [TAKEN[own] for own in fitted.estimators_samples_]
        fits = [clone(model.estimator).fit(X[own[own != row]], y[own[own != row]]) for own in drawn]
        return np.mean([fit.predict_proba(X_test)[:, 1] for fit in fits], axis=0)

    got = explainer.influence(X_test, np.full(len(X_test), fitted.classes_[1]), rows=ROWS)
    truth = [-np.log(values(row) / values(-1)) for row in ROWS]
    assert_normwise(got, np.stack(truth, axis=1), 1e-6)


def test_pairs_of_a_kernel_matrix_are_refused():
    model = OneVsOneClassifier(SVC(kernel="precomputed"))
    assert not supports(model)
    with pytest.raises(UnsupportedEstimatorError, match="is one versus one by itself"):
        InfluenceExplainer(model).fit(np.eye(6), [0, 0, 1, 1, 2, 2])


@pytest.mark.parametrize("model", [MACHINE, GaussianProcessClassifier(optimizer=None)], ids=str)
def test_estimators_of_other_rows_behind_a_sampler(model):
    pipeline = pytest.importorskip("imblearn.pipeline")
    X, y, X_test, _ = rows_of("two classes")
    explainer = InfluenceExplainer(pipeline.make_pipeline(Take(TAKEN), model)).fit(X, y)
    left = TAKEN[~np.isin(TAKEN, ROWS)]
    kind = "predict_proba" if hasattr(model, "predict_proba") else "decision_function"
    truth = getattr(clone(model).fit(X[left], y[left]), kind)(X_test)
    assert_normwise(getattr(explainer.without(ROWS)[-1], kind)(X_test), truth, 1e-12)
    other = y.copy()
    other[ROWS] = y[ROWS][::-1]
    truth = getattr(clone(model).fit(X[TAKEN], other[TAKEN]), kind)(X_test)
    assert_normwise(getattr(explainer.with_labels(ROWS, other[ROWS])[-1], kind)(X_test), truth)


def test_samplers_inside_of_members_are_refused_with_advice_that_runs():
    pipeline = pytest.importorskip("imblearn.pipeline")
    member = pipeline.make_pipeline(Take(TAKEN), logistic())
    assert "Put the sampler before the whole" in supports(OneVsRestClassifier(member)).reason
    advised = pipeline.make_pipeline(Take(TAKEN), OneVsRestClassifier(logistic()))
    X, y, X_test, _ = rows_of("two classes")
    assert np.isfinite(InfluenceExplainer(advised).fit(X, y).influence(X_test)).all()
