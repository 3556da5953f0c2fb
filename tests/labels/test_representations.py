"""Columns without labels, and the source that is built of them."""

import pickle

import numpy as np
import pytest
from scipy import sparse
from scipy.spatial.distance import pdist
from sklearn.datasets import load_iris, make_classification
from sklearn.feature_extraction.text import TfidfVectorizer

from skinfluence._encoding import leading_directions, table_encoder
from skinfluence.labels._sources.columns import blocks, linear, radial_basis, scaler_of
from skinfluence.labels._sources.members import fit_forest
from skinfluence.labels._sources.representations import PooledPredictor
from tests.labels._targets import target_of


@pytest.fixture(name="table", scope="module")
def fixture_table():
    X, codes = load_iris(return_X_y=True)
    return X[::2], codes[::2]


def prediction_of(X, codes, weight=None, **settings):
    n_classes = settings.pop("n_classes", int(codes.max()) + 1)
    weight = np.ones(len(codes)) if weight is None else weight
    return PooledPredictor(X, target_of(codes, n_classes), random_state=0, **settings).fit(weight)


def columns_of(representation, rows):
    return np.concatenate([columns for _, columns in blocks(representation, rows)])


def test_columns_and_penalty_are_the_nystroem_approximation_of_the_kernel(table):
    rows = scaler_of(table[0]).transform(table[0])
    order = np.random.RandomState(0).permutation(75)
    basis = radial_basis(rows, order, 30)
    columns = columns_of(basis, rows)
    kernel = columns @ np.linalg.solve(basis.penalty, columns.T)
    difference = basis.landmarks[:, None] - basis.landmarks
    expected = np.exp(-(difference**2).sum(axis=2) / (2 * basis.length**2))
    at = np.sort(order[:30])
    np.testing.assert_allclose(kernel[np.ix_(at, at)], expected, atol=1e-5)


def test_columns_of_large_tables_have_single_precision(table, monkeypatch):
    rows = scaler_of(table[0]).transform(table[0])
    basis = radial_basis(rows, np.arange(75), 30)
    double = columns_of(basis, rows)
    monkeypatch.setattr("skinfluence.labels._sources.columns.MOST_DOUBLES", 100)
    single = columns_of(basis, rows)
    assert (double.dtype, single.dtype) == (np.float64, np.float32)
    np.testing.assert_allclose(single, double, atol=1e-5)


def test_many_columns_are_reduced_to_their_leading_directions():
    rows = np.random.RandomState(0).randn(50, 400)
    representation = linear(rows, 20, np.random.RandomState(0))
    assert columns_of(representation, rows).shape == (50, 20)


@pytest.mark.parametrize("shape", [(200, 30), (30, 200)])
def test_leading_directions_are_those_of_the_decomposition(shape):
    X = np.random.RandomState(0).randn(*shape) * np.geomspace(10, 0.1, shape[1])
    found = leading_directions(X, 5, np.random.RandomState(0), n_iter=8)
    want = np.linalg.svd(X)[2][:5]
    np.testing.assert_allclose(np.abs(want @ found), np.eye(5), atol=1e-3)


def test_directions_of_many_rows_are_those_of_a_sample(monkeypatch):
    X = sparse.random(300, 80, 0.5, "csr", random_state=0) @ sparse.diags(np.geomspace(9, 0.1, 80))
    monkeypatch.setattr("skinfluence._encoding._text.MOST_ROWS", 100)
    found = leading_directions(X.tocsr(), 2, np.random.RandomState(0), n_iter=9)
    some = np.random.RandomState(0).permutation(300)[:100]
    want = np.linalg.svd(X.toarray()[some])[2][:2]
    np.testing.assert_allclose(np.abs(want @ found), np.eye(2), atol=1e-3)


def test_large_tables_have_one_copy_in_single_precision(table, monkeypatch):
    want = prediction_of(*table, representation="linear", damping=0.1)
    monkeypatch.setattr("skinfluence.labels._sources.columns.MOST_DOUBLES", 100)
    monkeypatch.setattr("skinfluence.labels._sources.columns.BLOCK_ENTRIES", 64)
    X, codes = table
    source = PooledPredictor(
        X, target_of(codes, 3), representation="linear", damping=0.1, random_state=0
    )
    found = source.fit(np.ones(75))
    assert source._scaled.dtype == np.float32
    assert not [name for name, value in vars(source).items() if value is X]
    np.testing.assert_allclose(np.exp(found.value), np.exp(want.value), atol=1e-5)


@pytest.mark.parametrize("counts", [True, False])
def test_a_forest_is_grown_again_where_it_has_a_weight(table, monkeypatch, counts):
    grown, module = [], "skinfluence.labels._sources.representations."
    monkeypatch.setattr(module + "fit_forest", lambda *_: grown.append(1) or fit_forest(*_))
    weights = [0.5, 0.5, float(counts)]
    monkeypatch.setattr(
        module + "stacking_weights", lambda values, *_: (np.array(weights[: len(values)]), None)
    )
    source = PooledPredictor(table[0], target_of(table[1], 3), random_state=0)
    for _ in range(3):
        prediction = source.fit(np.ones(75))
    assert len(grown) == (3 if counts else 1)
    assert len(prediction.predict.args[0]) == 2 + counts


@pytest.mark.parametrize("representation", ["auto", "linear", "rbf"])
def test_predictions_are_log_probabilities_of_every_row(table, representation):
    prediction = prediction_of(*table, representation=representation)
    np.testing.assert_allclose(np.exp(prediction.value).sum(axis=1), 1.0)
    np.testing.assert_allclose(np.exp(prediction.predict(table[0][:5])).sum(axis=1), 1.0)
    assert prediction.value.shape == (75, 3)


