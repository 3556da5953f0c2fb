"""Kernel ridge, Gaussian processes and Bayesian ridge: real refits without a row."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.base import clone
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import BayesianRidge, Ridge
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skinfluence import InfluenceExplainer, supports
from skinfluence.adapters import UnsupportedEstimatorError, _kernel
from skinfluence.groups import group_influence
from skinfluence.perturbation import replacement_influence

RNG = np.random.default_rng(0)
X = RNG.standard_normal((80, 2))
Y = np.sin(2 * X[:, 0]) + 0.3 * X[:, 1] + 0.1 * RNG.standard_normal(80)
TRAIN, TEST = (X[:60], Y[:60]), (X[60:], Y[60:])

#: hyperparameters fixed, so that a refit is the same model without the row
FIXED = ConstantKernel(2.0, "fixed") * RBF(0.8, "fixed") + WhiteKernel(0.05, "fixed")
MODELS = {
    "rbf": KernelRidge(alpha=0.1, kernel="rbf", gamma=0.5),
    "laplacian": KernelRidge(alpha=0.1, kernel="laplacian", gamma=0.5),
    "polynomial": KernelRidge(alpha=0.5, kernel="poly", degree=2),
    "callable": KernelRidge(alpha=0.1, kernel=lambda a, b: float(np.exp(-((a - b) ** 2).sum()))),
    "gaussian process": GaussianProcessRegressor(FIXED, alpha=0.01),
    "pipeline": make_pipeline(StandardScaler(), KernelRidge(alpha=0.1, kernel="rbf")),
}


def half_squares(model, rows, values):
    return 0.5 * (values - model.predict(rows)) ** 2


@pytest.mark.parametrize("name", MODELS)
def test_removals_are_exact(name):
    explainer = InfluenceExplainer(MODELS[name]).fit(*TRAIN)
    removed = [0, 7, 31]
    got = explainer.influence(*TEST, rows=removed)
    if name == "pipeline":  # whose scaler is held fixed
        scale, model = explainer.estimator_[0].transform, clone(MODELS[name][-1])
    else:
        scale, model = np.asarray, clone(MODELS[name])
    rows, others = scale(X[:60]), scale(X[60:])
    before = half_squares(clone(model).fit(rows, Y[:60]), others, Y[60:])
    for j, row in enumerate(removed):
        kept = np.delete(np.arange(60), row)
        after = half_squares(clone(model).fit(rows[kept], Y[kept]), others, Y[60:])
        assert_allclose(got[:, j], after - before, atol=1e-8)


def test_weights_groups_outputs_and_other_rows():
    weight = RNG.uniform(0.5, 2.0, 60)
    values = np.column_stack([Y, np.cos(X[:, 1])])
    model = KernelRidge(alpha=[0.1, 0.3], kernel="rbf", gamma=0.5)
    explainer = InfluenceExplainer(model).fit(X[:60], values[:60], weight)
    rows = [3, 17, 40]
    kept = np.delete(np.arange(60), rows)
    after = clone(model).fit(X[kept], values[kept], weight[kept]).predict(X[60:])
    before = clone(model).fit(X[:60], values[:60], weight).predict(X[60:])
    got = group_influence(explainer, [rows], X[60:], target="predict")[:, 0]
    assert_allclose(got, (after - before).sum(axis=1), atol=1e-8)
    single = InfluenceExplainer(MODELS["rbf"]).fit(*TRAIN)
    near = X[[5]] + 1e-3  # within the span of the columns but for a trifle
    got = replacement_influence(single, [5], near, None, *TEST, method="refit")[:, 0]
    moved = X[:60].copy()
    moved[5] = near
    after = half_squares(clone(MODELS["rbf"]).fit(moved, Y[:60]), *TEST)
    assert_allclose(got, after - half_squares(clone(MODELS["rbf"]).fit(*TRAIN), *TEST), atol=1e-6)


@pytest.mark.parametrize("name", ["rbf", "gaussian process", "pipeline"])
def test_rows_that_no_kernel_column_describes_are_refused(name):
    """The kernel of such a row would be a further column, without which the effect is another."""
    explainer = InfluenceExplainer(MODELS[name]).fit(*TRAIN)
    with pytest.raises(ValueError, match=r"do not describe 1 of 2 rows .*Nystroem"):
        replacement_influence(explainer, [5, 6], [X[7], X[5] + 4.0], None, *TEST)
    assert np.isfinite(replacement_influence(explainer, [5], X[[7]], None, *TEST)).all()


def test_precomputed_kernels():
    matrix = rbf_kernel(X, X[:60], gamma=0.5)
    given = InfluenceExplainer(KernelRidge(alpha=0.1, kernel="precomputed"))
    given.fit(matrix[:60], Y[:60])
    own = InfluenceExplainer(MODELS["rbf"]).fit(*TRAIN)
    assert_allclose(given.influence(matrix[60:], Y[60:]), own.influence(*TEST), atol=1e-9)


@pytest.mark.parametrize("name", ["rbf", "gaussian process", "pipeline"])
def test_a_copy_from_disk_answers_alike(name, tmp_path):
    explainer = InfluenceExplainer(MODELS[name], memory=str(tmp_path)).fit(*TRAIN)
    copy = pickle.loads(pickle.dumps(explainer))
    assert_allclose(copy.influence(*TEST), explainer.influence(*TEST), rtol=1e-12)
    assert explainer.score(*TEST) > 1 - 1e-9  # whose refits are cached by what is pickled


@pytest.mark.parametrize("name", ["rbf", "gaussian process", "callable"])
def test_many_rows_are_explained_on_few_columns_with_the_error_in_the_warning(name, monkeypatch):
    monkeypatch.setattr(_kernel, "MOST_ROWS", 50)
    monkeypatch.setattr(_kernel, "MOST_COLUMNS", 40)
    monkeypatch.setattr(_kernel, "BLOCK", 16)
    few = InfluenceExplainer(MODELS[name])
    with pytest.warns(UserWarning, match="60 training rows.* 40 kernel columns.*trace"):
        few.fit(*TRAIN)
    assert few.objective_.design.shape == (60, 40)
    monkeypatch.undo()
    full = InfluenceExplainer(MODELS[name]).fit(*TRAIN).influence(*TEST)
    error = np.abs(few.influence(*TEST) - full).max() / np.abs(full).max()
    assert error < 0.05


def test_the_residual_trace_is_that_of_the_kernel_matrix(monkeypatch):
    monkeypatch.setattr(_kernel, "MOST_ROWS", 50)
    monkeypatch.setattr(_kernel, "MOST_COLUMNS", 20)
    columns = _kernel.KernelColumns(_kernel.RowKernel(rbf_kernel, X), first=[3, 5])
    Z, matrix = columns.take_training(), rbf_kernel(X)
    assert_allclose(columns(X), Z, atol=1e-10)
    assert_allclose(Z[[3, 5]] @ Z.T, matrix[[3, 5]], atol=1e-12)  # landmarks lose nothing
    trace = 1.0 - (Z**2).sum() / np.trace(matrix)
    assert_allclose(columns.residual_trace, trace, rtol=1e-8)
    assert np.linalg.eigvalsh(matrix - Z @ Z.T).min() > -1e-12


def test_a_normalised_target_keeps_its_units():
    model = GaussianProcessRegressor(FIXED, normalize_y=True)
    explainer = InfluenceExplainer(model).fit(X[:60], 50.0 + 9.0 * Y[:60])
    table = explainer.explain(X[60:61], k=1)[0]
    assert_allclose(table.value, model.fit(X[:60], 50.0 + 9.0 * Y[:60]).predict(X[60:61])[0])
    assert explainer.score(X[60:], 50.0 + 9.0 * Y[60:]) > 1 - 1e-9


def test_the_mean_of_a_normalised_target_is_held_fixed_and_that_is_said():
    model, y = GaussianProcessRegressor(FIXED, alpha=0.3, normalize_y=True), 10.0 + Y[:60]
    assert "mean of the normalised target is held fixed" in supports(model).reason
    assert "held fixed" not in supports(model.set_params(optimizer=None, normalize_y=False)).reason
    model.set_params(normalize_y=True)
    got = InfluenceExplainer(model).fit(X[:60], y).influence(X[60:], target="predict")

    def predicted(kept):
        own = GaussianProcessRegressor(FIXED, alpha=0.3, optimizer=None)
        return own.fit(X[kept], y[kept] - y.mean()).predict(X[60:])

    kept = np.arange(60)
    for row in (3, 40):
        expected = predicted(np.delete(kept, row)) - predicted(kept)
        assert_allclose(got[:, row], expected, rtol=1e-9, atol=1e-12)


def test_leave_one_out_is_that_of_the_closed_form():
    model = MODELS["rbf"]
    explainer = InfluenceExplainer(model).fit(*TRAIN)
    hat = rbf_kernel(X[:60], gamma=0.5)
    hat = hat @ np.linalg.inv(hat + 0.1 * np.eye(60))
    expected = Y[:60] - (Y[:60] - hat @ Y[:60]) / (1 - np.diag(hat))
    assert_allclose(explainer.leave_one_out_raw_predictions(), expected, atol=1e-9)
    assert_allclose(explainer.leverage(), np.diag(hat), atol=1e-10)


def test_bayesian_ridge_at_its_precisions():
    explainer = InfluenceExplainer(BayesianRidge()).fit(*TRAIN)
    model = explainer.estimator_
    ridge = Ridge(model.lambda_ / model.alpha_)
    expected = InfluenceExplainer(ridge).fit(*TRAIN).influence(*TEST)
    assert_allclose(explainer.influence(*TEST), expected, rtol=1e-9)
    assert explainer.stationarity_ < 1e-8


def test_what_cannot_be_known_is_refused():
    uneven = GaussianProcessRegressor(alpha=np.full(60, 0.1))
    with pytest.raises(UnsupportedEstimatorError, match="one number"):
        InfluenceExplainer(uneven).fit(*TRAIN)
