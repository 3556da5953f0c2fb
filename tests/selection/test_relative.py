"""Relative influence: influence divided by how far the removal moves the model."""

import numpy as np
import pandas as pd
import pytest
import sklearn
from numpy.testing import assert_allclose
from scipy import sparse
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.utils.fixes import parse_version

from skinfluence import InfluenceExplainer, SmoothHingeSVC
from skinfluence.effects import RowEdits
from skinfluence.explainer._linearizations import lengths
from skinfluence.selection import relative_influence, top_relative_influences
from tests._compare import assert_normwise

RNG = np.random.default_rng(5)
N = 60
X = RNG.standard_normal((N + 12, 4)) + 2.0
SCORES = X @ RNG.standard_normal((4, 3)) + 1.5 * RNG.standard_normal((N + 12, 3))
X, X_TEST = X[:N], X[N:]
WEIGHTS = 0.5 + RNG.random(N)
TARGETS = {
    "values": SCORES[:, 0],
    "two values": SCORES[:, :2],
    "two classes": np.where(SCORES[:, 0] > np.median(SCORES[:, 0]), "yes", "no"),
    "three classes": SCORES.argmax(axis=1),
}
TIGHT = {"solver": "newton-cholesky", "tol": 1e-13, "max_iter": 1000}
MODELS = {
    "ridge": (Ridge(0.5), "values"),
    "ridge, two outputs": (Ridge(0.5), "two values"),
    "logistic": (LogisticRegression(C=0.3, **TIGHT), "two classes"),
    "multinomial": (LogisticRegression(C=0.3, **TIGHT), "three classes"),
    "balanced": (LogisticRegression(C=0.3, class_weight="balanced", **TIGHT), "three classes"),
    "scaled": (make_pipeline(StandardScaler(), LogisticRegression(**TIGHT)), "two classes"),
}
#: Balanced class weights followed the sample weights from scikit-learn 1.7 on: before, a change
#: of weight is not what a removal is, and a row of weight zero still counts for its class.
FOLLOW = parse_version(sklearn.__version__) >= parse_version("1.7")
WEIGHTED = [n for n in MODELS if n != "scaled" and (FOLLOW or n != "balanced")]
every_model = pytest.mark.parametrize("name", MODELS)
both_kinds = pytest.mark.parametrize("kind", ["theta", "loss"])


def data(name):
    """(estimator, y, y_test)."""
    estimator, kind = MODELS[name]
    return clone(estimator), TARGETS[kind][:N], TARGETS[kind][N:]


def explained(name, weights=WEIGHTS, **settings):
    estimator, y, _ = data(name)
    fit_weights = None if name == "scaled" else weights
    return InfluenceExplainer(estimator, **settings).fit(X, y, fit_weights)


def coefficients(estimator):
    last = estimator[-1] if hasattr(estimator, "steps") else estimator
    return np.concatenate([np.ravel(last.coef_), np.ravel(last.intercept_)])


def refit_derivative(name, i, h=1e-4):
    """d coefficients / d log weight of row i, by refits of the estimator itself."""
    sides = []
    for factor in (1 + h, 1 - h):
        estimator, y, _ = data(name)
        weights = WEIGHTS.copy()
        weights[i] *= factor
        sides.append(coefficients(estimator.fit(X, y, weights)))
    return (sides[0] - sides[1]) / (2 * h)


@pytest.mark.parametrize("name", WEIGHTED)
def test_theta_divides_by_the_change_that_refits_of_the_estimator_show(name):
    _, _, y_test = data(name)
    explainer = explained(name)
    rows = [0, 17, 41]
    lengths = [np.linalg.norm(refit_derivative(name, i)) for i in rows]
    expected = explainer.influence(X_TEST, y_test, method="first_order", rows=rows) / lengths
    assert_normwise(relative_influence(explainer, X_TEST, y_test, rows=rows), expected, rtol=1e-5)


@every_model
@pytest.mark.parametrize("scaling", ["estimator", "mean"])
def test_theta_is_influence_over_the_norm_of_the_change_of_the_coefficients(name, scaling):
    _, _, y_test = data(name)
    explainer = explained(name, penalty_scaling=scaling)
    lengths = np.linalg.norm(explainer.coef_influence(method="first_order"), axis=1)
    expected = explainer.influence(X_TEST, y_test, method="first_order") / lengths
    assert_normwise(relative_influence(explainer, X_TEST, y_test), expected)


