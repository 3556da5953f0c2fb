"""MLPClassifier and MLPRegressor: what they minimise, and influence where training stopped."""

import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator
from sklearn.neural_network import MLPClassifier, MLPRegressor, _multilayer_perceptron
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import has_fit_parameter

from skinfluence import InfluenceExplainer, supports
from skinfluence.adapters import Settings, UnsupportedEstimatorError, explain_estimator
from skinfluence.effects import RowEdits
from skinfluence.groups import group_influence
from skinfluence.linalg import Hessian
from skinfluence.objectives import minimize
from skinfluence.perturbation import relabel_influence
from skinfluence.solvers import AutoSolver, CGSolver, IndefiniteHessianError

RNG = np.random.default_rng(0)
X = RNG.standard_normal((90, 3))
NOISY = X[:, 0] + X[:, 1] ** 2 + 0.5 * RNG.standard_normal(90)
LABELS = {
    "binary": np.where(NOISY > 1.0, 5, 2),
    "multiclass": np.digitize(NOISY, [0.5, 1.5]),
    "multilabel": np.column_stack([NOISY > 1.0, X[:, 1] > 0.0, X[:, 2] > 0.5]).astype(int),
}
VALUES = {"values": NOISY, "two outputs": np.column_stack([NOISY, X[:, 2]])}
WEIGHTS = RNG.uniform(0.5, 2.0, 90) if has_fit_parameter(MLPRegressor(), "sample_weight") else None
TARGETS = LABELS | VALUES
METHODS = ("refit", "newton_step")


def network(kind, **settings):
    make = MLPClassifier if kind in LABELS else MLPRegressor
    given = {"hidden_layer_sizes": (3, 2), "activation": "tanh", "solver": "lbfgs", "alpha": 0.5}
    return make(**(given | {"random_state": 0} | settings))


def fitted(model, y, weights=None):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(X, y, **({} if weights is None else {"sample_weight": weights}))


def objective_of(model, y, weights=None):
    return explain_estimator(model, X, y, weights, Settings()).objective


@pytest.fixture(scope="module")
def at_optimum():
    """A classifier whose parameters are those of an optimum."""
    model = fitted(network("binary", hidden_layer_sizes=(3,)), LABELS["binary"])
    objective = objective_of(model, LABELS["binary"])
    best = minimize(objective, AutoSolver.for_newton_steps()).objective
    for layer, (W, b) in enumerate(best.predictor._layers):
        model.coefs_[layer], model.intercepts_[layer] = W.copy(), b.copy()
    return model


def explain(model, y, **settings):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return InfluenceExplainer(model, **settings).fit(X, y)


@pytest.mark.parametrize("kind", TARGETS)
@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_the_objective_is_what_the_network_minimised(kind, activation):
    y, model = TARGETS[kind], network(kind, activation=activation, max_iter=50)
    fitted(model, y, WEIGHTS)
    objective = objective_of(model, y, WEIGHTS)
    own = model.predict_proba(X) if kind in LABELS else model.predict(X)
    raw = objective.raw_prediction
    ours = 1.0 / (1.0 + np.exp(-raw)) if kind == "multilabel" else objective.loss.inverse_link(raw)
    np.testing.assert_allclose(ours, own.reshape(ours.shape), rtol=1e-12, atol=1e-15)
    if kind != "two outputs":  # whose loss_ is a mean over outputs, unlike its gradient
        value = objective.value() / objective.weights.base.sum()
        assert value == pytest.approx(model.loss_, rel=1e-12)


def test_the_gradient_is_that_of_an_epoch_of_batches():
    """Over all cyclic orders each row is in the small last batch equally often."""
    model = fitted(network("values", solver="adam", batch_size=4, max_iter=2), NOISY)
    table, y = X[:10], NOISY[:10]
    objective = explain_estimator(model, table, y, None, Settings()).objective
    total = np.zeros(objective.n_parameters)
    for shift in range(10):
        order = np.roll(np.arange(10), shift)
        for batch in (order[:4], order[4:8], order[8:]):
            arrays = [[table[batch], None, None, None], [None] * 3, [None] * 3, [None] * 3]
            arrays[2] = [np.empty_like(W) for W in model.coefs_]
            weights = [None] * ("sample_weight" in model._backprop.__code__.co_varnames)
            args = table[batch], y[batch, None], *weights, *arrays
            _, slopes, of_biases = model._backprop(*args)
            parts = [np.vstack([W, b]).ravel() for W, b in zip(slopes, of_biases, strict=True)]
            total += np.concatenate(parts) / 10
    np.testing.assert_allclose(objective.gradient(), total * 10 / 3, rtol=1e-9, atol=1e-12)
    assert objective.penalty_scaling == "mean"  # it grows with the number of batches


