"""Removals in closed form are those of scikit-learn's own refits, derivatives those of weights."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis as LDA
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.utils.validation import has_fit_parameter

from skinfluence import InfluenceExplainer
from skinfluence.adapters import REGISTRY
from skinfluence.groups import group_influence
from skinfluence.targets import Mean
from tests._compare import assert_normwise
from tests.closed_form._cases import CASES, SMOOTH, own_loss, refits, table

names = pytest.mark.parametrize("name", CASES)
WEIGHTED = [
    name for name, case in CASES.items() if has_fit_parameter(case.estimator, "sample_weight")
]


def explained(name, weighted=False):
    """(explainer, X, y, X_test, y_test, weights) of a case."""
    case = CASES[name]
    X, y, X_test, y_test, weights = table(case.kind, case.n_classes)
    weights = weights if weighted else None
    given = {"sample_weight": weights} if weighted else {}
    return InfluenceExplainer(case.estimator).fit(X, y, **given), X, y, X_test, y_test, weights


def test_every_registered_class_has_a_case():
    ours = {key[1] for key, adapter in REGISTRY.items() if adapter.closed_form}
    others = {"OneClassSVM"}  # test_one_class.py
    assert ours == {type(case.estimator).__name__ for case in CASES.values()} | others


@names
def test_raw_predictions_are_the_estimators_own(name):
    explainer, _, _, X_test, y_test, _ = explained(name)
    tests = explainer.test_rows(X_test, y_test, target="loss")
    np.testing.assert_allclose(
        tests.value(), own_loss(explainer.estimator_, X_test, y_test), rtol=1e-10, atol=1e-13
    )


@pytest.mark.parametrize(
    "name, weighted", [(n, False) for n in CASES] + [(n, True) for n in WEIGHTED]
)
def test_refits_are_real_leave_one_out(name, weighted):
    explainer, X, y, X_test, y_test, weights = explained(name, weighted)
    rows = np.arange(0, len(y), 4)
    without = refits(CASES[name].estimator, rows[:, None], X, y, weights)
    before = own_loss(explainer.estimator_, X_test, y_test)
    truth = np.transpose([own_loss(model, X_test, y_test) - before for model in without])
    size = np.abs(truth).max()
    for method in explainer.objective_.methods:
        if method != "first_order":
            got = explainer.influence(X_test, y_test, method=method)[:, rows]
            assert np.abs(got - truth).max() < 1e-8 * size, method
    assert explainer.resolve_method("auto") == "refit"
    own = [own_loss(model, X[[i]], y[[i]])[0] for i, model in zip(rows, without, strict=True)]
    own -= own_loss(explainer.estimator_, X[rows], y[rows])
    np.testing.assert_allclose(
        explainer.self_influence("refit")[rows], own, atol=1e-8 * np.abs(own).max()
    )


@pytest.mark.parametrize("name", WEIGHTED)
@pytest.mark.parametrize("weighted", [False, True])
def test_first_order_is_the_derivative_of_weighted_refits(name, weighted):
    explainer, X, y, X_test, y_test, weights = explained(name, weighted)
    weights = np.ones(len(y)) if weights is None else weights
    rows, h = [0, 7, 31, 59], 1e-4
    got = explainer.influence(X_test, y_test, method="first_order", rows=rows)
    for j, i in enumerate(rows):
        ends = []
        for sign in (-1, 1):
            moved = weights.copy()
            moved[i] *= 1 + sign * h
            model = clone(CASES[name].estimator).fit(X, y, sample_weight=moved)
            ends.append(own_loss(model, X_test, y_test))
        truth = -(ends[1] - ends[0]) / (2 * h)
        assert np.abs(got[:, j] - truth).max() < 1e-5 * np.abs(truth).max()


@pytest.mark.parametrize("name", sorted(set(SMOOTH) - set(WEIGHTED)))
def test_first_order_is_the_derivative_in_the_number_of_copies(name):
    case = CASES[name]
    X, y, X_test, y_test, _ = table(case.kind, case.n_classes)
    X, y = np.tile(X, (100, 1)), np.tile(y, 100)
    explainer = InfluenceExplainer(case.estimator).fit(X, y)
    rows = [0, 7, 31, 59]
    got = explainer.influence(X_test, y_test, method="first_order", rows=rows)
    for j, i in enumerate(rows):
        losses = {}
        for copies in (98, 99, 101, 102):
            rows_of_fit = np.r_[np.delete(np.arange(len(y)), i + 60 * np.arange(100)), [i] * copies]
            model = clone(case.estimator).fit(X[rows_of_fit], y[rows_of_fit])
            losses[copies] = own_loss(model, X_test, y_test)
        truth = (8.0 * (losses[99] - losses[101]) - (losses[98] - losses[102])) / 12.0
        assert np.abs(got[:, j] - truth).max() < 1e-5 * np.abs(truth).max()


def test_only_smooth_models_have_a_first_order():
    has_it = {name for name in CASES if "first_order" in explained(name)[0].objective_.methods}
    assert has_it == set(SMOOTH)


@pytest.mark.parametrize("name", WEIGHTED)
def test_a_weight_of_two_is_a_row_twice(name):
    case = CASES[name]
    X, y, X_test, y_test, _ = table(case.kind, case.n_classes)
    twice = np.ones(len(y))
    twice[[3, 8]] = 2.0
    weighted = InfluenceExplainer(case.estimator).fit(X, y, sample_weight=twice)
    repeated = InfluenceExplainer(case.estimator).fit(
        np.vstack([X, X[[3, 8]]]), np.append(y, y[[3, 8]])
    )
    got = weighted.influence(X_test, y_test, method="first_order")
    expected = repeated.influence(X_test, y_test, method="first_order")
    expected[:, [3, 8]] *= 2.0
    # GaussianNB smooths by the largest variance of all rows, whatever their weight
    atol = (1e-2 if name == "GaussianNB-smoothed" else 1e-7) * np.abs(expected).max()
    np.testing.assert_allclose(got, expected[:, : len(y)], atol=atol)


@names
def test_groups_are_real_refits_and_first_order_adds_up(name):
    explainer, X, y, X_test, y_test, _ = explained(name)
    groups = [[0, 1, 2, 3, 30], [], [5]]
    before = own_loss(explainer.estimator_, X_test, y_test)
    models = refits(CASES[name].estimator, groups, X, y)
    truth = np.transpose([own_loss(model, X_test, y_test) - before for model in models])
    got = group_influence(explainer, groups, X_test, y_test)
    assert np.abs(got - truth).max() < 1e-8 * np.abs(truth).max()
    if "first_order" in explainer.objective_.methods:
        single = explainer.influence(X_test, y_test, method="first_order")
        got = group_influence(explainer, groups, X_test, y_test, method="first_order")
        np.testing.assert_allclose(got[:, 0], single[:, groups[0]].sum(axis=1), atol=1e-13)
        assert not got[:, 1].any()


@names
def test_one_number_of_all_test_rows_is_the_mean_of_theirs(name):
    explainer, _, _, X_test, y_test, _ = explained(name)
    for method in explainer.objective_.methods:
        got = explainer.influence(X_test, y_test, target=Mean("loss"), method=method)
        each = explainer.influence(X_test, y_test, method=method)
        np.testing.assert_allclose(got[0], each.mean(axis=0), atol=1e-12)


@names
def test_other_targets_are_those_of_refits(name):
    explainer, X, y, X_test, _, _ = explained(name)
    (without,) = refits(CASES[name].estimator, [[11]], X, y)
    model = explainer.estimator_
    if not CASES[name].n_classes:
        got = explainer.influence(X_test, rows=[11])[:, 0]
        np.testing.assert_allclose(got, without.predict(X_test) - model.predict(X_test), atol=1e-10)
        return
    codes = model.predict_proba(X_test).argmax(axis=1)
    got = explainer.influence(X_test, target="predict_proba", rows=[11])[:, 0]
    change = without.predict_proba(X_test) - model.predict_proba(X_test)
    np.testing.assert_allclose(got, change[np.arange(len(codes)), codes], atol=1e-10)


@names
def test_data_frames_give_the_same_without_a_warning(name):
    explainer, X, y, X_test, y_test, _ = explained(name)
    frame = pd.DataFrame(X, columns=list("abcde"), index=[f"row {i}" for i in range(len(X))])
    other = InfluenceExplainer(CASES[name].estimator).fit(frame, pd.Series(y, index=frame.index))
    test = pd.DataFrame(X_test, columns=list("abcde"))
    for method in explainer.objective_.methods:
        got = other.influence(test, y_test, method=method, rows=["row 3", "row 8"])
        expected = explainer.influence(X_test, y_test, method=method, rows=[3, 8])
        np.testing.assert_allclose(got, expected, atol=1e-12)
    assert list(other.explain(test[:1], k=2)[0].row) == list(
        other.row_names_[other.top_influences(test[:1], k=2)[0][0]]
    )


@pytest.mark.parametrize("name", [n for n, case in CASES.items() if case.kind == "counts"])
def test_sparse_rows_give_the_same(name):
    explainer, X, y, X_test, y_test, _ = explained(name)
    if "Categorical" in name:
        pytest.skip("CategoricalNB takes no sparse rows")
    other = InfluenceExplainer(CASES[name].estimator).fit(sparse.csr_array(X), y)
    for method in ("first_order", "refit"):
        np.testing.assert_allclose(
            other.influence(sparse.csr_array(X_test), y_test, method=method),
            explainer.influence(X_test, y_test, method=method),
            atol=1e-12,
        )


@pytest.mark.parametrize("name", ["GaussianNB", "LinearDiscriminantAnalysis"])
@pytest.mark.parametrize("far", [0.0, 30.0, 1e4])
def test_derivatives_of_two_classes_are_the_same_at_once(name, far):
    rng = np.random.default_rng(0)
    X, y, slopes = rng.standard_normal((60, 3)), np.arange(60) % 2, rng.standard_normal((6, 1))
    X[y == 1] += far
    model = InfluenceExplainer({"GaussianNB": GaussianNB()}.get(name, LDA())).fit(X, y).objective_
    at_once, rows = model.contracted_reader(X[:6], slopes), np.arange(59, -1, -1)
    if name == "GaussianNB" and far > 1e3:
        assert at_once is None  # digits would be lost
        return
    expected = slopes * model.reader(X[:6], linear=True)(rows)[:, :, 0]
    assert_normwise(at_once(rows), expected, rtol=1e-10)


def test_neighbours_at_one_distance_are_told_of_where_their_targets_differ():
    X = np.array([[0.0], [1.0], [-1.0], [2.0], [-2.0], [9.0], [-8.0]])
    y = np.array([0, 1, 0, 1, 1, 0, 0])  # of the rows at distance 1, and at 2, two kinds
    model = KNeighborsClassifier(2)
    with pytest.warns(RuntimeWarning, match=r"1 of 2 test row\(s\).* distance of neighbour 2 or 3"):
        InfluenceExplainer(model).fit(X, y).influence([[0.0], [8.7]], [0, 1])
    InfluenceExplainer(model).fit(X, np.array([0, 1, 1, 0, 0, 0, 0])).influence([[0.0]], [0])
    near = KNeighborsRegressor(2)  # no row beyond the third
    InfluenceExplainer(near).fit(X[:3], y[:3].astype(float)).influence([[0.2]], [0.5])