def test_the_scale_of_the_weights_changes_nothing(table):
    weight = np.random.RandomState(0).uniform(0.5, 2.0, 75)
    one, large = prediction_of(*table, weight), prediction_of(*table, 1000 * weight)
    np.testing.assert_allclose(large.value, one.value, rtol=1e-8)


def test_the_same_seed_gives_the_same_prediction(table):
    np.testing.assert_array_equal(prediction_of(*table).value, prediction_of(*table).value)


@pytest.mark.parametrize("index_dtype", [np.int32, np.int64])
def test_sparse_rows_of_any_index_dtype(index_dtype):
    rng = np.random.RandomState(0)
    codes = rng.randint(0, 2, 80)
    X = sparse.csr_matrix(rng.poisson(0.2 + codes[:, None], (80, 12)).astype(float))
    X.indices, X.indptr = X.indices.astype(index_dtype), X.indptr.astype(index_dtype)
    prediction = prediction_of(X, codes)
    assert (prediction.value.argmax(axis=1) == codes).mean() > 0.9
    assert prediction.predict(X[:3]).shape == (3, 2)


def test_single_precision_agrees_with_double(table):
    X, codes = table
    single = prediction_of(X.astype(np.float32), codes, representation="rbf", damping=0.1)
    double = prediction_of(X, codes, representation="rbf", damping=0.1)
    np.testing.assert_allclose(np.exp(single.value), np.exp(double.value), atol=1e-3)


@pytest.mark.parametrize(("n", "n_classes"), [(10, 2), (10, 3), (400, 100)])
def test_tiny_tables_and_many_classes(n, n_classes):
    rng = np.random.RandomState(0)
    codes = np.arange(n) % n_classes
    X = rng.randn(n_classes, 5)[codes] * 3 + rng.randn(n, 5)
    prediction = prediction_of(X, codes)
    assert np.isfinite(prediction.value).all()
    assert (prediction.value.argmax(axis=1) == codes).mean() > 1.5 / n_classes


def test_scaled_directions_of_a_text_have_the_distances_of_its_words():
    rng = np.random.default_rng(0)
    docs = [" ".join(rng.choice([f"w{j}" for j in range(90)], 12)) for _ in range(60)]
    words = TfidfVectorizer(sublinear_tf=True).fit_transform(docs)
    encoder = table_encoder(docs)[0]
    columns = encoder.fit_transform(docs)
    ratio = pdist(scaler_of(columns, encoder).transform(columns)) / pdist(words.toarray())
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-4)


def test_more_columns_than_rows_and_repeated_rows():
    X, codes = make_classification(30, 60, random_state=0)
    X, codes = np.repeat(X, 2, axis=0), np.repeat(codes, 2)
    assert np.isfinite(prediction_of(X, codes).value).all()


def test_a_table_of_one_constant_column_gives_the_shares_of_the_classes():
    codes = np.array([0] * 30 + [1] * 10)
    prediction = prediction_of(np.ones((40, 1)), codes)
    assert (prediction.value.argmax(axis=1) == 0).all()


def test_values_of_a_regression_are_predicted_without_the_row():
    rng = np.random.RandomState(0)
    X = rng.randn(120, 3)
    y = 100 + 5 * X[:, 0]
    y[3] += 50.0
    prediction = PooledPredictor(X, target_of(y), random_state=0).fit(np.ones(120))
    assert prediction.value.shape == (120,)
    assert abs(prediction.value[3] - (100 + 5 * X[3, 0])) < 10
    assert prediction.predict(X[:2]).shape == (2,)


def test_landmarks_grow_while_they_gain_and_take_less_time_than_a_forest(monkeypatch):
    X, codes = make_classification(
        3000, 20, n_informative=8, n_classes=8, class_sep=0.7, random_state=0
    )

    def landmarks(**settings):
        source = PooledPredictor(
            X, target_of(codes, 8), representation="rbf", random_state=0, **settings
        )
        source.fit(np.ones(3000))
        return source.best.representation.width

    assert landmarks() == 1000  # not 2,000: there is one to at least three rows
    assert landmarks(n_components=40) == 40
    monkeypatch.setattr("skinfluence.labels._sources.representations.MULTIPLY", 1e9)
    assert landmarks() == 300


def test_landmarks_that_gain_nothing_are_not_taken():
    rng = np.random.RandomState(0)
    X, codes = rng.randn(3000, 20), rng.randint(0, 2, 3000)
    source = PooledPredictor(X, target_of(codes, 2), representation="rbf", random_state=0)
    source.fit(np.ones(3000))
    assert source.best.representation.width == 300


def test_a_given_damping_is_the_one_that_is_used(table):
    assert prediction_of(*table, representation="linear", damping=0.5).damping == 0.5


def test_other_labels_of_the_same_rows_equal_a_new_source(table):
    X, codes = table
    source = PooledPredictor(X, target_of(codes, 3), random_state=0)
    other = source.with_target(target_of(codes[::-1], 3))
    weight = np.ones(75)
    expected = PooledPredictor(X, target_of(codes[::-1].copy(), 3), random_state=0).fit(weight)
    np.testing.assert_array_equal(other.fit(weight).value, expected.value)
    np.testing.assert_array_equal(source.fit(weight).value, prediction_of(X, codes).value)


def test_predictions_are_picklable(table):
    prediction = prediction_of(*table)
    copy = pickle.loads(pickle.dumps(prediction))
    np.testing.assert_array_equal(copy.predict(table[0]), prediction.predict(table[0]))


def test_the_global_random_state_is_untouched(table):
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    prediction_of(*table)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002
