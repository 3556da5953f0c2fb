"""The packaged hospital data are those of the paper."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skinfluence.datasets import load_hospital_readmission


@pytest.fixture(scope="module")
def hospital():
    return load_hospital_readmission()


@pytest.fixture(scope="module")
def modified():
    return load_hospital_readmission(modified=True)


def children(data, names):
    return data[:, list(names).index("age_[0-10)")] == 1


def test_training_rows_equal_the_full_data(hospital, shared_data):
    X, y, _, _, names = shared_data.hospital()
    assert_array_equal(hospital.data, X)
    assert_array_equal(hospital.target, y)
    assert hospital.feature_names == names.tolist()


def test_test_rows_equal_the_full_data(hospital, shared_data):
    _, _, X_test, y_test, _ = shared_data.hospital()
    assert_array_equal(hospital.data_test, X_test[hospital.test_index])
    assert_array_equal(hospital.target_test, y_test[hospital.test_index])


def test_modified_training_rows_equal_the_full_data(modified, shared_data):
    X, y, _, _, _ = shared_data.hospital_modified()
    assert_array_equal(modified.data, X)
    assert_array_equal(modified.target, y)


def test_all_children_of_the_test_set_are_there(hospital, shared_data):
    _, _, X_test, _, names = shared_data.hospital()
    kept = hospital.test_index[children(hospital.data_test, names)]
    assert_array_equal(kept, np.flatnonzero(children(X_test, names)))


def test_shapes_and_types(hospital):
    assert hospital.data.shape == (20_000, 127)
    assert hospital.data.dtype == np.float64
    assert hospital.data_test.shape == (2_131, 127)
    assert hospital.test_index.shape == hospital.target_test.shape == (2_131,)
    assert hospital.frame is None


def test_training_rows_are_balanced(hospital):
    assert_array_equal(np.bincount(hospital.target), [10_000, 10_000])


@pytest.mark.parametrize(
    "name, n_rows, n_children", [("hospital", 20_000, 24), ("modified", 19_980, 4)]
)
def test_three_training_children_were_readmitted(name, n_rows, n_children, request):
    data = request.getfixturevalue(name)
    child = children(data.data, data.feature_names)
    assert len(data.data) == n_rows
    assert child.sum() == n_children
    assert data.target[child].sum() == 3


def test_modified_rows_are_numbered_as_in_the_paper(modified):
    child = children(modified.data, modified.feature_names)
    assert_array_equal(np.flatnonzero(child), [9366, 11116, 13685, 19590])
    assert_array_equal(modified.target[child], [1, 1, 1, 0])


def test_test_index_starts_with_the_first_2000_rows_and_rises(hospital):
    assert_array_equal(hospital.test_index[:2000], np.arange(2000))
    assert (np.diff(hospital.test_index) > 0).all()


def test_row_1742_is_the_child_of_the_paper(hospital):
    position = np.flatnonzero(hospital.test_index == 1742)
    assert len(position) == 1
    (x,) = hospital.data_test[position]
    # The printed row of the authors' notebook, its zeros left out.
    expected = {
        "time_in_hospital": 1,
        "num_lab_procedures": 55,
        "num_medications": 10,
        "number_inpatient": 1,
        "number_diagnoses": 3,
        "gender_Female": 1,
        "race_Caucasian": 1,
        "age_[0-10)": 1,
        "discharge_disposition_id_1": 1,
        "max_glu_serum_None": 1,
        "A1Cresult_None": 1,
        "insulin_Down": 1,
        "diabetesMed_Yes": 1,
    }
    found = {n: v for n, v in zip(hospital.feature_names, x, strict=True) if v}
    assert {n: v for n, v in found.items() if not n.endswith("_No")} == expected
    assert hospital.target_test[position] == 0


def test_return_X_y_is_the_training_part(modified):
    X, y = load_hospital_readmission(modified=True, return_X_y=True)
    assert_array_equal(X, modified.data)
    assert_array_equal(y, modified.target)


def test_as_frame_holds_the_same_numbers(modified):
    framed = load_hospital_readmission(modified=True, as_frame=True)
    assert_array_equal(framed.data, modified.data)
    assert_array_equal(framed.data_test, modified.data_test)
    assert list(framed.data.columns) == modified.feature_names
    assert list(framed.frame.columns) == [*modified.feature_names, "readmitted"]
    assert framed.target.name == "readmitted"


def test_as_frame_finds_test_rows_by_the_number_of_the_paper():
    framed = load_hospital_readmission(as_frame=True)
    assert framed.data_test.loc[1742, "num_lab_procedures"] == 55
    assert framed.target_test.loc[1742] == 0


def test_each_call_gives_arrays_of_its_own(hospital):
    other = load_hospital_readmission()
    other.data[0] = -1
    assert not np.array_equal(other.data[0], hospital.data[0])


def test_description_names_source_and_licence(hospital):
    for words in ("Strack", "number 296", "CC BY 4.0"):
        assert words in hospital.DESCR
