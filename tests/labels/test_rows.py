"""Some rows of a table of any type, in the type that was given."""

import numpy as np
import pytest
from scipy import sparse

from skinfluence._utils.frames import take_rows

TABLE = np.arange(12.0).reshape(6, 2)
MASK = np.array([False, True, False, False, True, True])
WAYS = {"mask": MASK, "positions": np.array([1, 4, 5]), "slice": slice(2, 5)}


@pytest.fixture(params=WAYS, name="rows")
def fixture_rows(request):
    return WAYS[request.param]


def test_rows_of_an_array(rows):
    np.testing.assert_array_equal(take_rows(TABLE, rows), TABLE[rows])


@pytest.mark.parametrize("form", ["csr", "csc", "coo", "lil"])
@pytest.mark.parametrize("kind", [sparse.csr_array, sparse.csr_matrix])
def test_a_sparse_table_keeps_its_kind_and_format(kind, form, rows):
    table = kind(TABLE).asformat(form)
    got = take_rows(table, rows)
    assert type(got) is type(table)
    np.testing.assert_array_equal(got.toarray(), TABLE[rows])


def test_pandas_keeps_its_index(rows):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(TABLE, columns=["a", "b"], index=list("uvwxyz"))
    expected = np.array(list("uvwxyz"))[rows]
    assert take_rows(frame, rows).index.tolist() == expected.tolist()
    np.testing.assert_array_equal(take_rows(frame, rows).to_numpy(), TABLE[rows])
    assert take_rows(frame["a"], rows).index.tolist() == expected.tolist()


def test_polars_stays_polars(rows):
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame(TABLE, schema=["a", "b"])
    got = take_rows(frame, rows)
    assert isinstance(got, polars.DataFrame)
    np.testing.assert_array_equal(got.to_numpy(), TABLE[rows])


def test_pyarrow_stays_pyarrow(rows):
    pyarrow = pytest.importorskip("pyarrow")
    table = pyarrow.table({"a": TABLE[:, 0], "b": TABLE[:, 1]})
    got = take_rows(table, rows)
    assert isinstance(got, pyarrow.Table)
    np.testing.assert_array_equal(got["b"].to_numpy(), TABLE[rows, 1])
    np.testing.assert_array_equal(take_rows(table["a"], rows).to_numpy(), TABLE[rows, 0])


def test_a_column_of_polars_stays_one(rows):
    polars = pytest.importorskip("polars")
    got = take_rows(polars.Series("a", TABLE[:, 0]), rows)
    assert isinstance(got, polars.Series)
    np.testing.assert_array_equal(got.to_numpy(), TABLE[rows, 0])


def test_a_list_of_labels_stays_a_list(rows):
    labels = list("uvwxyz")
    assert take_rows(labels, rows) == np.array(labels)[rows].tolist()