@every_model
@pytest.mark.parametrize("scaling", ["estimator", "mean"])
def test_loss_is_influence_over_the_curvature_along_the_change(name, scaling):
    _, _, y_test = data(name)
    explainer = explained(name, penalty_scaling=scaling)
    edits = RowEdits.removals(np.arange(N))
    objective, changes = explainer.linearization_.changes("first_order", edits)
    delta = changes.coef_changes().reshape(N, -1)
    lengths = np.sqrt(np.einsum("ni,ij,nj->n", delta, objective.hessian().to_dense(), delta))
    expected = explainer.influence(X_TEST, y_test, method="first_order") / lengths
    assert_normwise(relative_influence(explainer, X_TEST, y_test, kind="loss"), expected)


@both_kinds
@every_model
@pytest.mark.parametrize("solver", ["cholesky", "eigh", "woodbury", "cg"])
def test_every_solver_gives_the_same(name, kind, solver):
    _, _, y_test = data(name)
    expected = relative_influence(explained(name), X_TEST, y_test, kind=kind)
    actual = relative_influence(explained(name, solver=solver), X_TEST, y_test, kind=kind)
    assert_normwise(actual, expected, rtol=1e-6)


@both_kinds
@every_model
def test_lengths_from_forms_and_from_changes_are_the_same(name, kind):
    explainer = explained(name, penalty_scaling="mean")
    edits = RowEdits.removals(np.arange(N))
    objective, changes = explainer.linearization_.changes("first_order", edits)
    with config_context(working_memory=0.001):  # several blocks
        forms = lengths._by_forms(changes, kind, objective)
        one_by_one = lengths._by_changes(changes, kind, objective)
    assert_allclose(forms, one_by_one, rtol=1e-8)


@both_kinds
def test_more_columns_than_rows(kind):
    wide = RNG.standard_normal((20, 50))
    y = np.arange(20) % 2
    explainer = InfluenceExplainer(LogisticRegression()).fit(wide, y)
    actual = relative_influence(explainer, wide[:3], y[:3], kind=kind)
    dense = InfluenceExplainer(LogisticRegression(), solver="cholesky").fit(wide, y)
    delta = dense.coef_influence(method="first_order")
    lengths = np.linalg.norm(delta, axis=1)
    if kind == "loss":
        lengths = np.sqrt(dense.self_influence(method="first_order"))
    assert_normwise(actual, dense.influence(wide[:3], y[:3], method="first_order") / lengths, 1e-7)


def test_the_loss_kind_of_a_row_on_itself_is_the_root_of_its_self_influence():
    explainer = explained("multinomial", weights=None)
    own = np.diag(relative_influence(explainer, X, data("multinomial")[1], kind="loss"))
    assert_allclose(own, np.sqrt(explainer.self_influence(method="first_order")), rtol=1e-8)


@both_kinds
@every_model
def test_no_row_moves_a_test_row_further_than_its_gradient_is_long(name, kind):
    _, _, y_test = data(name)
    explainer = explained(name)
    tests = explainer.test_rows(X_TEST, y_test)
    gradients = tests.coef_gradients().to_dense()
    if kind == "theta":  # in the estimator's own coefficients
        objective = explainer.objective_
        K, q = objective.coef.shape
        layout = objective.estimator_layout(np.eye(K * q).reshape(-1, K, q)).T
        gradients = np.linalg.solve(layout.T, gradients.T).T
        longest = np.linalg.norm(gradients, axis=1)
    else:
        solved = explainer.linearization_.inverse.solve(gradients.T)
        longest = np.sqrt((gradients.T * solved).sum(axis=0))
    found = np.abs(relative_influence(explainer, X_TEST, y_test, kind=kind))
    assert (found <= longest[:, None] * (1 + 1e-9)).all()


@both_kinds
def test_a_row_given_twice_has_what_it_had_with_weight_two(kind):
    estimator, y, y_test = data("multinomial")
    again = np.append(np.arange(N), 4)
    doubled = np.ones(N)
    doubled[4] = 2.0
    once = InfluenceExplainer(estimator).fit(X, y, doubled)
    twice = InfluenceExplainer(estimator).fit(X[again], y[again])
    expected = relative_influence(once, X_TEST, y_test, kind=kind)
    assert_normwise(relative_influence(twice, X_TEST, y_test, kind=kind), expected[:, again], 1e-7)


@both_kinds
@pytest.mark.parametrize("solver", ["auto", "cg"])
def test_a_row_of_weight_zero_has_zero(kind, solver):
    weights = WEIGHTS.copy()
    weights[[3, 9]] = 0.0
    name = "balanced" if FOLLOW else "multinomial"
    explainer = explained(name, weights, solver=solver)
    found = relative_influence(explainer, X_TEST, data(name)[2], kind=kind)
    assert (found[:, [3, 9]] == 0.0).all()
    assert (found[:, :3] != 0.0).all()
    assert np.isfinite(found).all()


