"""Prototypes by Bayesian quadrature on the Fisher kernel, beside the whole kernel matrix."""

import tracemalloc

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, make_classification
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.svm import LinearSVC

from skinfluence import InfluenceExplainer
from skinfluence.selection import relative_influence, select_prototypes


def cancer():
    X, y = load_breast_cancer(return_X_y=True)
    X = (X[:, :8] - X[:, :8].mean(axis=0)) / X[:, :8].std(axis=0)
    explainer = InfluenceExplainer(LogisticRegression(C=0.5)).fit(X[:300], y[:300])
    return explainer, X[300:], y[300:]


def flowers(**settings):
    X, y = load_iris(return_X_y=True)
    order = np.random.default_rng(0).permutation(150)
    X, y = X[order], y[order]
    explainer = InfluenceExplainer(LogisticRegression(C=0.5), **settings).fit(X[:100], y[:100])
    return explainer, X[100:], y[100:]


def diabetes():
    X, y = load_diabetes(return_X_y=True)
    X, y = 20 * X[:200], (y[:200] - y.mean()) / y.std()
    weights = np.random.default_rng(0).integers(0, 3, 120).astype(float)
    explainer = InfluenceExplainer(Ridge(1.0)).fit(X[:120], y[:120], sample_weight=weights)
    return explainer, X[120:], y[120:]


def machine():
    X, y = make_classification(150, 7, n_informative=7, n_redundant=0, random_state=0)
    model = LinearSVC(tol=1e-8, max_iter=100_000)
    return InfluenceExplainer(model).fit(X[:100], y[:100]), X[100:], y[100:]


QUESTIONS = {
    "binary": cancer,
    "three classes": flowers,
    "empirical Fisher": lambda: flowers(curvature="empirical_fisher"),
    "damped": lambda: flowers(penalty_scaling="mean", damping=0.01),
    "weighted least squares": diabetes,
    "squared hinge": machine,
}


def kernel_parts(explainer, X, y):
    """(K of training rows, kernel means of the target, mean of the target with itself)."""
    G = explainer.objective_.per_sample_gradients().to_dense()
    mean = explainer.test_rows(X, y).coef_gradients().to_dense().mean(axis=0)
    inverse = explainer.linearization_.inverse
    solved = inverse.solve(G.T)
    return G @ solved, solved.T @ mean, float(mean @ inverse.solve(mean[:, None])[:, 0])


def brute_force(K, z, start, n_select, candidates):
    """Every candidate is tried at every pick, its weights by a dense solution."""
    picked, squares = [], []
    for _ in range(n_select):
        best = None
        for i in candidates:
            if i in picked:
                continue
            rows = [*picked, i]
            w = np.linalg.lstsq(K[np.ix_(rows, rows)], z[rows], rcond=1e-12)[0]
            square = start - z[rows] @ w
            if best is None or square < best[0] - 1e-12 * start:
                best = square, i, w
        squares.append(best[0])
        picked.append(int(best[1]))
    return picked, best[2], np.sqrt(np.maximum(squares, 0.0))


@pytest.mark.parametrize("name", QUESTIONS)
def test_picks_weights_and_discrepancies_are_those_of_brute_force(name):
    explainer, X, y = QUESTIONS[name]()
    K, z, start = kernel_parts(explainer, X, y)
    candidates = np.flatnonzero(explainer.objective_.sample_weight[:, 0] > 0)
    rows, weights, discrepancy = brute_force(K, z, start, 4, candidates)
    picked = select_prototypes(explainer, 4, X, y)
    assert picked.rows.tolist() == rows
    assert_allclose(picked.weights, weights, rtol=1e-6)
    assert_allclose(picked.discrepancy, discrepancy, rtol=1e-6)
    assert_allclose(picked.initial_discrepancy, np.sqrt(start), rtol=1e-10)


@pytest.mark.parametrize("name", QUESTIONS)
def test_the_discrepancy_never_increases_and_is_that_of_the_weighted_rows(name):
    explainer, X, y = QUESTIONS[name]()
    K, z, start = kernel_parts(explainer, X, y)
    picked = select_prototypes(explainer, 5, X, y)
    assert (np.diff([picked.initial_discrepancy, *picked.discrepancy]) <= 0).all()
    w, rows = picked.weights, picked.rows
    square = start - 2 * w @ z[rows] + w @ K[np.ix_(rows, rows)] @ w
    assert_allclose(picked.discrepancy[-1] ** 2, square, rtol=1e-6, atol=1e-9 * start)
    assert_allclose(K[np.ix_(rows, rows)] @ w, z[rows], rtol=1e-8)


def test_a_longer_list_begins_with_the_shorter():
    explainer, X, y = flowers()
    short, long = (select_prototypes(explainer, k, X, y) for k in (3, 8))
    assert_array_equal(long.rows[:3], short.rows)
    assert_allclose(long.discrepancy[:3], short.discrepancy)
    assert len(set(long.rows.tolist())) == 8


def test_the_first_pick_has_the_largest_relative_influence_on_the_mean():
    explainer, X, y = flowers()
    mean = relative_influence(explainer, X, y, kind="loss").mean(axis=0)
    picked = select_prototypes(explainer, 1, X, y)
    assert picked.rows[0] == np.abs(mean).argmax()
    gained = picked.initial_discrepancy**2 - picked.discrepancy[0] ** 2
    assert_allclose(gained, np.abs(mean).max() ** 2, rtol=1e-8)


