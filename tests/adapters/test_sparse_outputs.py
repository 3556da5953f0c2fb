"""Sparse models of several outputs, each of which selects columns of its own."""

import warnings

import numpy as np
import pytest
import sklearn
from sklearn.datasets import load_diabetes, load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import ElasticNet, Lars, Lasso, LogisticRegression
from sklearn.utils.fixes import parse_version

from skinfluence import InfluenceExplainer
from skinfluence.adapters import UnsupportedEstimatorError
from skinfluence.groups import group_influence
from skinfluence.perturbation import perturbation_influence, relabel_influence
from skinfluence.targets import DecisionValue
from skinfluence.testing import (
    check_predictor,
    finite_difference_influence,
    leave_one_out_influence,
)

OLD = parse_version(sklearn.__version__) < parse_version("1.8")
N = 100
PREDICTED = "ignore:The removal of .* predicted to change"


def wine():
    """(X, y, X_test, y_test) with some wrong labels, which keep several columns at work."""
    X, y = load_wine(return_X_y=True)
    rng = np.random.default_rng(0)
    order = rng.permutation(len(y))
    X, y = ((X - X.mean(axis=0)) / X.std(axis=0))[order], y[order]
    y = np.where(rng.random(len(y)) < 0.1, rng.integers(0, 3, len(y)), y)
    return X[:N], y[:N], X[N : N + 8], y[N : N + 8]


def diabetes():
    """(X, Y, X_test, Y_test) with two targets."""
    X, y = load_diabetes(return_X_y=True)
    other = 1500.0 * X[:, 2] + 40.0 * np.random.default_rng(0).standard_normal(len(y))
    Y = np.column_stack([y, other])
    return X[:N], Y[:N], X[N : N + 8], Y[N : N + 8]


def l1(ratio=1.0, **settings):
    if OLD:
        settings["penalty"] = "l1" if ratio == 1.0 else "elasticnet"
        ratio = None if ratio == 1.0 else ratio
    settings = {"C": 0.3, "tol": 1e-9, "max_iter": 100_000, **settings}
    return LogisticRegression(l1_ratio=ratio, solver="saga", **settings)


MODELS = {
    "lasso": (Lasso(0.5, tol=1e-14, max_iter=100_000), diabetes()),
    "elastic net": (
        ElasticNet(0.02, l1_ratio=0.9, fit_intercept=False, tol=1e-14, max_iter=100_000),
        diabetes(),
    ),
    "logistic": (l1(class_weight={0: 2.0}), wine()),
    "logistic, balanced": (l1(0.5, class_weight="balanced"), wine()),
}
WEIGHTS = 0.5 + np.random.default_rng(1).random(N)


@pytest.fixture(params=[name for name in MODELS if "balanced" not in name or not OLD])
def fitted(request):
    """(explainer, model, X, y, X_test, y_test)."""
    model, data = MODELS[request.param]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return InfluenceExplainer(model).fit(*data[:2], WEIGHTS), model, *data


def change_of_the_selection(explainer):
    """(changes of the coefficients by refits, rows where a sign or a zero changes)."""
    coef = explainer.objective_.estimator_layout(explainer.objective_.coef)
    moved = explainer.coef_influence(method="refit")
    features = np.size(explainer.estimator_.coef_)
    return moved, (np.sign(coef + moved) != np.sign(coef))[:, :features].any(axis=1)


@pytest.mark.filterwarnings(PREDICTED)
def test_first_order_is_the_slope_of_the_refits(fitted):
    explainer, model, X, y, X_test, y_test = fitted
    rows = [3, 17]
    truth = finite_difference_influence(
        model, X, y, X_test, y_test, rows, sample_weight=WEIGHTS, step=0.01
    )
    got = explainer.influence(X_test, y_test, method="first_order", rows=rows)
    np.testing.assert_allclose(got, truth, atol=1e-6 * np.abs(truth).max())


def test_refits_select_anew_and_the_warning_predicts_where(fitted):
    explainer, model, X, y, X_test, y_test = fitted
    _, changed = change_of_the_selection(explainer)
    assert 0 < changed.sum() < N
    rows = np.r_[np.flatnonzero(changed)[:3], np.flatnonzero(~changed)[:2]]
    truth = leave_one_out_influence(model, X, y, X_test, y_test, rows, sample_weight=WEIGHTS)
    got = explainer.influence(X_test, y_test, method="refit", rows=rows)
    np.testing.assert_allclose(got, truth, atol=1e-7 * np.abs(truth).max())
    with pytest.warns(RuntimeWarning, match="predicted to change which coefficients") as caught:
        step = explainer.influence(X_test, y_test, rows=np.arange(N))
    count = int(str(caught[0].message).split("removal of ")[1].split()[0])
    if y.ndim == 2:  # a Newton step on squared error is the refit while the selection stays
        assert count == changed.sum()
        stay = np.flatnonzero(~changed)
        same = explainer.influence(X_test, y_test, method="refit", rows=stay)
        np.testing.assert_allclose(step[:, stay], same, atol=1e-9 * np.abs(step).max())
    else:
        assert abs(count - changed.sum()) <= 0.4 * changed.sum()


@pytest.mark.filterwarnings(PREDICTED)
def test_groups_and_other_labels_are_refitted_with_a_new_selection():
    X, y, X_test, _ = wine()
    model, group = l1(), [1, 5, 30, 31, 60]
    explainer = InfluenceExplainer(model).fit(X, y)
    before = model.fit(X, y).decision_function(X_test)
    assert np.abs(before.sum(axis=1)).max() > 0.01  # a common shift of all classes matters here
    left = model.fit(np.delete(X, group, 0), np.delete(y, group)).decision_function(X_test)
    known = {"target": DecisionValue(1), "method": "refit"}
    got = group_influence(explainer, [group], X_test, **known)[:, 0]
    np.testing.assert_allclose(got, (left - before)[:, 1], atol=1e-6)
    other = y.copy()
    other[4] = (y[4] + 1) % 3
    moved = model.fit(X, other).decision_function(X_test)
    got = relabel_influence(explainer, X_test, rows=[4], y_new=other[4], **known)[:, 0]
    np.testing.assert_allclose(got, (moved - before)[:, 1], atol=1e-6)


def test_the_predictor_has_the_derivatives_of_its_raw_predictions():
    X, y, _, _ = wine()
    explainer = InfluenceExplainer(l1()).fit(X, y)
    predictor = explainer.objective_.predictor
    check_predictor(predictor)
    names = explainer.fitted_model_.parameter_names()
    coef = explainer.objective_.estimator_layout(explainer.objective_.coef)
    assert len(names) == predictor.n_parameters == np.count_nonzero(coef)
    assert len(explainer.fitted_model_.coef_names()) == len(coef)


def test_what_needs_one_selection_is_refused():
    X, y, X_test, _ = wine()
    explainer = InfluenceExplainer(l1()).fit(X, y)
    with pytest.raises(TypeError, match="selects coefficients of its own"):
        perturbation_influence(explainer, X_test[:1], target=DecisionValue(0))
    X, Y, _, _ = diabetes()
    with pytest.raises(UnsupportedEstimatorError, match=r"2 targets.*Explain a model of each"):
        InfluenceExplainer(Lars()).fit(X, Y)