@both_kinds
def test_a_row_without_a_gradient_has_zero(kind):
    _, y, y_test = data("logistic")
    explainer = InfluenceExplainer(LinearSVC(C=0.1)).fit(X, y)
    idle = (explainer.objective_.residual == 0.0).all(axis=1)
    assert idle.any()
    found = relative_influence(explainer, X_TEST, y_test, kind=kind)
    assert (found[:, idle] == 0.0).all()
    assert (np.abs(found[:, ~idle]).max(axis=0) > 0.0).all()


@both_kinds
@pytest.mark.parametrize("solver", ["auto", "woodbury"])
def test_a_gradient_whose_square_is_zero_in_floats_keeps_its_direction(kind, solver):
    _, y, _ = data("logistic")
    way = X[y == "yes"].mean(axis=0) - X[y == "no"].mean(axis=0)
    margin = LogisticRegression().fit(X, y).decision_function([way])[0]
    far = np.vstack([X, way * (800.0 / margin)])
    y = np.append(y, "yes")
    explainer = InfluenceExplainer(LogisticRegression(**TIGHT), solver=solver).fit(far, y)
    size = np.abs(explainer.objective_.residual[-1, 0])
    assert 0.0 < size < 1e-160
    found = relative_influence(explainer, far[-1:], ["no"], kind=kind)[0, -1]
    tests = explainer.test_rows(far[-1:], ["no"])
    z = tests.design.to_dense()[0]
    inverse = explainer.linearization_.inverse
    step = inverse.solve(z[:, None])[:, 0]
    length = np.sqrt(z @ step)
    if kind == "theta":
        layout = explainer.objective_.estimator_layout(step[None, None])
        length = np.linalg.norm(layout)
    assert_allclose(found, -(z @ step) * tests.gradient()[0, 0] / length, rtol=1e-7)


def test_the_loss_kind_without_a_penalty_does_not_depend_on_the_units_of_the_features():
    _, y, y_test = data("logistic")
    units = np.array([1.0, 100.0, 0.1, 5.0])
    plain = InfluenceExplainer(LogisticRegression(C=np.inf, **TIGHT)).fit(X, y)
    scaled = InfluenceExplainer(LogisticRegression(C=np.inf, **TIGHT)).fit(X * units, y)
    for kind, agrees in (("loss", True), ("theta", False)):
        a = relative_influence(plain, X_TEST, y_test, kind=kind)
        b = relative_influence(scaled, X_TEST * units, y_test, kind=kind)
        assert (np.abs(a - b).max() <= 1e-6 * np.abs(a).max()) == agrees


@both_kinds
def test_damping_is_in_the_length_too(kind):
    _, _, y_test = data("logistic")
    explainer = explained("logistic", damping=0.1)
    inverse = explainer.linearization_.inverse
    gradients = explainer.objective_.per_sample_gradients().to_dense()
    solved = inverse.solve(gradients.T).T
    lengths = np.sqrt((gradients * solved).sum(axis=1))
    if kind == "theta":
        objective = explainer.objective_
        lengths = np.linalg.norm(objective.estimator_layout(solved[:, None]), axis=1)
    expected = explainer.test_rows(X_TEST, y_test).coef_gradients().to_dense() @ solved.T / lengths
    assert_normwise(relative_influence(explainer, X_TEST, y_test, kind=kind), expected)


@both_kinds
@pytest.mark.parametrize("curvature", ["fisher", "empirical_fisher"])
def test_lengths_are_measured_by_the_curvature_of_the_explainer(kind, curvature):
    _, _, y_test = data("multinomial")
    explainer = explained("multinomial", curvature=curvature)
    delta = explainer.coef_influence(method="first_order")
    lengths = np.linalg.norm(delta, axis=1)
    if kind == "loss":  # delta' F delta = s_i g_i' delta
        gradients = WEIGHTS[:, None] * explainer.objective_.per_sample_gradients().to_dense()
        steps = explainer.linearization_.inverse.solve(gradients.T).T
        lengths = np.sqrt((gradients * steps).sum(axis=1))
    expected = explainer.influence(X_TEST, y_test, method="first_order") / lengths
    assert_normwise(relative_influence(explainer, X_TEST, y_test, kind=kind), expected)


