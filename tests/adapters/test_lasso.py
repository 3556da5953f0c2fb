"""Sparse linear models: exact while the selection stays, refits right where it does not."""

import warnings

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_diabetes
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import ElasticNet, Lasso, LinearRegression, MultiTaskElasticNet
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skinfluence import InfluenceExplainer
from skinfluence.adapters import UnsupportedEstimatorError
from skinfluence.effects import _selection
from skinfluence.groups import group_influence, smallest_flipping_set
from skinfluence.linalg import Design
from skinfluence.perturbation import perturbation_influence, replacement_influence

N = 90
X, y = load_diabetes(return_X_y=True)
X, y, X_test, y_test = X[:N], y[:N], X[N : N + 15], y[N : N + 15]
WEIGHTS = 0.5 + np.random.default_rng(0).random(N)

MODELS = {
    "lasso": Lasso(0.3),
    "dense lasso": Lasso(0.05),
    "elastic net": ElasticNet(0.02, l1_ratio=0.9),
    "no intercept": ElasticNet(0.1, l1_ratio=0.9, fit_intercept=False),
}


def tight(model, X, y, weights):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return clone(model).set_params(tol=1e-13, max_iter=100_000).fit(X, y, weights)


@pytest.fixture(params=MODELS)
def fitted(request):
    """(explainer, coefficients of real refits without each row (n, p), as fitted (p,))."""
    model = MODELS[request.param]
    explainer = InfluenceExplainer(model).fit(X, y, WEIGHTS)
    refits = []
    for i in range(N):
        refit = tight(model, np.delete(X, i, 0), np.delete(y, i), np.delete(WEIGHTS, i))
        refits.append(np.append(refit.coef_, refit.intercept_ if model.fit_intercept else []))
    whole = tight(model, X, y, WEIGHTS)
    coef = np.append(whole.coef_, whole.intercept_ if model.fit_intercept else [])
    return explainer, np.array(refits), coef


def reselected(refits, coef):
    """Rows whose removal really changes a sign or which coefficients are zero."""
    return (np.sign(refits[:, :10]) != np.sign(coef[:10])).any(axis=1)


def test_refits_are_right_whether_the_selection_stays_or_not(fitted):
    explainer, refits, coef = fitted
    changed = reselected(refits, coef)
    assert 0 < changed.sum() < N
    got = explainer.coef_influence(method="refit")
    np.testing.assert_allclose(got, refits - coef, rtol=0, atol=1e-8 * np.abs(coef).max())
    zeros = np.abs(coef + got)[:, :10] < 1e-9 * np.abs(coef).max()
    np.testing.assert_array_equal(zeros, refits[:, :10] == 0.0)


def test_newton_steps_are_exact_while_the_selection_stays(fitted):
    explainer, refits, coef = fitted
    stay = np.flatnonzero(~reselected(refits, coef))
    got = explainer.coef_influence(stay, method="newton_step")  # warns of no row
    np.testing.assert_allclose(got, (refits - coef)[stay], atol=1e-6 * np.abs(coef).max())
    loss = explainer.influence(X_test, y_test, rows=stay)
    Z = np.column_stack([X_test, np.ones(len(X_test))])[:, : refits.shape[1]]
    before, after = 0.5 * (y_test - Z @ coef.T) ** 2, 0.5 * (y_test - refits[stay] @ Z.T) ** 2
    np.testing.assert_allclose(loss.T, after - before, atol=1e-6 * np.abs(loss).max())


def test_the_warning_names_the_removals_that_change_the_selection(fitted):
    explainer, refits, coef = fitted
    changed = np.flatnonzero(reselected(refits, coef))
    with pytest.warns(RuntimeWarning, match="predicted to change which coefficients") as caught:
        explainer.influence(X_test, y_test)
    text = str(caught[0].message)
    assert f"removal of {len(changed)} training row(s)" in text
    assert str(changed[:10].tolist()) in text
    assert 'method="refit"' in text


def test_refits_do_not_warn_of_the_selection():
    explainer = InfluenceExplainer(Lasso(0.3)).fit(X, y)
    assert np.isfinite(explainer.influence(X_test, y_test, method="refit")).all()


