"""Derivatives in the features of training rows against refits of the scikit-learn estimator."""

import tracemalloc

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn import config_context
from sklearn.compose import make_column_transformer
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    MaxAbsScaler,
    OneHotEncoder,
    PolynomialFeatures,
    StandardScaler,
)
from sklearn.svm import LinearSVC

from skinfluence import InfluenceExplainer
from skinfluence.explainer import SingularHessianWarning
from skinfluence.perturbation import (
    UnsupportedStepError,
    perturbation_influence,
    register_vjp,
)
from skinfluence.perturbation._vjp import REGISTRY
from tests.perturbation._refits import MODELS, N_TRAIN, changed_loss, data, explained, logistic

ROWS = [3, 77]


def slopes_of_refits(model, train, test, row, features, sample_weight=None):
    """Central differences of fourth order, (n_test, n_features)."""
    X = train[0]
    out = []
    for j in features:
        h = 2e-3 * X[:, j].std()
        at = {}
        for i in (-2, -1, 1, 2):
            x = X[row].copy()
            x[j] += i * h
            at[i] = changed_loss(model, train, test, row, x=x, sample_weight=sample_weight)
        out.append((8.0 * (at[1] - at[-1]) - (at[2] - at[-2])) / (12.0 * h))
    return np.stack(out, axis=1)


def assert_normwise(actual, expected, rtol):
    """For each feature on its own: features have units."""
    error, size = np.abs(actual - expected).max(axis=0), np.abs(expected).max(axis=0)
    assert (size > 0.0).all()
    assert (error <= rtol * size).all(), (error / size).max()