@pytest.mark.parametrize("kind", ["binary", "multiclass", "values"])
def test_rows_held_out_by_early_stopping_have_no_influence(kind, monkeypatch):
    model = network(kind, solver="adam", early_stopping=True, max_iter=20, batch_size=30)
    seen, split = [], _multilayer_perceptron.train_test_split

    def record(table, *others, **settings):
        out = split(table, *others, **settings)
        seen.append(out[0])
        return out

    monkeypatch.setattr(_multilayer_perceptron, "train_test_split", record)
    explainer = explain(model, TARGETS[kind], damping=0.5, curvature="gauss_newton")
    trained = (X[:, None] == seen[0]).all(axis=2).any(axis=1)
    assert trained.sum() == 81
    influence = explainer.influence(X[:5], TARGETS[kind][:5], method="first_order")
    np.testing.assert_array_equal((influence != 0.0).any(axis=0), trained)
    assert explainer.objective_.weights.base.sum() == 81
    assert "held out" in supports(model).reason
    with pytest.raises(UnsupportedEstimatorError, match=r"random_state=None.*Expected an integer"):
        InfluenceExplainer(model.set_params(random_state=None)).fit(X, TARGETS[kind])


@pytest.mark.parametrize("kind", TARGETS)
def test_influence_is_the_slope_of_local_refits(kind):
    y = TARGETS[kind]
    explainer = explain(network(kind, solver="adam", max_iter=100), y, damping=5.0)
    made = {
        sign: explainer.linearization_.changes(
            "refit", RowEdits.weights([2, 7], 1.0 + sign * 1e-3)
        )[1].coef_changes()
        for sign in (-1, 1)
    }
    slopes = (made[-1] - made[1]) / 2e-3
    removed = RowEdits.removals(np.array([2, 7]))
    first = explainer.linearization_.changes("first_order", removed)[1].coef_changes()
    assert np.abs(first - slopes).max() < 1e-5 * np.abs(slopes).max()
    refits = explainer.influence(X[:6], y[:6], rows=[2, 7], method="refit")
    step = explainer.influence(X[:6], y[:6], rows=[2, 7])
    assert np.abs(step - refits).max() < 0.1 * np.abs(refits).max()


def test_refits_at_an_optimum_are_those_of_the_objective(at_optimum):
    y, rows = LABELS["binary"], [3, 50]
    explainer = explain(FrozenEstimator(at_optimum), y)
    assert explainer.distance_to_optimum_ < 1e-20
    got = explainer.influence(X[:8], y[:8], rows=rows, method="refit")
    objective, test = explainer.objective_, explainer.test_rows(X[:8], y[:8])
    for i, row in enumerate(rows):
        without = objective.with_weights([row], [0.0])
        moved = minimize(without, AutoSolver.for_newton_steps()).objective
        raw = [at.raw_predictions(test.predictor) for at in (objective, moved)]
        labels = objective.coding.encode(y[:8])
        before, after = (objective.loss.value(labels, values) for values in raw)
        np.testing.assert_allclose(got[:, i], after - before, atol=1e-6 * np.abs(got).max())
    groups = group_influence(explainer, [rows[:1]], X[:8], y[:8], method="refit")
    np.testing.assert_allclose(groups[:, 0], got[:, 0], atol=1e-6 * np.abs(got).max())


def test_a_common_shift_of_all_classes_is_no_null_direction():
    y = LABELS["multiclass"]
    model = network("multiclass", hidden_layer_sizes=(2,), alpha=2.0, max_iter=1000)
    explainer = explain(model, y)  # without damping: a warning would fail the test
    null = np.zeros(explainer.objective_.n_parameters)
    null[-3:] = 1.0
    hessian = explainer.objective_.hessian()
    assert np.abs(hessian @ null).max() < 1e-12 * np.abs(hessian.to_dense()).max()
    assert explainer.health().null_directions == []
    assert np.isfinite(explainer.influence(X[:3], y[:3])).all()


def test_parameters_of_other_labels_are_far_from_the_optimum(at_optimum):
    y = np.roll(LABELS["binary"], 1)
    with pytest.warns(ConvergenceWarning, match="not near an optimum of the given rows.*labels"):
        explainer = InfluenceExplainer(FrozenEstimator(at_optimum), damping=1.0).fit(X, y)
    assert explainer.distance_to_optimum_ > 0.3
    assert "not another training" in " ".join(explainer.health().advice())


