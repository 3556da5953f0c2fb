"""Tables of every type: frames, sparse rows, missing values, single precision."""

import warnings

import numpy as np
import pytest
from scipy import sparse
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skinfluence import LabelFlagger
from skinfluence.labels._inputs.tables import TableEncoder
from tests.labels._tables import (
    ESTIMATORS,
    LIBRARIES,
    MIXED,
    NUMBERS,
    X,
    colour,
    frame,
    judged,
    judged_mixed,
    logistic,
    y,
)


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_frames_of_numbers_are_judged_as_arrays(library, estimator):
    table = frame(NUMBERS, library)
    found = LabelFlagger(ESTIMATORS[estimator]).fit(table, y)
    want = judged(estimator)
    np.testing.assert_allclose(found.scores_, want.scores_, rtol=1e-6, atol=1e-9)
    assert list(found.feature_names_in_) == list(NUMBERS)
    assert list(found.get_feature_names_out()) == list(NUMBERS)
    assert found.transform(table) is table
    np.testing.assert_allclose(
        found.score_labels(table, y), want.score_labels(X, y), rtol=1e-6, atol=1e-9
    )


@pytest.mark.parametrize("library", LIBRARIES)
def test_mixed_frames_are_encoded(library):
    table = frame(MIXED, library)
    found = LabelFlagger().fit(table, y)
    np.testing.assert_allclose(found.scores_, judged_mixed().scores_, rtol=1e-6, atol=1e-8)
    assert found.score_labels(table, y).shape == (200,)
    assert len(found.report(n_against=1)) == 200


def test_categories_of_every_kind_are_encoded_alike():
    pandas = pytest.importorskip("pandas")
    plain = pandas.DataFrame(MIXED)
    want = TableEncoder().fit_transform(plain)
    for kind in ("category", "string", "object"):
        other = plain.assign(colour=plain["colour"].astype(kind))
        np.testing.assert_array_equal(TableEncoder().fit_transform(other), want)


def test_nullable_numbers_without_gaps_are_numbers():
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame(NUMBERS).convert_dtypes()
    np.testing.assert_allclose(TableEncoder().fit_transform(table), X)


def test_new_categories_are_taken_for_rare_ones():
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame(MIXED)
    found = LabelFlagger().fit(table, y)
    other = table.assign(colour="mauve")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isfinite(found.score_labels(other, y)).all()


def test_many_categories_share_columns():
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame({"name": [f"person {i}" for i in range(200)], "x": X[:, 0]})
    assert TableEncoder().fit_transform(table).shape[1] <= 31


def test_a_single_precision_frame_stays_single():
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame(X.astype(np.float32))
    assert TableEncoder().fit_transform(table).dtype == np.float32


@pytest.mark.parametrize("library", LIBRARIES)
def test_missing_values_are_named_with_a_remedy(library):
    gaps = {k: v.copy() for k, v in MIXED.items()}
    gaps["n2"][3] = np.nan
    gaps["colour"] = np.where(np.arange(200) == 5, None, colour)
    with pytest.raises(ValueError, match=r"'n2', 'colour'.*SimpleImputer"):
        LabelFlagger().fit(frame(gaps, library), y)


def test_missing_values_of_an_array_are_named():
    holed = X.copy()
    holed[3, 2] = np.nan
    for table in (holed, sparse.csr_array(holed)):
        with pytest.raises(ValueError, match=r"NaN in the column\(s\) \[2\].*SimpleImputer"):
            LabelFlagger().fit(table, y)


def test_infinity_is_refused():
    holed = X.copy()
    holed[3, 2] = np.inf
    with pytest.raises(ValueError, match="infinity"):
        LabelFlagger().fit(holed, y)


@pytest.mark.parametrize(
    "estimator",
    [
        make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression()),
        HistGradientBoostingClassifier(max_iter=5),
    ],
    ids=["pipeline", "trees"],
)
def test_an_estimator_that_takes_missing_values_gets_them(estimator):
    holed = X.copy()
    holed[3, 2] = np.nan
    found = LabelFlagger(estimator).fit(holed, y)
    assert np.isfinite(found.scores_).all()
    np.testing.assert_array_equal(found.transform(holed), holed)


def test_transform_refuses_what_the_model_cannot_judge(usual):
    holed = X.copy()
    holed[3, 2] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        usual.transform(holed)
    with pytest.raises(ValueError, match="6 features"):
        usual.transform(X[:, :2])


def test_a_pipeline_with_a_column_transformer_gets_the_frame():
    pandas = pytest.importorskip("pandas")
    encode = make_column_transformer(
        (StandardScaler(), list(NUMBERS)), (OneHotEncoder(), ["colour"])
    )
    found = LabelFlagger(make_pipeline(encode, LogisticRegression())).fit(
        pandas.DataFrame(MIXED), y
    )
    assert found.judged_by_ == "leave_one_out"
    assert len(found.report()) == 200


@pytest.mark.parametrize("make", [sparse.csr_array, sparse.csc_array, sparse.csr_matrix])
def test_sparse_rows(make):
    table = make(np.where(np.abs(X) > np.median(X, axis=0), X, 0.0))
    for estimator in (None, LogisticRegression(C=1e-4)):
        found = LabelFlagger(estimator, representation="linear").fit(table, y)
        assert np.isfinite(found.scores_).all()
        assert found.score_labels(table[:5], y[:5]).shape == (5,)
        assert sparse.issparse(found.transform(table))
        assert len(found.report()) == 200


def test_sparse_rows_with_long_indices():
    table = sparse.csr_array(X)
    short = LabelFlagger().fit(table, y)
    table.indices, table.indptr = table.indices.astype(np.int64), table.indptr.astype(np.int64)
    long = LabelFlagger().fit(table, y)
    np.testing.assert_array_equal(long.scores_, short.scores_)
    assert table.indices.dtype == np.int64


@pytest.mark.parametrize("estimator", [None, logistic], ids=["none", "given"])
def test_single_precision(estimator):
    single = LabelFlagger(estimator).fit(X.astype(np.float32), y)
    double = LabelFlagger(estimator).fit(X.astype(np.float32).astype(float), y)
    np.testing.assert_allclose(single.scores_, double.scores_, atol=1e-3)


def test_read_only_and_memory_mapped_rows(tmp_path, usual):
    np.save(tmp_path / "x.npy", X)
    np.save(tmp_path / "y.npy", y)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r"), np.load(tmp_path / "y.npy", mmap_mode="r")
    np.testing.assert_array_equal(LabelFlagger().fit(*mapped).scores_, usual.scores_)
    LabelFlagger(logistic).fit(*mapped).report()


def test_columns_are_set_output_names():
    pandas = pytest.importorskip("pandas")
    out = LabelFlagger(logistic).set_output(transform="pandas").fit_transform(X, y)
    assert isinstance(out, pandas.DataFrame)
    assert list(out.columns) == [f"x{j}" for j in range(6)]
    np.testing.assert_array_equal(out.to_numpy(), X)