@both_kinds
@pytest.mark.parametrize("order", ["magnitude", "helpful", "harmful"])
def test_the_top_is_the_sorted_matrix(kind, order):
    _, _, y_test = data("multinomial")
    explainer = explained("multinomial")
    full = relative_influence(explainer, X_TEST, y_test, kind=kind)
    key = {"magnitude": np.abs(full), "helpful": full, "harmful": -full}[order]
    expected = np.argsort(-key, axis=1, kind="stable")[:, :5]
    with config_context(working_memory=0.01):
        indices, values = top_relative_influences(
            explainer, X_TEST, y_test, k=5, kind=kind, order=order
        )
    assert_allclose(values, np.take_along_axis(full, expected, 1), rtol=1e-9)
    assert (indices == expected).all()


def test_the_top_is_at_most_all_training_rows():
    explainer = explained("ridge")
    indices, values = top_relative_influences(explainer, X_TEST, data("ridge")[2], k=1000)
    assert indices.shape == values.shape == (len(X_TEST), N)


def test_some_rows_are_columns_of_the_whole():
    explainer = explained("balanced")
    _, _, y_test = data("balanced")
    rows = [7, -1, 7]
    expected = relative_influence(explainer, X_TEST, y_test)[:, rows]
    assert_normwise(relative_influence(explainer, X_TEST, y_test, rows=rows), expected)
    assert relative_influence(explainer, X_TEST, y_test, rows=[]).shape == (len(X_TEST), 0)


def test_lengths_are_computed_once_for_an_explainer_and_anew_after_a_fit(monkeypatch):
    explainer = explained("logistic")
    _, y, y_test = data("logistic")
    first = relative_influence(explainer, X_TEST, y_test)
    calls = []
    original = lengths._lengths

    def counted(*arguments):
        calls.append(arguments)
        return original(*arguments)

    monkeypatch.setattr(lengths, "_lengths", counted)
    assert (relative_influence(explainer, X_TEST, y_test) == first).all()
    assert calls == []
    explainer.fit(X[::-1], y[::-1], WEIGHTS[::-1])
    assert_normwise(relative_influence(explainer, X_TEST, y_test)[:, ::-1], first)
    assert len(calls) == 1


def test_without_labels_the_prediction_is_explained():
    explainer = explained("logistic")
    predicted = explainer.predict(X_TEST)
    expected = relative_influence(explainer, X_TEST, predicted)
    assert_normwise(relative_influence(explainer, X_TEST), expected)


@pytest.mark.parametrize("target", ["decision_function", "predict_proba"])
def test_other_targets_are_divided_alike(target):
    explainer = explained("multinomial")
    lengths = np.linalg.norm(explainer.coef_influence(method="first_order"), axis=1)
    plain = explainer.influence(X_TEST, target=target, method="first_order")
    assert_normwise(relative_influence(explainer, X_TEST, target=target), plain / lengths)


@both_kinds
@pytest.mark.parametrize("form", ["sparse", "frame", "float32"])
def test_the_type_of_the_table_does_not_matter(kind, form):
    _, y, y_test = data("multinomial")
    make = {
        "sparse": sparse.csr_array,
        "frame": lambda X: pd.DataFrame(X, columns=list("abcd")),
        "float32": lambda X: X.astype(np.float32),
    }[form]
    plain = np.float32(X).astype(float) if form == "float32" else X
    explainer = InfluenceExplainer(LogisticRegression(C=0.3)).fit(make(X), y)
    expected = relative_influence(
        InfluenceExplainer(LogisticRegression(C=0.3)).fit(plain, y), X_TEST, y_test, kind=kind
    )
    actual = relative_influence(explainer, make(X_TEST), y_test, kind=kind)
    assert_normwise(actual, expected, rtol=1e-5 if form == "float32" else 1e-7)
    assert actual.dtype == (np.float32 if form == "float32" else np.float64)


def test_a_steep_hinge_is_answered_without_nan():
    _, y, y_test = data("multinomial")
    machine = SmoothHingeSVC(temperature=0.01)
    explainer = InfluenceExplainer(machine).fit(X, y)
    for kind in ("theta", "loss"):
        assert np.isfinite(relative_influence(explainer, X_TEST, y_test, kind=kind)).all()