def test_negative_curvature_is_named_with_a_damping_that_is_enough():
    y = LABELS["multiclass"]
    model = network("multiclass", solver="adam", alpha=0.0, max_iter=30)
    explainer = explain(model, y)
    with pytest.raises(IndefiniteHessianError, match=r"smallest eigenvalue -.*damping=") as refused:
        explainer.influence(X[:3], y[:3])
    enough = float(str(refused.value).split("Pass damping=")[1].split()[0])
    eigenvalues = np.linalg.eigvalsh(explainer.objective_.hessian(enough).to_dense())
    assert 0.0 < eigenvalues[0] < 0.3 * eigenvalues[-1]
    assert np.isfinite(explain(model, y, damping=enough).influence(X[:3], y[:3])).all()
    curved = explain(model, y, damping=enough / 50, curvature="gauss_newton")
    assert np.isfinite(curved.influence(X[:3], y[:3])).all()
    with pytest.raises(IndefiniteHessianError, match="Pass damping="):
        curved.influence(X[:3], y[:3], rows=[1], method="refit")


def test_conjugate_gradients_invert_the_damped_hessian_or_name_its_negative_curvature(monkeypatch):
    y = LABELS["multiclass"]
    model = network("multiclass", solver="adam", alpha=0.0, max_iter=30)
    # the diagonal of a network costs as many products as there are parameters
    monkeypatch.setattr(Hessian, "diagonal", None)
    settings = {"method": "first_order", "solver": CGSolver(tol=1e-10)}
    with pytest.raises(IndefiniteHessianError, match="Pass damping=") as refused:
        explain(model, y, **settings).influence(X[:3], y[:3])
    damping = float(str(refused.value).split("Pass damping=")[1].split()[0])
    explainer = explain(model, y, damping=damping, **settings)
    got = explainer.influence(X[:3], y[:3])
    smallest = np.linalg.eigvalsh(explainer.objective_.hessian(damping).to_dense())[0]
    found = explainer.linearization_.inverse.report.smallest_eigenvalue
    assert found == pytest.approx(smallest, rel=0.02)
    expected = explain(model, y, damping=damping).influence(X[:3], y[:3], method="first_order")
    np.testing.assert_allclose(got, expected, atol=1e-7 * np.abs(expected).max())


def test_other_labels_are_those_of_the_optimum_nearby():
    y = LABELS["multiclass"]
    explainer = explain(network("multiclass", solver="adam", max_iter=200), y, damping=0.3)
    made = {m: relabel_influence(explainer, X[:4], y[:4], rows=[5, 9], method=m) for m in METHODS}
    refits, step = made["refit"], made["newton_step"]
    assert np.isfinite(refits).all()
    assert np.abs(refits).max() > 0.0
    np.testing.assert_allclose(step, refits, atol=1e-6 * np.abs(refits).max())


def test_other_sets_of_labels_are_those_of_a_refit():
    y, rows = LABELS["multilabel"], [5, 9]
    model = fitted(network("multilabel", max_iter=5000, tol=1e-12), y)
    explainer, new = explain(model, y, damping=0.3), 1 - y[rows]
    effects = {
        m: relabel_influence(explainer, X[:4], y[:4], new, rows=rows, method=m) for m in METHODS
    }
    scale = np.abs(effects["refit"]).max()
    assert scale > 0.0
    np.testing.assert_allclose(effects["newton_step"], effects["refit"], atol=1e-6 * scale)
    other = y.copy()
    other[rows] = new
    further = np.vstack([X, X[rows]]), np.vstack([y, new])
    for changed, table, labels in (
        (explainer.with_labels(rows, new), X, other),
        (explainer.with_rows(X[rows], new), *further),
    ):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            refitted = clone(model).fit(table, labels)
        np.testing.assert_array_equal(changed.predict_proba(X), refitted.predict_proba(X))
    with pytest.raises(ValueError, match="no one class: pass"):
        relabel_influence(explainer, X[:4], y[:4])


def test_a_network_in_a_pipeline_is_explained_by_layers():
    model = make_pipeline(StandardScaler(), network("values", solver="adam", max_iter=200))
    settings = {"curvature": "gauss_newton", "damping": 5.0}
    exact, factors = (explain(model, NOISY, solver=s, **settings) for s in ("cholesky", "ekfac"))
    one, two = (at.influence(X[:6], NOISY[:6]) for at in (exact, factors))
    assert np.corrcoef(one.ravel(), two.ravel())[0, 1] > 0.85
    assert factors.health().solver == "ekfac"
    assert np.isfinite(factors.leverage()).all()
    assert np.isfinite(exact.score(X[:9], NOISY[:9]))
    assert exact.coef_influence(rows=[1]).shape[1] == exact.objective_.n_parameters
