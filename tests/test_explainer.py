"""The explainer as a scikit-learn object, and identities between its answers."""

import io
import pickle
import tracemalloc

import joblib
import numpy as np
import pytest
import sklearn
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags

from skinfluence import InfluenceExplainer

rng = np.random.default_rng(0)
X = rng.normal(size=(80, 4))
y = (X[:, 0] + rng.normal(size=80) > 0).astype(int)
values = X[:, 0] + rng.normal(size=80)
METHODS = ["first_order", "newton_step", "refit"]
fitted = InfluenceExplainer(make_pipeline(StandardScaler(), LogisticRegression())).fit(X, y)


def test_parameters_are_stored_as_given_and_reach_the_inner_estimator():
    explainer = InfluenceExplainer(LogisticRegression(C=3.0), damping=0.5)
    assert explainer.get_params()["estimator__C"] == 3.0
    explainer.set_params(estimator__C=0.1, method="refit")
    assert explainer.estimator.C == 0.1 and explainer.method == "refit"
    copy = clone(explainer)
    assert copy.get_params().keys() == explainer.get_params().keys()
    assert copy.estimator is not explainer.estimator and copy.damping == 0.5


def test_fit_leaves_the_estimator_that_was_passed_alone():
    model = LogisticRegression()
    InfluenceExplainer(model).fit(X, y)
    assert not hasattr(model, "coef_")


@pytest.mark.parametrize("through", ["pickle", "joblib"])
@pytest.mark.parametrize("asked_before", [False, True])
def test_a_copy_from_disk_gives_the_same_answers(through, asked_before):
    explainer = InfluenceExplainer().fit(X, y)
    if asked_before:
        explainer.influence(X[:3])
    buffer = io.BytesIO()
    module = pickle if through == "pickle" else joblib
    module.dump(explainer, buffer)
    buffer.seek(0)
    copy = module.load(buffer)
    np.testing.assert_allclose(copy.influence(X, y), explainer.influence(X, y), rtol=1e-12)
    assert copy.score(X, y) == pytest.approx(explainer.score(X, y), rel=1e-12)


def test_the_html_representation_shows_the_inner_estimator():
    with sklearn.config_context(display="diagram"):
        html = fitted._repr_html_()
    assert "InfluenceExplainer" in html and "StandardScaler" in html


def test_tags_are_those_of_the_inner_estimator_with_a_poor_score():
    assert is_classifier(InfluenceExplainer()) and is_regressor(InfluenceExplainer(Ridge()))
    tags = get_tags(InfluenceExplainer(Ridge()))
    assert tags.target_tags.multi_output and tags.regressor_tags.poor_score
    assert get_tags(Ridge()).regressor_tags.poor_score is False


def test_predictions_are_the_inner_estimators():
    inner = fitted.estimator_
    np.testing.assert_array_equal(fitted.predict(X), inner.predict(X))
    np.testing.assert_array_equal(fitted.predict_proba(X), inner.predict_proba(X))
    np.testing.assert_array_equal(fitted.predict_log_proba(X), inner.predict_log_proba(X))
    np.testing.assert_array_equal(fitted.decision_function(X), inner.decision_function(X))
    np.testing.assert_array_equal(fitted.classes_, [0, 1])
    assert fitted.n_features_in_ == 4
    assert not hasattr(InfluenceExplainer(Ridge()).fit(X, values), "predict_proba")


def test_training_data_are_held_by_reference():
    explainer = InfluenceExplainer(LogisticRegression(), damping=0.0).fit(X, y)
    assert np.shares_memory(explainer.objective_.design.X, X)


@pytest.mark.parametrize("method", METHODS)
def test_self_influence_is_the_diagonal(method):
    explainer = InfluenceExplainer().fit(X, y)
    want = np.diag(explainer.influence(X, y, method=method))
    np.testing.assert_allclose(explainer.self_influence(method), want, rtol=1e-7, atol=1e-13)


def test_leave_one_out_predictions_of_ridge_are_those_of_real_refits():
    explainer = InfluenceExplainer(Ridge()).fit(X, values)
    want = []
    for i in range(80):
        left = np.delete(np.arange(80), i)
        want.append(Ridge().fit(X[left], values[left]).predict(X[[i]])[0])
    np.testing.assert_allclose(explainer.leave_one_out_raw_predictions(), want, rtol=1e-9)
    assert explainer.leverage().sum() == pytest.approx(explainer.health().effective_dof)


def test_coef_influence_is_in_the_layout_of_the_estimator():
    explainer = InfluenceExplainer(Ridge()).fit(X, values)
    left = np.delete(np.arange(80), 5)
    other, own = Ridge().fit(X[left], values[left]), explainer.estimator_
    want = np.append(other.coef_ - own.coef_, other.intercept_ - own.intercept_)
    np.testing.assert_allclose(explainer.coef_influence(rows=[5])[0], want, rtol=1e-9)


