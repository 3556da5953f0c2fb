"""The packaged forest fires are the UCI table."""

import sys

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skinfluence.datasets import load_forest_fires


def test_frame_equals_the_full_data(shared_data):
    expected = shared_data.forestfires()
    frame = load_forest_fires(as_frame=True).frame
    assert list(frame.columns) == list(expected.columns)
    for name in expected.columns:
        assert_array_equal(frame[name].to_numpy(), expected[name].to_numpy())


def test_shapes_and_types():
    fires = load_forest_fires()
    assert fires.data.shape == (517, 12)
    assert fires.target.shape == (517,)
    assert fires.data.dtype == fires.target.dtype == np.float64
    assert fires.frame is None


def test_target_has_its_published_values():
    _, area = load_forest_fires(return_X_y=True)
    assert (area == 0).sum() == 247
    assert area.max() == 1090.84


def test_months_and_days_are_numbers_of_the_calendar_in_the_array():
    fires = load_forest_fires()
    framed = load_forest_fires(as_frame=True)
    month = fires.data[:, fires.feature_names.index("month")]
    day = fires.data[:, fires.feature_names.index("day")]
    assert_array_equal(np.unique(month[framed.data["month"] == "mar"]), [3])
    assert_array_equal(np.unique(month[framed.data["month"] == "dec"]), [12])
    assert_array_equal(np.unique(day[framed.data["day"] == "mon"]), [1])
    assert_array_equal(np.unique(day[framed.data["day"] == "sun"]), [7])


def test_array_and_frame_agree_on_every_other_column():
    fires = load_forest_fires()
    framed = load_forest_fires(as_frame=True)
    for i, name in enumerate(fires.feature_names):
        if name not in ("month", "day"):
            assert_array_equal(fires.data[:, i], framed.data[name])
    assert_array_equal(fires.target, framed.target)


@pytest.mark.parametrize("as_frame", [False, True])
def test_return_X_y_is_the_data_and_the_target(as_frame):
    X, y = load_forest_fires(as_frame=as_frame, return_X_y=True)
    fires = load_forest_fires(as_frame=as_frame)
    assert_array_equal(X, fires.data)
    assert_array_equal(y, fires.target)


def test_as_frame_without_pandas_says_what_to_do(monkeypatch):
    # None in sys.modules makes the import fail as if pandas were not installed.
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r"load_forest_fires\(as_frame=True\) needs pandas"):
        load_forest_fires(as_frame=True)


def test_description_names_source_and_licence():
    descr = load_forest_fires().DESCR
    for words in ("Cortez", "number 162", "CC BY 4.0"):
        assert words in descr