def test_wrong_settings_are_refused():
    explainer = explained("logistic")
    _, _, y_test = data("logistic")
    with pytest.raises(TypeError, match=r"LogisticRegression; expected an InfluenceExplainer"):
        relative_influence(LogisticRegression(), X_TEST, y_test)
    with pytest.raises(NotFittedError):
        relative_influence(InfluenceExplainer(), X_TEST, y_test)
    with pytest.raises(ValueError, match=r"kind='l2' is not known. Expected one of \['theta'"):
        relative_influence(explainer, X_TEST, y_test, kind="l2")
    with pytest.raises(ValueError, match="kind=None is not known"):
        top_relative_influences(explainer, X_TEST, y_test, kind=None)
    with pytest.raises(ValueError, match="order='best' is not known"):
        top_relative_influences(explainer, X_TEST, y_test, order="best")
    for k in (0, 2.0, True):
        with pytest.raises(ValueError, match="Expected a whole number, at least 1"):
            top_relative_influences(explainer, X_TEST, y_test, k=k)


def test_wrong_tables_are_refused():
    explainer = explained("logistic")
    _, _, y_test = data("logistic")
    with pytest.raises(ValueError, match="NaN"):
        relative_influence(explainer, np.full_like(X_TEST, np.nan), y_test)
    with pytest.raises(ValueError, match="12 rows but y_test has 3"):
        relative_influence(explainer, X_TEST, y_test[:3])
    with pytest.raises(ValueError, match="features"):
        relative_influence(explainer, X_TEST[:, :2], y_test)
    with pytest.raises(ValueError, match="minimum of 1 is required"):
        relative_influence(explainer, X_TEST[:0], y_test[:0])
    with pytest.raises(ValueError, match="rows holds numbers"):
        relative_influence(explainer, X_TEST, y_test, rows=[N])


def test_scaling_and_explaining_the_iris_by_default_settings():
    X, y = load_iris(return_X_y=True)
    model = make_pipeline(StandardScaler(), LogisticRegression())
    explainer = InfluenceExplainer(model).fit(X, y)
    indices, values = top_relative_influences(explainer, X[:4], y[:4], k=2, order="helpful")
    full = relative_influence(explainer, X[:4], y[:4])
    assert_allclose(values[:, 0], full.max(axis=1), rtol=1e-9)
    assert (indices[:, 0] == full.argmax(axis=1)).all()


@both_kinds
def test_lengths_of_a_network_are_those_of_its_changes(kind):
    network = MLPClassifier(2, activation="tanh", solver="lbfgs", alpha=1.0, random_state=0)
    network.set_params(max_iter=5000, tol=1e-8)
    settings = {"curvature": "gauss_newton", "damping": 0.01, "solver": "cholesky"}
    explainer = InfluenceExplainer(network, **settings).fit(X, TARGETS["three classes"][:N])
    objective = explainer.objective_
    assert objective.n_rows > objective.n_parameters
    H = objective.hessian(0.01, curvature="gauss_newton").to_dense()
    G = objective.per_sample_gradients().to_dense()
    delta = np.linalg.solve(H, G.T).T
    expected = np.linalg.norm(delta, axis=1)
    if kind == "loss":
        expected = np.sqrt(np.einsum("np,np->n", delta, G))
    plain = explainer.influence(X_TEST, method="first_order")
    got = plain / relative_influence(explainer, X_TEST, kind=kind)
    assert_allclose(got, np.tile(expected, (len(X_TEST), 1)), rtol=1e-8)


@both_kinds
@pytest.mark.parametrize("solver", ["kfac", "ekfac"])
@pytest.mark.parametrize("batch", [N, 20], ids=["all rows", "batches"])
@pytest.mark.parametrize("y", ["values", "three classes"])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_lengths_by_kronecker_factors_are_those_of_solutions(kind, solver, batch, y):
    cls = MLPRegressor if y == "values" else MLPClassifier
    settings = {"activation": "tanh", "alpha": 1.0, "batch_size": batch, "random_state": 0}
    network = cls(hidden_layer_sizes=(3, 2), max_iter=20, **settings)
    settings = {"curvature": "gauss_newton", "damping": 0.01, "solver": solver}
    explainer = InfluenceExplainer(network, **settings).fit(X, TARGETS[y][:N])
    linearization = explainer.linearization_
    objective, changes = linearization.linear_changes(np.arange(N))
    delta = changes.coef_changes()
    if kind == "theta":
        expected = np.linalg.norm(delta.reshape(N, -1), axis=1)
    else:
        given = objective.predictor.row_vjp(changes.residual).T
        given += changes.low_rank_coefs @ changes.directions.reshape(objective.n_parameters, -1).T
        expected = np.sqrt((given * delta.reshape(N, -1)).sum(axis=1))
    assert_allclose(lengths.change_lengths(linearization, kind), expected, rtol=1e-9)
