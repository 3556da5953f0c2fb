"""Whole rows replaced, against refits of the scikit-learn estimator."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn import config_context
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import LinearSVC

from skinfluence import InfluenceExplainer
from skinfluence.explainer import lins_concordance
from skinfluence.perturbation import perturbation_influence, replacement_influence
from skinfluence.solvers import CGSolver
from tests.perturbation._refits import (
    MODELS,
    N_TRAIN,
    changed_loss,
    data,
    explained,
    logistic,
    losses,
    refit,
)

#: One row twice, with another row in its place each time.
ROWS = np.array([3, 77, 40, 3])


def new_rows(train):
    """Other rows' features, moved a little, and labels that are not the rows' own."""
    X, y = train
    rng = np.random.default_rng(2)
    X_new = X[[10, 20, 30, 50]] + 0.1 * X.std(axis=0) * rng.standard_normal((4, X.shape[1]))
    if y.dtype.kind == "i":
        classes = np.unique(y)
        return X_new, classes[(y[ROWS] + 1) % len(classes)]
    return X_new, y[[11, 21, 31, 51]] * 1.1


def refitted_effects(explainer, train, test, X_new=None, y_new=None, rows=ROWS, weight=None):
    model = explainer.estimator_
    before = losses(refit(model, *train, weight), *test)
    after = [
        changed_loss(
            model,
            train,
            test,
            row,
            x=None if X_new is None else X_new[b],
            label=None if y_new is None else y_new[b],
            sample_weight=weight,
        )
        for b, row in enumerate(rows)
    ]
    return np.stack(after, axis=1) - before[:, None]


every_model = pytest.mark.parametrize("name", MODELS)


@every_model
@pytest.mark.parametrize("change", ["features", "labels", "both"])
def test_refits_are_those_of_the_estimator(name, change):
    explainer, train, test = explained(name)
    X_new, y_new = new_rows(train)
    X_new, y_new = (None if change == "labels" else X_new, None if change == "features" else y_new)
    got = replacement_influence(explainer, ROWS, X_new, y_new, *test, method="refit")
    expected = refitted_effects(explainer, train, test, X_new, y_new)
    assert_allclose(got, expected, atol=1e-6 * np.abs(expected).max())


@every_model
def test_newton_steps_agree_with_the_estimator(name):
    explainer, train, test = explained(name)
    new = new_rows(train)
    got = replacement_influence(explainer, ROWS, *new, *test, method="newton_step")
    expected = refitted_effects(explainer, train, test, *new)
    assert lins_concordance(got, expected) >= 0.99


@pytest.mark.parametrize("name", ["ridge", "ridge-two-outputs"])
def test_newton_steps_are_exact_for_squared_error(name):
    explainer, train, test = explained(name)
    new = new_rows(train)
    got = replacement_influence(explainer, ROWS, *new, *test)  # "auto" is the Newton step
    assert_allclose(got, refitted_effects(explainer, train, test, *new), rtol=1e-8)


@pytest.mark.parametrize("name", [n for n in MODELS if "balanced" not in n])
def test_first_order_is_the_row_that_leaves_and_the_one_that_comes(name):
    """Equation (3): the derivative in the share of its weight that has moved to the new row.

    tests/effects has the same for balanced class weights, which scikit-learn 1.6 counts otherwise.
    """
    explainer, train, test = explained(name)
    X_new, y_new = new_rows(train)
    got = replacement_influence(explainer, ROWS, X_new, y_new, *test, method="first_order")
    model = explainer.estimator_
    X, y = np.concatenate([train[0], X_new]), np.concatenate([train[1], y_new])
    h, b = 1e-3, 1
    values = []
    for share in (0.0, h, 2.0 * h):
        weight = np.r_[np.ones(N_TRAIN), np.zeros(4)]
        weight[ROWS[b]], weight[N_TRAIN + b] = 1.0 - share, share
        values.append(losses(refit(model, X, y, weight), *test))
    slope = (-3.0 * values[0] + 4.0 * values[1] - values[2]) / (2.0 * h)
    assert_allclose(got[:, b], slope, atol=1e-4 * np.abs(slope).max())


def test_small_moves_are_those_of_the_derivative():
    explainer, train, test = explained("pca")
    step = 1e-5 * train[0].std(axis=0)
    got = replacement_influence(explainer, [5], train[0][[5]] + step, None, *test, method="refit")
    expected = perturbation_influence(explainer, *test, rows=[5])[:, 0] @ step
    assert_allclose(got[:, 0], expected, atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize("method", ["first_order", "newton_step", "refit"])
def test_a_row_replaced_by_itself_changes_nothing(method):
    explainer, train, test = explained("multinomial-balanced")
    X, y = train
    got = replacement_influence(explainer, ROWS, X[ROWS], y[ROWS], *test, method=method)
    assert np.abs(got).max() < 1e-9


def test_sample_weights_stay_with_the_place_of_the_row():
    X, y, *test = data("iris")
    weight = np.random.default_rng(1).random(N_TRAIN) + 0.2
    weight[40] = 0.0
    model = logistic(class_weight={0: 0.5, 1: 2.0, 2: 1.0})
    explainer = InfluenceExplainer(model).fit(X, y, sample_weight=weight)
    new = new_rows((X, y))
    expected = refitted_effects(explainer, (X, y), test, *new, weight=weight)
    got = replacement_influence(explainer, ROWS, *new, *test, method="refit")
    assert_allclose(got, expected, atol=1e-7)
    for method in ("first_order", "newton_step", "refit"):
        got = replacement_influence(explainer, ROWS, *new, *test, method=method)
        assert_array_equal(got[:, 2], 0.0)


def test_a_penalty_in_mean_form_does_not_see_a_replacement():
    """Nothing leaves: the sum of the weights, and so the penalty, stays."""
    explainer, train, test = explained("logistic")
    mean, *_ = explained("logistic", penalty_scaling="mean")
    new = new_rows(train)
    for method in ("first_order", "newton_step", "refit"):
        expected = replacement_influence(explainer, ROWS, *new, *test, method=method)
        got = replacement_influence(mean, ROWS, *new, *test, method=method)
        assert_allclose(got, expected, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("target", ["predict", "decision_function", "predict_proba"])
def test_other_targets_are_those_of_the_refitted_estimator(target):
    explainer, train, (X_test, _) = explained("multinomial")
    X_new, y_new = new_rows(train)
    got = replacement_influence(
        explainer, ROWS, X_new, y_new, X_test, target=target, method="refit"
    )
    predicted = explainer.predict(X_test)
    every = np.arange(len(X_test))
    X, y = train[0].copy(), train[1].copy()
    X[77], y[77] = X_new[1], y_new[1]
    models = [logistic().fit(*train), logistic().fit(X, y)]
    if target == "decision_function":  # centred over the classes by none of the two
        values = [m.decision_function(X_test) for m in models]
        values = [(v - v.mean(axis=1, keepdims=True))[every, predicted] for v in values]
    else:
        values = [m.predict_proba(X_test)[every, predicted] for m in models]
        values = [-np.log(v) for v in values] if target == "predict" else values
    assert_allclose(got[:, 1], values[1] - values[0], atol=1e-6)


def test_categories_change_through_an_encoder():
    """A discrete change, which has no derivative, through steps that stay as they were fitted."""
    X, y, X_test, y_test = data("iris")
    frames = [
        pd.DataFrame(part, columns=list("abcd")).assign(
            kind=np.where(part[:, 0] > 6.0, "tall", np.where(part[:, 1] > 3.0, "wide", "small"))
        )
        for part in (X, X_test)
    ]
    columns = make_column_transformer((OneHotEncoder(), ["kind"]), remainder=StandardScaler())
    explainer = InfluenceExplainer(make_pipeline(columns, logistic())).fit(frames[0], y)
    other = frames[0].iloc[[3, 9]].copy()
    other["kind"] = ["small", "tall"]
    assert (other["kind"].to_numpy() != frames[0]["kind"].iloc[[3, 9]].to_numpy()).all()
    got = replacement_influence(explainer, [3, 9], other, None, frames[1], y_test, method="refit")
    model = explainer.estimator_
    Z, Z_new = model[:-1].transform(frames[0]), model[:-1].transform(other)
    Z_test = model[:-1].transform(frames[1])
    for b, row in enumerate([3, 9]):
        moved = Z.copy()
        moved[row] = Z_new[b]
        before, after = (logistic().fit(part, y) for part in (Z, moved))
        expected = losses(after, Z_test, y_test) - losses(before, Z_test, y_test)
        assert_allclose(got[:, b], expected, atol=1e-8)


def test_string_labels():
    X, y, X_test, y_test = data("iris")
    names = np.array(["setosa", "versicolor", "virginica"])
    plain = InfluenceExplainer(logistic()).fit(X, y)
    named = InfluenceExplainer(logistic()).fit(X, names[y])
    y_new = (y[ROWS] + 1) % 3
    expected = replacement_influence(plain, ROWS, None, y_new, X_test, y_test)
    got = replacement_influence(named, ROWS, None, names[y_new], X_test, names[y_test])
    assert_allclose(got, expected, rtol=1e-9)
    assert_allclose(
        replacement_influence(named, ROWS, None, names[y_new].tolist(), X_test, names[y_test]),
        expected,
        rtol=1e-9,
    )


@pytest.mark.parametrize("method", ["first_order", "newton_step", "refit"])
def test_sparse_tables(method):
    X, y, *test = data("cancer")
    model = make_pipeline(StandardScaler(with_mean=False), logistic())
    X_new, y_new = new_rows((X, y))
    dense = InfluenceExplainer(model).fit(X, y)
    expected = replacement_influence(dense, ROWS, X_new, y_new, *test, method=method)
    explainer = InfluenceExplainer(model).fit(sparse.csr_array(X), y)
    got = replacement_influence(
        explainer, ROWS, sparse.csr_array(X_new), y_new, *test, method=method
    )
    assert_allclose(got, expected, atol=1e-6 * np.abs(expected).max())


def test_float32_tables_get_float32_answers():
    X, y, *test = data("iris")
    X_new, y_new = new_rows((X, y))
    model = LogisticRegression(max_iter=1000)
    expected = replacement_influence(
        InfluenceExplainer(model).fit(X, y), ROWS, X_new, y_new, *test, method="refit"
    )
    explainer = InfluenceExplainer(model).fit(X.astype(np.float32), y)
    got = replacement_influence(explainer, ROWS, X_new, y_new, *test, method="refit")
    assert got.dtype == np.float32
    assert_allclose(got, expected, atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize("method", ["first_order", "newton_step", "refit"])
def test_blocks_of_any_size_give_the_same(method):
    explainer, (X, y), test = explained("multinomial")
    rows = np.arange(40)
    asked = (rows, X[::-1][:40], y[::-1][:40])
    expected = replacement_influence(explainer, *asked, *test, method=method)
    with config_context(working_memory=0.02):
        got = replacement_influence(explainer, *asked, *test, method=method)
    assert_allclose(got, expected, atol=1e-8)


@pytest.mark.parametrize("settings", [{"solver": "woodbury"}, {"solver": "eigh"}, {"n_jobs": 2}])
def test_solvers_and_threads_give_the_same(settings):
    explainer, train, test = explained("pca")
    other, *_ = explained("pca", **settings)
    new = new_rows(train)
    for method in ("first_order", "newton_step", "refit"):
        expected = replacement_influence(explainer, ROWS, *new, *test, method=method)
        got = replacement_influence(other, ROWS, *new, *test, method=method)
        assert_allclose(got, expected, atol=1e-7)


def test_auto_is_first_order_where_nothing_is_factorised():
    explainer, train, test = explained("pca", solver="cg")
    new = new_rows(train)
    got = replacement_influence(explainer, ROWS, *new, *test)
    expected = replacement_influence(explainer, ROWS, *new, *test, method="first_order")
    assert_array_equal(got, expected)
    newton = replacement_influence(explainer, ROWS, *new, *test, method="newton_step")
    refitted = replacement_influence(explainer, ROWS, *new, *test, method="refit")
    assert lins_concordance(newton, refitted) >= 0.99


@pytest.mark.parametrize("method", ["first_order", "newton_step"])
def test_solutions_that_do_not_converge_are_warned_of_once(method):
    solver = CGSolver(max_iter=1, preconditioner=None)
    explainer, train, test = explained("logistic", solver=solver)
    with pytest.warns(ConvergenceWarning) as caught:
        replacement_influence(explainer, ROWS, *new_rows(train), *test, method=method)
    assert len(caught) == 1


def test_kept_coefficients_are_where_the_change_is_measured_from():
    """polish=False: the effect, not the rest of the way to the optimum."""
    X, y, *test = data("cancer")
    Z = StandardScaler().fit(X)
    rough = LogisticRegression(tol=0.02).fit(Z.transform(X), y)
    with pytest.warns(UserWarning, match="away from an optimum"):
        explainer = InfluenceExplainer(rough, polish=False).fit(Z.transform(X), y)
    X_new, y_new = new_rows((X, y))
    test = (Z.transform(test[0]), test[1])
    asked = (ROWS, Z.transform(X_new), y_new, *test)
    got = replacement_influence(explainer, *asked, method="newton_step")
    expected = replacement_influence(explainer, *asked, method="refit")
    assert lins_concordance(got, expected) >= 0.95
    same = replacement_influence(explainer, ROWS, Z.transform(X[ROWS]), None, *test)
    assert np.abs(same).max() < 1e-9


def test_wrong_input_is_told():
    explainer, (X, y), test = explained("logistic")
    X_new = X[[1, 2]]

    def asked(rows=(3, 4), X_new=X_new, y_new=None, explainer=explainer, test=test, **settings):
        return replacement_influence(explainer, rows, X_new, y_new, *test, **settings)

    with pytest.raises(TypeError, match="Ridge; expected an InfluenceExplainer"):
        asked(explainer=Ridge())
    with pytest.raises(ValueError, match="nothing changes"):
        asked(X_new=None)
    with pytest.raises(ValueError, match=r"X_new has 2 rows\. Expected 3"):
        asked(rows=[1, 2, 3])
    with pytest.raises(ValueError, match=r"y_new has 1 entries\. Expected 2"):
        asked(y_new=[1])
    with pytest.raises(ValueError, match=r"y_new is a single value \(1\)"):
        asked(y_new=1)
    with pytest.raises(ValueError, match=r"y_new contains labels.*Known classes: \[0, 1\]"):
        asked(y_new=[0, 7])
    with pytest.raises(ValueError, match="NaN"):
        asked(X_new=np.full((2, 30), np.nan))
    with pytest.raises(ValueError, match="30 features"):
        asked(X_new=X_new[:, :5])
    with pytest.raises(ValueError, match="0 to 119"):
        asked(rows=[3, 400])
    with pytest.raises(ValueError, match="method='fast'"):
        asked(method="fast")
    with pytest.raises(ValueError, match="0 sample"):
        asked(test=(X[:0], y[:0]))
    ridge, _, test = explained("ridge")
    with pytest.raises(ValueError, match="y_new contains NaN"):
        replacement_influence(ridge, [0], None, [np.nan], *test)
    with pytest.raises(ValueError, match="2 outputs"):
        replacement_influence(ridge, [0], None, [[1.0, 2.0]], *test)


@pytest.mark.parametrize("method", ["first_order", "newton_step", "refit"])
def test_no_rows_have_no_effects(method):
    explainer, (X, _), test = explained("logistic")
    got = replacement_influence(explainer, [], X[:0], None, *test, method=method)
    assert got.shape == (25, 0)
    assert replacement_influence(explainer, [], None, [], *test, method=method).shape == (25, 0)


@pytest.mark.parametrize("method", ["newton_step", "refit"])
@pytest.mark.parametrize("model", [LogisticRegression(), LinearSVC()], ids=str)
def test_the_last_row_of_a_class_gets_no_other_label(model, method):
    X, y = load_iris(return_X_y=True)
    X, y = X[:102], y[:102]
    weights = np.ones(102)
    weights[101] = 0.0  # row 100 is the last one of class 2 that counts
    explainer = InfluenceExplainer(model).fit(X, y, sample_weight=weights)
    asked = ([100, 100, 0, 101], None, [0, 2, 1, 0], X[:3], y[:3])
    with pytest.warns(RuntimeWarning, match=r"1 of 4 changes are NaN.*\(rows \[100\]\)"):
        effect = replacement_influence(explainer, *asked, method=method)
    assert_array_equal(np.isnan(effect), np.tile([True, False, False, False], (3, 1)))
    assert_array_equal(effect[:, [1, 3]], 0.0)
    assert np.isfinite(replacement_influence(explainer, *asked, method="first_order")).all()