@pytest.mark.parametrize("method", METHODS)
def test_rows_may_be_numbers_negative_numbers_or_a_mask(method):
    whole = fitted.influence(X[:6], method=method)
    mask = np.zeros(80, dtype=bool)
    mask[[3, 79]] = True
    for rows in ([3, 79], [3, -1], mask):
        got = fitted.influence(X[:6], method=method, rows=rows)
        np.testing.assert_allclose(got, whole[:, [3, 79]], rtol=1e-7, atol=1e-12)
    assert fitted.influence(X[:6], method=method, rows=[]).shape == (6, 0)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("order", ["magnitude", "helpful", "harmful"])
def test_top_influences_are_the_sorted_matrix(method, order):
    full = fitted.influence(X, y, method=method)
    key = {"magnitude": np.abs, "helpful": np.positive, "harmful": np.negative}[order](full)
    want = np.argsort(-key, axis=1, kind="stable")[:, :7]
    with sklearn.config_context(working_memory=1):
        indices, found = fitted.top_influences(X, y, k=7, order=order, method=method)
    np.testing.assert_array_equal(indices, want)
    np.testing.assert_allclose(found, np.take_along_axis(full, want, 1), rtol=1e-7, atol=1e-13)


@pytest.mark.parametrize("k", [7, 80])
def test_both_orders_are_the_helpful_rows_and_then_the_harmful_ones(k):
    indices, found = fitted.top_influences(X[:9], y[:9], k=k, order="both")
    assert indices.shape == found.shape == (9, 2 * k)
    for order, sign, part in (("helpful", 1, slice(k)), ("harmful", -1, slice(k, None))):
        one, values = fitted.top_influences(X[:9], y[:9], k=k, order=order)
        kept = sign * values > 0
        np.testing.assert_array_equal(indices[:, part], np.where(kept, one, -1))
        np.testing.assert_array_equal(found[:, part], np.where(kept, values, np.nan))
    table = fitted.explain(X[:9], y[:9], k=k, order="both")[4]
    np.testing.assert_array_equal(table.position, indices[4][indices[4] >= 0])
    assert set(table.effect) == {"helpful", "harmful"}


def test_more_rows_than_there_are_gives_all_of_them():
    indices, _ = fitted.top_influences(X[:3], k=1000)
    assert indices.shape == (3, 80)
    np.testing.assert_array_equal(np.sort(indices, axis=1), np.tile(np.arange(80), (3, 1)))


def test_top_influences_never_hold_the_matrix():
    table = rng.normal(size=(8000, 5))
    explainer = InfluenceExplainer().fit(table, table[:, 0] + rng.normal(size=8000) > 0)
    test = rng.normal(size=(3000, 5))
    with sklearn.config_context(working_memory=8):
        explainer.top_influences(test[:10], k=3)
        tracemalloc.start()
        explainer.top_influences(test, k=3)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 8 * 3000 * 8000 / 3  # a third of the matrix


def test_rows_without_an_answer_never_rank():
    labels = np.where(np.arange(80) == 11, 2, y)  # row 11 alone has its class
    explainer = InfluenceExplainer(LogisticRegression(max_iter=1000)).fit(X, labels)
    with pytest.warns(RuntimeWarning, match=r"\[11\] are the only one of their class"):
        indices, found = explainer.top_influences(X[:9], k=80)
    assert (indices != 11).all() and (indices[:, -1] == -1).all()
    assert np.isnan(found[:, -1]).all() and np.isfinite(found[:, :-1]).all()


def test_blocks_equal_the_whole():
    want = [fitted.influence(X, y, method=m) for m in METHODS]
    many = np.tile(X, (40, 1))
    with sklearn.config_context(working_memory=1):
        for method, whole in zip(METHODS, want, strict=True):
            got = fitted.influence(many, np.tile(y, 40), method=method)
            np.testing.assert_allclose(got, np.tile(whole, (40, 1)), rtol=1e-8, atol=1e-13)


def test_answers_do_not_depend_on_the_number_of_threads():
    one = InfluenceExplainer(method="refit").fit(X, y).influence(X[:4])
    two = InfluenceExplainer(method="refit", n_jobs=2).fit(X, y).influence(X[:4])
    np.testing.assert_array_equal(one, two)


def test_verbose_tells_what_took_time(capsys):
    InfluenceExplainer().fit(X, y)
    assert capsys.readouterr().out == ""
    InfluenceExplainer(verbose=1).fit(X, y)
    assert "fitted the estimator in" in capsys.readouterr().out
