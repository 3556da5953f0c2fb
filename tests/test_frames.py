"""Tables come out in the frame type that went in, on every supported version of narwhals."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from skinfluence import InfluenceExplainer
from skinfluence._utils.frames import frame_backend, make_frame

COLUMNS = {"row": np.array(["a", "b"], dtype=object), "influence": np.array([0.5, -0.5])}


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
def test_a_frame_is_made_in_the_library_that_was_asked_for(library):
    pytest.importorskip(library)
    frame = make_frame(COLUMNS, library)
    assert frame_backend(frame) == library
    assert list(frame["row"]) == ["a", "b"] or frame["row"].to_pylist() == ["a", "b"]


def test_arrays_have_no_frame_library():
    assert frame_backend(np.zeros((2, 2))) is None


@pytest.mark.parametrize("backend", ["polars", "pyarrow"])
def test_a_missing_entry_of_a_table_is_missing(backend):
    rows = np.array([None, np.int64(7)], dtype=object)
    table = make_frame({"against": rows}, backend)
    column = table["against"]
    assert (column.to_list() if backend == "polars" else column.to_pylist()) == [None, 7]


def test_columns_of_one_name_are_refused_in_words_and_the_advice_runs():
    pd = pytest.importorskip("pandas")
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.standard_normal((30, 3)), columns=["age", "height", "age"])
    values = rng.standard_normal(30)
    with pytest.raises(ValueError, match=r"2 columns that are called 'age'.*X\.set_axis"):
        InfluenceExplainer(Ridge()).fit(table, values)
    renamed = table.set_axis(range(table.shape[1]), axis=1)
    assert InfluenceExplainer(Ridge()).fit(renamed, values).influence(renamed).shape == (30, 30)