def test_coefficients_that_had_not_converged_are_moved_to_the_optimum_of_all_columns():
    rough, best = Lasso(0.3).fit(X, y), tight(Lasso(0.3), X, y, None)
    rough.coef_ = np.roll(rough.coef_, 1)
    assert (np.sign(rough.coef_) != np.sign(best.coef_)).any()
    with pytest.warns(ConvergenceWarning):
        explainer = InfluenceExplainer(FrozenEstimator(rough)).fit(X, y)
    objective = explainer.objective_
    got = objective.estimator_layout(objective.coef)
    np.testing.assert_allclose(got[:10], best.coef_, atol=1e-8 * np.abs(best.coef_).max())
    assert explainer.polished_stationarity_ < 1e-12


def test_without_polishing_the_refits_start_from_the_optimum():
    rough = Lasso(0.3, tol=10.0, max_iter=3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        explainer = InfluenceExplainer(rough, polish=False).fit(X, y)
    got = explainer.influence(X_test, y_test, method="refit", rows=[3, 8])
    expected = (
        InfluenceExplainer(Lasso(0.3))
        .fit(X, y)
        .influence(X_test, y_test, method="refit", rows=[3, 8])
    )
    np.testing.assert_allclose(got, expected, rtol=1e-8)


def test_sparse_rows_and_pipelines_give_the_same():
    rows = np.where(np.abs(X) > 0.03, X, 0.0)
    model = make_pipeline(StandardScaler(with_mean=False), Lasso(5.0))
    dense = InfluenceExplainer(model).fit(rows, y).influence(X_test, y_test, method="refit")
    explainer = InfluenceExplainer(model).fit(sparse.csr_array(rows), y)
    got = explainer.influence(sparse.csr_array(X_test), y_test, method="refit")
    np.testing.assert_allclose(got, dense, rtol=1e-7, atol=1e-7 * np.abs(dense).max())


def predictions(X, y, weights):
    return tight(Lasso(0.3), X, y, weights).predict(X_test)


def test_groups_and_replaced_rows_are_refitted_with_a_new_selection():
    explainer = InfluenceExplainer(Lasso(0.3)).fit(X, y, WEIGHTS)
    before, group = predictions(X, y, WEIGHTS), [2, 30, 31, 32, 80]
    got = group_influence(explainer, [group], X_test, target="predict", method="refit")[:, 0]
    left = [np.delete(part, group, 0) for part in (X, y, WEIGHTS)]
    np.testing.assert_allclose(got, predictions(*left) - before, atol=1e-7)
    for row, value in ((4, 300.0), (7, 20.0)):
        other, moved = X.copy(), y.copy()
        other[row], moved[row] = X[row + 20], value
        got = replacement_influence(
            explainer, [row], X[[row + 20]], [value], X_test, target="predict", method="refit"
        )[:, 0]
        np.testing.assert_allclose(got, predictions(other, moved, WEIGHTS) - before, atol=1e-7)


def test_derivatives_in_features_are_those_of_the_refits():
    explainer = InfluenceExplainer(Lasso(0.3)).fit(X, y, WEIGHTS)
    got = perturbation_influence(explainer, X_test[:2], target="predict", rows=[3])[:, 0]
    h, slopes = 1e-4, np.zeros((2, 10))
    for j in range(10):
        for sign in (1.0, -1.0):
            other = X.copy()
            other[3, j] += sign * h
            slopes[:, j] += sign * predictions(other, y, WEIGHTS)[:2] / (2 * h)
    np.testing.assert_allclose(got, slopes, atol=1e-5 * np.abs(slopes).max())
    np.testing.assert_array_equal((got == 0.0).all(axis=0), explainer.estimator_.coef_ == 0.0)


def test_a_flipping_set_is_verified_with_a_new_selection():
    explainer = InfluenceExplainer(Lasso(0.3)).fit(X, y)
    threshold = float(predictions(X, y, None)[0]) - 20.0
    found = smallest_flipping_set(explainer, X_test[:1], threshold=threshold)
    rows = found[0].rows
    left = [np.delete(part, rows, 0) for part in (X, y)]
    assert predictions(*left, None)[0] < threshold


def test_names_and_diagnostics_belong_to_all_columns():
    explainer = InfluenceExplainer(Lasso(0.3)).fit(X, y)
    names = explainer.fitted_model_.coef_names()
    assert len(names) == explainer.coef_influence(method="refit").shape[1] == 11
    with pytest.warns(RuntimeWarning, match="predicted to change which"):
        table = explainer.diagnostics(dfbetas=True)
    zero = explainer.estimator_.coef_ == 0.0
    shown = np.array([np.isnan(table[f"dfbetas_{name}"]).all() for name in names[:10]])
    np.testing.assert_array_equal(shown, zero)


def test_a_penalty_that_leaves_the_intercept_alone_has_the_influence_of_a_mean():
    explainer = InfluenceExplainer(Lasso(1e3)).fit(X, y)
    got = explainer.influence(X_test[:1], target="predict", rows=[5])
    np.testing.assert_allclose(got, (y.sum() - y[5]) / (N - 1) - y.mean(), rtol=1e-9)


def test_hardly_any_penalty_is_least_squares():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        lasso = InfluenceExplainer(Lasso(1e-9)).fit(X, y)
    expected = InfluenceExplainer(LinearRegression()).fit(X, y).influence(X_test, y_test)
    size = np.abs(expected).max()
    got = lasso.influence(X_test, y_test, method="refit")
    np.testing.assert_allclose(got, expected, atol=1e-6 * size)


@pytest.mark.parametrize(
    "model, message",
    [
        (Lasso(positive=True), "positive=True.*Expected positive=False"),
        (Lasso(1e4, fit_intercept=False), "no coefficient other than zero.*lower the penalty"),
    ],
    ids=["positive", "zero"],
)
def test_what_has_no_answer_is_refused(model, message):
    with pytest.raises(UnsupportedEstimatorError, match=message):
        InfluenceExplainer(model).fit(X, y)


@pytest.mark.parametrize("model", [Lasso(0.1), MultiTaskElasticNet(0.1)], ids=["one", "several"])
def test_bounds_leave_out_only_rows_that_keep_the_selection(model, monkeypatch):
    rng = np.random.default_rng(11)
    X = rng.standard_normal((300, 6))
    y = X[:, :3] @ rng.standard_normal((3, 2)) + rng.standard_normal((300, 2))
    y = y[:, 0] if type(model) is Lasso else y  # older MultiTaskElasticNets are Lassos too
    explainer = InfluenceExplainer(model).fit(X, y)
    linearization, rows = explainer.linearization_, np.arange(300)

    def predicted():
        def changes(edits):
            asked.append(edits.n_edits)
            return linearization.changes("first_order", edits)[1]

        asked = []
        return _selection.reselecting_rows(explainer.objective_, changes, rows), asked

    some, (_, *left) = predicted()
    monkeypatch.setattr(_selection, "FEW", 0)
    every, (_, *all_rows) = predicted()
    assert (some == every).all() and some.any()
    assert sum(left) < sum(all_rows) == 300


@pytest.mark.parametrize("model", [Lasso(0.1), MultiTaskElasticNet(0.1)], ids=["one", "several"])
def test_one_gram_matrix_serves_the_optimum_the_hessian_and_the_warning(model, monkeypatch):
    made, gram = [], Design.gram
    monkeypatch.setattr(Design, "gram", lambda *args, **more: made.append(1) or gram(*args, **more))
    rng = np.random.default_rng(11)
    X = rng.standard_normal((300, 6))
    y = X[:, :3] @ rng.standard_normal((3, 2)) + rng.standard_normal((300, 2))
    y = y if type(model) is MultiTaskElasticNet else y[:, 0]
    explainer = InfluenceExplainer(model).fit(X, y)
    with pytest.warns(RuntimeWarning, match="predicted to change which"):
        explainer.influence(X[:5], y[:5])
    assert len(made) == 1
    objective = explainer.objective_
    plain = objective.replace().hessian().to_dense()  # without what the search had made
    np.testing.assert_allclose(objective.hessian().to_dense(), plain, rtol=1e-12, atol=1e-10)
    assert len(made) == 2


@pytest.mark.parametrize("seed", [4, 5])
def test_refits_of_as_many_coefficients_as_rows(seed):
    rng = np.random.default_rng(seed)
    wide = rng.normal(size=(20, 50))
    values = wide[:, 0] - 2.0 * wide[:, 1] + rng.normal(size=20)
    model = Lasso(0.05)
    explainer = InfluenceExplainer(tight(model, wide[:15], values[:15], None))
    explainer.fit(wide[:15], values[:15])
    got = explainer.influence(wide[15:], method="refit")
    before = explainer.predict(wide[15:])
    kept = [np.arange(15) != i for i in range(15)]
    refits = [tight(model, wide[:15][some], values[:15][some], None) for some in kept]
    truth = np.array([refit.predict(wide[15:]) - before for refit in refits]).T
    np.testing.assert_allclose(got, truth, atol=1e-8 * np.abs(truth).max())