@pytest.mark.parametrize("name", MODELS)
def test_it_is_the_derivative_of_the_refit(name):
    explainer, train, test = explained(name)
    got = perturbation_influence(explainer, *test)
    features = [0, 2] if train[0].shape[1] < 20 else [0, 7, 24]
    # the row that matters most, and one in the middle of the better half
    order = np.argsort((np.abs(got).max(axis=0) * train[0].std(axis=0)).max(axis=1))
    for row in order[[-1, -N_TRAIN // 4]]:
        expected = slopes_of_refits(explainer.estimator_, train, test, row, features)
        assert_normwise(got[:, row, features], expected, 1e-5)


def test_it_is_the_derivative_of_the_refit_with_sample_weights():
    _, model = MODELS["multinomial-balanced"]
    X, y, *test = data("iris")
    weight = np.random.default_rng(1).random(N_TRAIN) + 0.2
    weight[5] = 0.0
    explainer = InfluenceExplainer(model).fit(X, y, sample_weight=weight)
    got = perturbation_influence(explainer, *test, rows=[3, 5])
    expected = slopes_of_refits(explainer.estimator_, (X, y), test, 3, [0, 2], weight)
    assert_normwise(got[:, 0, [0, 2]], expected, 1e-5)
    assert_array_equal(got[:, 1], 0.0)


def test_a_small_move_changes_the_loss_by_the_sum_of_its_parts():
    explainer, train, test = explained("pca")
    slopes = perturbation_influence(explainer, *test, rows=[11])[:, 0]
    step = 1e-4 * np.random.default_rng(0).standard_normal(30) * train[0].std(axis=0)
    model = explainer.estimator_
    up, down = (
        changed_loss(model, train, test, 11, x=train[0][11] + sign * step) for sign in (1, -1)
    )
    assert_allclose(slopes @ step, (up - down) / 2.0, atol=1e-6 * np.abs(up - down).max())


@pytest.mark.parametrize("target", ["predict", "decision_function", "predict_proba"])
def test_other_targets_are_derivatives_of_the_refit(target):
    explainer, (X, y), (X_test, _) = explained("logistic")
    got = perturbation_influence(explainer, X_test, rows=[4], target=target)[:, 0, 1]
    h, values = 1e-3 * X[:, 1].std(), []
    predicted = explainer.predict(X_test)
    for sign in (1, -1):
        moved = X.copy()
        moved[4, 1] += sign * h
        other = InfluenceExplainer(explainer.estimator_[-1])
        other.fit(explainer.estimator_[:-1].transform(moved), y)
        Z = explainer.estimator_[:-1].transform(X_test)
        if target == "predict":
            p = other.predict_proba(Z)[np.arange(len(Z)), predicted]
            values.append(-np.log(p))
        elif target == "decision_function":
            values.append(other.decision_function(Z))
        else:
            values.append(other.predict_proba(Z)[np.arange(len(Z)), predicted])
    expected = (values[0] - values[1]) / (2.0 * h)
    assert_allclose(got, expected, atol=2e-5 * np.abs(expected).max())


def test_predicted_values_of_a_regression():
    explainer, (X, y), (X_test, _) = explained("ridge")
    got = perturbation_influence(explainer, X_test, rows=[9])[:, 0, 3]
    h, values = 1e-5, []
    for sign in (1, -1):
        moved = X.copy()
        moved[9, 3] += sign * h
        values.append(Ridge(0.1).fit(moved, y).predict(X_test))
    expected = (values[0] - values[1]) / (2.0 * h)
    assert_allclose(got, expected, atol=1e-6 * np.abs(expected).max())


def test_moving_every_row_alike_only_moves_the_intercept():
    """With a free intercept a shift of a column in all rows changes predictions by its weight."""
    X, y, X_test, _ = data("diabetes")
    explainer = InfluenceExplainer(Ridge(0.1)).fit(X, y)
    got = perturbation_influence(explainer, X_test).sum(axis=1)
    assert_allclose(got, np.broadcast_to(-explainer.estimator_.coef_, got.shape), rtol=1e-8)


@pytest.mark.parametrize("name", ["multinomial", "pca", "polynomial"])
def test_blocks_of_any_size_give_the_same(name):
    explainer, _, test = explained(name)
    expected = perturbation_influence(explainer, *test, rows=np.arange(40))
    with config_context(working_memory=0.01):
        got = perturbation_influence(explainer, *test, rows=np.arange(40))
    assert_allclose(got, expected, rtol=1e-11, atol=1e-14)


def test_rows_are_chosen_as_elsewhere():
    explainer, (X, _), test = explained("logistic")
    every = perturbation_influence(explainer, *test)
    assert every.shape == (25, N_TRAIN, X.shape[1])
    mask = np.zeros(N_TRAIN, dtype=bool)
    mask[[2, 9]] = True
    assert_allclose(perturbation_influence(explainer, *test, mask), every[:, [2, 9]], rtol=1e-12)
    assert_allclose(perturbation_influence(explainer, *test, [-1]), every[:, -1:], rtol=1e-12)
    assert perturbation_influence(explainer, *test, []).shape == (25, 0, X.shape[1])


@pytest.mark.parametrize("solver", ["eigh", "woodbury", "cg"])
def test_every_exact_solver_gives_the_same(solver):
    explainer, _, test = explained("pca")
    other, *_ = explained("pca", solver=solver)
    expected = perturbation_influence(explainer, *test, rows=ROWS)
    got = perturbation_influence(other, *test, rows=ROWS)
    assert_allclose(got, expected, atol=1e-7 * np.abs(expected).max())


def test_damping_and_the_mean_penalty_are_those_of_the_explainer():
    """Features move no weights, so a penalty in mean form changes nothing; damping does."""
    explainer, _, test = explained("logistic")
    expected = perturbation_influence(explainer, *test, rows=ROWS)
    mean, *_ = explained("logistic", penalty_scaling="mean")
    assert_allclose(perturbation_influence(mean, *test, rows=ROWS), expected, rtol=1e-9)
    damped, *_ = explained("logistic", damping=0.1)
    smaller = perturbation_influence(damped, *test, rows=ROWS)
    assert 0.01 < np.abs(smaller).max() / np.abs(expected).max() < 0.9


def test_multi_class_one_versus_rest_machines_with_their_own_weights():
    X, y, *test = data("iris")
    model = LinearSVC(class_weight="balanced", tol=1e-12, max_iter=10**6)
    explainer = InfluenceExplainer(model).fit(X, y)
    got = perturbation_influence(explainer, *test, rows=[0])[:, 0]

    def loss(x):
        moved = X.copy()
        moved[0] = x
        raw = (
            InfluenceExplainer(model)
            .fit(moved, y)
            .objective_.raw_predictions(explainer.fitted_model_.predictor(test[0]))
        )
        signs = np.where(test[1][:, None] == np.arange(3), 1.0, -1.0)
        return (np.maximum(1.0 - signs * raw, 0.0) ** 2).sum(axis=1)

    h = 1e-4
    expected = (loss(X[0] + [0, 0, h, 0]) - loss(X[0] - [0, 0, h, 0])) / (2.0 * h)
    assert_allclose(got[:, 2], expected, atol=1e-5 * np.abs(expected).max())


def test_data_frames_have_a_derivative_for_each_column():
    X, y, X_test, y_test = data("iris")
    frame, test = (pd.DataFrame(part, columns=list("abcd")) for part in (X, X_test))
    columns = make_column_transformer(
        (make_pipeline(StandardScaler(), PolynomialFeatures(2)), ["a", "d"]), ("drop", ["b"]),
        remainder="passthrough",
    )  # fmt: skip
    model = make_pipeline(columns, logistic())
    explainer = InfluenceExplainer(model).fit(frame, y)
    got = perturbation_influence(explainer, test, y_test, rows=[8])
    assert got.shape == (25, 1, 4)
    assert_array_equal(got[..., 1], 0.0)
    fitted, h = explainer.estimator_, 1e-4
    for j in (0, 2):
        values = []
        for sign in (1, -1):
            moved = frame.copy()
            moved.iloc[8, j] += sign * h
            last = logistic().fit(fitted[:-1].transform(moved), y)
            p = last.predict_proba(fitted[:-1].transform(test))[np.arange(25), y_test]
            values.append(-np.log(p))
        expected = (values[0] - values[1]) / (2.0 * h)
        assert_allclose(got[:, 0, j], expected, atol=1e-5 * np.abs(expected).max())


def test_polars_frames_and_lists_are_rows_too():
    polars = pytest.importorskip("polars")
    X, y, *test = data("iris")
    model = make_pipeline(PolynomialFeatures(2), StandardScaler(), logistic())
    expected = perturbation_influence(InfluenceExplainer(model).fit(X, y), *test, rows=ROWS)
    for given, asked in (
        (polars.DataFrame(X, schema=list("abcd")), polars.DataFrame(test[0], schema=list("abcd"))),
        (X.tolist(), test[0].tolist()),
    ):
        explainer = InfluenceExplainer(model).fit(given, y)
        got = perturbation_influence(explainer, asked, test[1], rows=ROWS)
        assert_allclose(got, expected, rtol=1e-9)


def test_sparse_tables_get_a_dense_answer():
    X, y, *test = data("cancer")
    model = make_pipeline(MaxAbsScaler(), logistic())
    expected = perturbation_influence(InfluenceExplainer(model).fit(X, y), *test, rows=ROWS)
    explainer = InfluenceExplainer(model).fit(sparse.csr_array(X), y)
    got = perturbation_influence(explainer, sparse.csr_array(test[0]), test[1], rows=ROWS)
    assert isinstance(got, np.ndarray)
    assert_allclose(got, expected, atol=1e-10 * np.abs(expected).max())


def test_float32_tables_get_float32_answers():
    X, y, *test = data("iris")
    model = LogisticRegression(max_iter=1000)
    expected = perturbation_influence(InfluenceExplainer(model).fit(X, y), *test, rows=ROWS)
    explainer = InfluenceExplainer(model).fit(X.astype(np.float32), y)
    got = perturbation_influence(explainer, test[0].astype(np.float32), test[1], rows=ROWS)
    assert got.dtype == np.float32
    assert_allclose(got, expected, atol=1e-4 * np.abs(expected).max())


def test_a_filled_entry_has_no_derivative():
    X, y, *test = data("iris")
    X[3, 1] = np.nan
    model = make_pipeline(SimpleImputer(), StandardScaler(), logistic())
    got = perturbation_influence(InfluenceExplainer(model).fit(X, y), *test, rows=[3])[:, 0]
    assert np.isnan(got[:, 1]).all()
    assert np.isfinite(got[:, [0, 2, 3]]).all()


def test_searches_are_opened():
    X, y, *test = data("iris")
    model = make_pipeline(StandardScaler(), logistic())
    search = GridSearchCV(model, {"logisticregression__C": [0.5, 1.0]}, cv=3)
    explainer = InfluenceExplainer(search).fit(X, y)
    best = InfluenceExplainer(explainer.estimator_.best_estimator_).fit(X, y)
    got = perturbation_influence(explainer, *test, rows=ROWS)
    assert_allclose(got, perturbation_influence(best, *test, rows=ROWS), rtol=1e-8)


def test_a_step_without_a_derivative_is_named_before_anything_is_computed():
    X, y, *test = data("iris")
    frame = pd.DataFrame(X, columns=list("abcd")).assign(e=np.where(X[:, 0] > 5.8, "big", "small"))
    columns = make_column_transformer((OneHotEncoder(), ["e"]), remainder=StandardScaler())
    explainer = InfluenceExplainer(make_pipeline(columns, logistic())).fit(frame, y)
    with pytest.raises(UnsupportedStepError, match=r"OneHotEncoder.*replacement_influence"):
        perturbation_influence(explainer, frame[:3], y[:3])
    text = make_pipeline(TfidfTransformer(), logistic())
    explainer = InfluenceExplainer(text).fit(sparse.csr_array(X), y)
    with pytest.raises(UnsupportedStepError, match=r"TfidfTransformer.*register_vjp"):
        perturbation_influence(explainer, sparse.csr_array(test[0]), test[1])


class Cubed(StandardScaler):
    """A step that this package does not know."""

    def transform(self, X):
        return X**3


def test_a_step_of_ones_own_is_registered():
    X, y, *test = data("iris")
    explainer = InfluenceExplainer(make_pipeline(Cubed(), StandardScaler(), logistic())).fit(X, y)
    with pytest.raises(UnsupportedStepError, match="Cubed"):
        perturbation_influence(explainer, *test)
    register_vjp(__name__, "Cubed")(lambda step, X, V: V * 3.0 * X**2)
    try:
        got = perturbation_influence(explainer, *test, rows=[3])[:, 0, [0, 2]]
    finally:
        del REGISTRY[__name__, "Cubed"]
    expected = slopes_of_refits(explainer.estimator_, (X, y), test, 3, [0, 2])
    assert_normwise(got, expected, 1e-5)


def test_wrong_input_is_told():
    explainer, (X, y), test = explained("logistic")
    with pytest.raises(TypeError, match="LogisticRegression; expected an InfluenceExplainer"):
        perturbation_influence(LogisticRegression(), *test)
    with pytest.raises(NotFittedError):
        perturbation_influence(InfluenceExplainer(), *test)
    with pytest.raises(ValueError, match="0 to 119"):
        perturbation_influence(explainer, *test, rows=[120])
    with pytest.raises(ValueError, match=r"mask of shape \(2,\)"):
        perturbation_influence(explainer, *test, rows=[True, False])
    with pytest.raises(ValueError, match="X_test has 25 rows but y_test has 3"):
        perturbation_influence(explainer, test[0], test[1][:3])
    with pytest.raises(ValueError, match="labels that the model was not trained on"):
        perturbation_influence(explainer, test[0], test[1] + 5)
    with pytest.raises(ValueError, match="NaN"):
        perturbation_influence(explainer, np.full((2, 30), np.nan), [0, 1])
    with pytest.raises(ValueError, match="0 sample"):
        perturbation_influence(explainer, X[:0], y[:0])
    with pytest.raises(ValueError, match="target='nothing'"):
        perturbation_influence(explainer, *test, target="nothing")


def test_least_squares_without_a_penalty():
    X, y, *test = data("diabetes")
    explainer = InfluenceExplainer(LinearRegression()).fit(X, y)
    got = perturbation_influence(explainer, *test, rows=[3])[:, 0, [0, 2]]
    expected = slopes_of_refits(LinearRegression(), (X, y), test, 3, [0, 2])
    assert_normwise(got, expected, 1e-6)


def test_where_nothing_is_determined_there_is_no_derivative():
    """Two equal columns and no penalty: a row that tells them apart makes the fit jump."""
    X, y, X_test, y_test = data("diabetes")
    X, X_test = (np.c_[part[:, :4], part[:, 0]] for part in (X, X_test))
    explainer = InfluenceExplainer(LinearRegression()).fit(X, y)
    with pytest.warns(SingularHessianWarning):
        got = perturbation_influence(explainer, X_test, y_test, rows=[3])[:, 0]
    assert np.isnan(got[:, [0, 4]]).all()
    expected = slopes_of_refits(LinearRegression(), (X, y), (X_test, y_test), 3, [1, 2, 3])
    assert_normwise(got[:, [1, 2, 3]], expected, 1e-6)


def test_solutions_that_do_not_converge_are_warned_of_once():
    from skinfluence.solvers import CGSolver

    explainer, _, test = explained("logistic", solver=CGSolver(max_iter=1, preconditioner=None))
    with pytest.warns(ConvergenceWarning) as caught:
        perturbation_influence(explainer, *test, rows=ROWS)
    assert len(caught) == 1


def test_nothing_is_held_beyond_the_answer():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((300, 12))
    y = rng.integers(3, size=300)
    model = make_pipeline(StandardScaler(), PolynomialFeatures(2), logistic())
    explainer = InfluenceExplainer(model).fit(X, y)
    explainer.influence(X[:1], y[:1])
    tracemalloc.start()
    try:
        with config_context(working_memory=1):
            got = perturbation_influence(explainer, X[:80], y[:80])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    behind_the_polynomials = 8 * 80 * 300 * 91
    assert peak < got.nbytes + 6e6 < behind_the_polynomials