def test_a_training_row_stands_for_itself():
    """Asked about one training row, the row itself is the answer, with weight one."""
    explainer, _, _ = flowers()
    X, y = explainer.X_train_, explainer.y_train_
    with pytest.warns(UserWarning, match="1 rows were picked where n_select=3"):
        picked = select_prototypes(explainer, 3, X[[17]], y[[17]])
    assert picked.rows.tolist() == [17]
    assert_allclose(picked.weights, [1.0], rtol=1e-8)
    assert picked.discrepancy[-1] < 1e-6 * picked.initial_discrepancy


def test_rows_of_weight_zero_and_other_rows_are_never_picked():
    explainer, X, y = diabetes()
    s = explainer.sample_weight_train_
    assert (s[select_prototypes(explainer, 8, X, y).rows] > 0).all()
    allowed = np.arange(20, 60)
    picked = select_prototypes(explainer, 5, X, y, rows=allowed)
    assert np.isin(picked.rows, allowed).all()
    mask = np.isin(np.arange(120), allowed)
    assert_array_equal(select_prototypes(explainer, 5, X, y, rows=mask).rows, picked.rows)


def test_a_row_that_is_there_twice_is_picked_once():
    explainer, X, y = flowers()
    X2, y2 = (np.concatenate([a, a]) for a in (explainer.X_train_, explainer.y_train_))
    twice = InfluenceExplainer(LogisticRegression(C=1.0)).fit(X2, y2)
    rows = select_prototypes(twice, 6, X, y).rows
    features = np.column_stack([X2, y2])[rows]
    assert len(np.unique(features, axis=0)) == 6


def test_once_the_mean_is_reached_there_is_nothing_to_pick():
    explainer, X, y = flowers()
    with pytest.warns(UserWarning, match="n_select=90"):
        picked = select_prototypes(explainer, 90, X, y)
    rank = np.linalg.matrix_rank(explainer.objective_.per_sample_gradients().to_dense())
    assert 5 <= len(picked.rows) <= rank
    assert picked.discrepancy[-1] < 1e-5 * picked.initial_discrepancy


def test_without_labels_the_predicted_ones_are_taken():
    explainer, X, _ = flowers()
    expected = select_prototypes(explainer, 4, X, explainer.predict(X))
    actual = select_prototypes(explainer, 4, X)
    assert_array_equal(actual.rows, expected.rows)
    assert_allclose(actual.weights, expected.weights)


@pytest.mark.parametrize("as_table", [sparse.csr_array, lambda X: X.astype(np.float32)])
def test_sparse_rows_and_single_precision_give_the_same_picks(as_table):
    explainer, X, y = flowers()
    expected = select_prototypes(explainer, 4, X, y)
    other = InfluenceExplainer(LogisticRegression(C=0.5))
    other.fit(as_table(explainer.X_train_), explainer.y_train_)
    actual = select_prototypes(other, 4, as_table(X), y)
    assert_array_equal(actual.rows, expected.rows)
    assert_allclose(actual.weights, expected.weights, rtol=1e-3)


def test_an_iterative_solver_gives_the_same_picks():
    explainer, X, y = flowers()
    expected = select_prototypes(explainer, 4, X, y)
    actual = select_prototypes(flowers(solver="cg")[0], 4, X, y)
    assert_array_equal(actual.rows, expected.rows)
    assert_allclose(actual.weights, expected.weights, rtol=1e-5)


def test_the_kernel_matrix_is_not_formed():
    X, y = make_classification(6000, 20, random_state=0)
    explainer = InfluenceExplainer(LogisticRegression()).fit(X, y)
    tracemalloc.start()
    try:
        select_prototypes(explainer, 10, X[:2000], y[:2000])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 16e6  # the kernel matrix takes 288e6, gradients of 2,000 test rows x 6,000 96e6


def test_answers_are_compared_by_identity():
    explainer, X, y = flowers()
    first, second = (select_prototypes(explainer, 2, X, y) for _ in range(2))
    assert first == first and first != second


class TestWrongInput:
    @pytest.fixture(scope="class")
    @classmethod
    def question(cls):
        return flowers()

    def test_something_else_than_an_explainer(self, question):
        _, X, y = question
        with pytest.raises(TypeError, match="expected an InfluenceExplainer"):
            select_prototypes(LogisticRegression(), 3, X, y)
        with pytest.raises(NotFittedError):
            select_prototypes(InfluenceExplainer(), 3, X, y)

    @pytest.mark.parametrize("n_select", [0, -1, 2.5, True, None, "3"])
    def test_a_number_that_is_none(self, question, n_select):
        with pytest.raises(ValueError, match="n_select="):
            select_prototypes(question[0], n_select, *question[1:])

    def test_regression_without_target_values(self):
        explainer, X, _ = diabetes()
        with pytest.raises(ValueError, match="no residual"):
            select_prototypes(explainer, 3, X)

    def test_rows_that_cannot_be_picked(self):
        explainer, X, y = diabetes()
        nothing = np.flatnonzero(explainer.sample_weight_train_ == 0)
        for rows in (nothing, []):
            with pytest.raises(ValueError, match="none of positive weight"):
                select_prototypes(explainer, 3, X, y, rows=rows)

    def test_test_rows_that_are_none(self, question):
        explainer, X, y = question
        with pytest.raises(ValueError, match="NaN"):
            select_prototypes(explainer, 3, np.full_like(X, np.nan), y)
        with pytest.raises(ValueError, match="0 sample"):
            select_prototypes(explainer, 3, X[:0], y[:0])
        with pytest.raises(ValueError, match="not trained on"):
            select_prototypes(explainer, 3, X[:2], [0, 7])
        with pytest.raises(ValueError, match="rows but y_test has"):
            select_prototypes(explainer, 3, X, y[:-1])
