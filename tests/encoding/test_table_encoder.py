"""Tables as columns for linear models and for trees; those for distances: tests/labels."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer

from skinfluence._encoding import columns_for_trees, table_encoder, text_columns

rng = np.random.default_rng(0)
WORDS = [f"w{j}" for j in range(400)]
TEXTS = [" ".join(rng.choice(WORDS[j % 4 * 80 :][:160], 12)) for j in range(200)]
AGE = rng.normal(40.0, 10.0, 200)
AGE[3] = np.nan
TABLE = {"age": AGE, "city": rng.choice(["Bonn", "Lyon"], 200), "text": TEXTS}


@pytest.fixture(name="table")
def fixture_table():
    return pytest.importorskip("pandas").DataFrame(TABLE)


def test_linear_models_get_scaled_numbers_and_sparse_categories_and_words(table):
    got = table_encoder(table, model="linear")[0].fit_transform(table)
    words = TfidfVectorizer(sublinear_tf=True).fit_transform(TEXTS)
    assert sparse.issparse(got) and got.shape[1] == 4 + words.shape[1]
    dense = got.toarray()
    np.testing.assert_allclose(dense[:, :2].mean(axis=0), 0.0, atol=1e-12)
    np.testing.assert_allclose(dense[:, :2].std(axis=0), 1.0)
    assert dense[3, 0] == pytest.approx(0.0) and dense[:, 1].argmax() == 3
    np.testing.assert_array_equal(dense[:, 2], table["city"] == "Bonn")
    np.testing.assert_allclose(dense[:, 4:], words.toarray(), atol=1e-6)


def test_trees_get_few_directions_of_texts_the_widest_first(table):
    got = table_encoder(table, model="trees")[0].fit_transform(table)
    assert isinstance(got, np.ndarray) and got.shape == (200, 4 + 50)
    sizes = (got[:, 4:] ** 2).sum(axis=0)
    assert (np.diff(sizes) < 1e-6 * sizes[0]).all()
    np.testing.assert_allclose(got[np.arange(200) != 3, 0], AGE[np.arange(200) != 3])


def test_columns_of_several_texts_are_the_last_and_trees_see_the_first_of_each(table):
    table = table.assign(other=TEXTS[::-1])[["text", "age", "other"]]
    encoder = table_encoder(table)[0]
    got = encoder.fit_transform(table)
    texts = text_columns(encoder, got.shape[1])
    assert texts == [slice(2, 202), slice(202, 402)]
    one, other = (got[:, text] @ got[:, text].T for text in texts)
    np.testing.assert_allclose(one, other[::-1, ::-1], atol=1e-5)
    seen = got[:, columns_for_trees(encoder, got.shape[1])]
    np.testing.assert_array_equal(seen, got[:, np.r_[0:52, 202:252]])


def test_numbers_alone_are_scaled_for_linear_models():
    X = rng.normal(3.0, 2.0, size=(50, 2))
    got = table_encoder(X, model="linear")[0].fit_transform(X)
    np.testing.assert_allclose(got, (X - X.mean(axis=0)) / X.std(axis=0))
