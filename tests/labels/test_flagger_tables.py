"""Tables of every type: frames, sparse rows, missing values, single precision."""

import warnings

import numpy as np
import pytest
from scipy import sparse
from sklearn import config_context
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skinfluence import CleanedClassifier, LabelCleaner, LabelFlagger
from skinfluence._encoding import table_encoder
from skinfluence.datasets import flip_labels
from tests.labels._quick import quick
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
    found = quick(ESTIMATORS[estimator]).fit(table, y)
    want = judged(estimator)
    np.testing.assert_allclose(found.scores_, want.scores_, rtol=1e-6, atol=1e-9)
    assert list(found.feature_names_in_) == list(NUMBERS)
    np.testing.assert_allclose(
        found.score_labels(table, y), want.score_labels(X, y), rtol=1e-6, atol=1e-9
    )


@pytest.mark.parametrize("library", LIBRARIES)
def test_mixed_frames_are_encoded(library):
    table = frame(MIXED, library)
    found = quick().fit(table, y)
    np.testing.assert_allclose(found.scores_, judged_mixed().scores_, rtol=1e-6, atol=1e-8)
    assert found.score_labels(table, y).shape == (200,)
    assert len(found.report(n_against=1)) == 200


def test_categories_of_every_kind_are_encoded_alike():
    pandas = pytest.importorskip("pandas")
    plain = pandas.DataFrame(MIXED)
    want = table_encoder(plain)[0].fit_transform(plain)
    for kind in ("category", "string", "object"):
        other = plain.assign(colour=plain["colour"].astype(kind))
        np.testing.assert_array_equal(table_encoder(other)[0].fit_transform(other), want)


def test_nullable_numbers_without_gaps_are_numbers():
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame(NUMBERS).convert_dtypes()
    np.testing.assert_allclose(table_encoder(table)[0].fit_transform(table), X)


def test_new_categories_are_taken_for_rare_ones():
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame(MIXED)
    found = quick().fit(table, y)
    other = table.assign(colour="mauve")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isfinite(found.score_labels(other, y)).all()


def test_many_categories_share_columns():
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame({"name": [f"person {i}" for i in range(200)], "x": X[:, 0]})
    assert table_encoder(table)[0].fit_transform(table).shape[1] <= 31


def test_a_single_precision_frame_stays_single():
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame(X.astype(np.float32))
    assert table_encoder(table)[0].fit_transform(table).dtype == np.float32


@pytest.mark.parametrize("library", LIBRARIES)
def test_gaps_get_the_mean_and_a_mark_or_a_category_of_their_own(library):
    gaps = {k: v.copy() for k, v in MIXED.items()}
    gaps["n2"][3] = np.nan
    gaps["colour"] = np.where(np.arange(200) == 5, None, colour)
    table = frame(gaps, library)
    got = table_encoder(table)[0].fit_transform(table)
    filled, mark = X[:, 2].copy(), np.arange(200) == 3
    filled[3] = X[~mark, 2].mean()
    there = np.arange(200) != 5
    colours = [(colour == name) & there for name in ("blue", "green", "red")] + [~there]
    want = np.c_[X[:, :2], filled, X[:, 3:], MIXED["new"], mark, np.array(colours).T]
    np.testing.assert_allclose(got, want)
    found = quick().fit(table, y)
    assert np.isfinite(found.scores_).all()
    assert len(found.report(n_against=1)) == 200


def test_gaps_of_an_array_are_filled_and_marked():
    holed = X.copy()
    holed[3, 2] = np.nan
    mark = np.arange(200) == 3
    filled = np.where(np.isnan(holed), np.nanmean(holed, axis=0), holed)
    for table in (holed, sparse.csr_array(np.where(holed == 0, 1.0, holed)), holed.astype(object)):
        got = table_encoder(table)[0].fit_transform(table)
        got = got.toarray() if sparse.issparse(got) else got
        np.testing.assert_allclose(got, np.c_[filled, mark])
    new = X[:5].copy()
    new[0, 0] = np.nan  # a gap where fit has seen none
    assert np.isfinite(quick().fit(X, y).score_labels(new, y[:5])).all()


def test_gaps_that_tell_the_class_are_evidence():
    """What is missing where, and the label is known: gaps are no noise to be filled."""
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 300)
    table = rng.standard_normal((300, 3))
    table[truth == 1, 0] = np.nan
    noisy, wrong = flip_labels(truth, 0.1, random_state=0)
    assert average_precision_score(wrong, quick().fit(table, noisy).scores_) > 0.95


def test_columns_of_an_array_of_objects_are_told_apart():
    table = np.array([[1.5, "u", None], [2.5, "v", 3], [np.nan, "u", 4]] * 20, dtype=object)
    got = table_encoder(table)[0].fit_transform(table)
    want = [[1.5, 3.5, 0, 1, 1, 0], [2.5, 3, 0, 0, 0, 1], [2, 4, 1, 0, 1, 0]]
    np.testing.assert_allclose(got[:3], want)
    labels = np.arange(60) % 2
    assert len(quick().fit(table.tolist(), labels).report(n_against=0)) == 60


@pytest.mark.filterwarnings("ignore:Models that have not seen a row predict its label no better")
def test_sparse_columns_of_a_frame_stay_sparse():
    pandas = pytest.importorskip("pandas")
    drawn = pandas.Series(np.random.default_rng(0).integers(0, 5, 200))
    dummies = pandas.get_dummies(drawn, sparse=True, dtype=float)
    got = table_encoder(dummies)[0].fit_transform(dummies)
    assert sparse.issparse(got)
    np.testing.assert_array_equal(got.toarray(), dummies.to_numpy())
    found = quick().fit(dummies, y)
    want = quick().fit(sparse.csr_array(dummies.to_numpy()), y)
    np.testing.assert_allclose(found.scores_, want.scores_)
    mixed = dummies.rename(columns=str).assign(x=X[:, 0])
    np.testing.assert_allclose(
        table_encoder(mixed)[0].fit_transform(mixed).toarray(), np.c_[X[:, 0], dummies.to_numpy()]
    )


@pytest.mark.parametrize("output", ["pandas", "polars"])
def test_the_configured_output_changes_nothing(output):
    pandas, _ = pytest.importorskip("pandas"), pytest.importorskip(output)
    table = pandas.DataFrame(MIXED)
    with config_context(transform_output=output):
        found = quick().fit(table, y)
        assert len(found.report(n_against=1)) == 200
        scores = found.score_labels(table, y)
        by_forest = LabelFlagger(ranking="cross_validation").fit(table, y)
        for cleaned in (CleanedClassifier(logistic, quick(), action="drop"), LabelCleaner(quick())):
            cleaned.fit(pandas.DataFrame(NUMBERS), y)
    np.testing.assert_allclose(found.scores_, judged_mixed().scores_, rtol=1e-6, atol=1e-8)
    np.testing.assert_array_equal(found.score_labels(table, y), scores)
    assert np.isfinite(by_forest.scores_).all()


def test_infinity_is_refused():
    holed = X.copy()
    holed[3, 2] = np.inf
    with pytest.raises(ValueError, match="infinity"):
        quick().fit(holed, y)


@pytest.mark.parametrize(
    "estimator",
    [
        make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression()),
        HistGradientBoostingClassifier(max_iter=2),
    ],
    ids=["pipeline", "trees"],
)
def test_an_estimator_that_takes_missing_values_gets_them(estimator):
    holed = X.copy()
    holed[3, 2] = np.nan
    found = LabelFlagger(estimator).fit(holed, y)
    assert np.isfinite(found.scores_).all()


def test_new_rows_that_the_model_cannot_judge_are_refused(usual):
    holed = X.copy()
    holed[3, 2] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        LabelFlagger(logistic).fit(X, y).score_labels(holed, y)
    holed[3, 2] = np.inf
    with pytest.raises(ValueError, match="infinity"):
        usual.score_labels(holed, y)
    with pytest.raises(ValueError, match="6 features"):
        usual.score_labels(X[:, :2], y)


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
        assert len(found.report()) == 200


def test_sparse_rows_with_entries_in_parts():
    table = sparse.csr_array(X)
    parts = sparse.csr_array((table.data.repeat(2) / 2, table.indices.repeat(2), 2 * table.indptr))
    found, given = quick().fit(parts, y), quick().fit(table, y)
    assert parts.nnz == 2 * table.nnz  # the table itself stays as it is
    np.testing.assert_allclose(found.label_quality_, given.label_quality_, rtol=1e-9)
    scores = found.score_labels(parts[:5], y[:5]), given.score_labels(table[:5], y[:5])
    np.testing.assert_allclose(*scores, rtol=1e-9)


def test_sparse_rows_with_long_indices():
    table = sparse.csr_array(X)
    short = quick().fit(table, y)
    table.indices, table.indptr = table.indices.astype(np.int64), table.indptr.astype(np.int64)
    long = quick().fit(table, y)
    np.testing.assert_array_equal(long.scores_, short.scores_)
    assert table.indices.dtype == np.int64


@pytest.mark.parametrize("estimator", [None, logistic], ids=["none", "given"])
def test_single_precision(estimator):
    single = quick(estimator).fit(X.astype(np.float32), y)
    double = quick(estimator).fit(X.astype(np.float32).astype(float), y)
    np.testing.assert_allclose(single.scores_, double.scores_, atol=1e-3)


def test_read_only_and_memory_mapped_rows(tmp_path, usual):
    np.save(tmp_path / "x.npy", X)
    np.save(tmp_path / "y.npy", y)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r"), np.load(tmp_path / "y.npy", mmap_mode="r")
    np.testing.assert_array_equal(quick().fit(*mapped).scores_, usual.scores_)
    LabelFlagger(logistic).fit(*mapped).report()


@pytest.mark.parametrize("library", LIBRARIES)
def test_tables_of_many_rows_are_encoded_in_blocks_and_in_single_precision(library, monkeypatch):
    table, found = frame(MIXED, library), []
    for rows, block in ((20_000, 5000), (100, 60)):
        monkeypatch.setattr("skinfluence._encoding._encoder.MOST_ROWS_IN_DOUBLE", rows)
        monkeypatch.setattr("skinfluence.labels._sources.members.ROWS_AT_ONCE", block)
        found.append(quick(noise_model=False).fit(table, y))
    assert table_encoder(table)[0].fit_transform(table).dtype == np.float32
    raw = [one.explainer_.leave_one_out_raw_predictions() for one in found]
    np.testing.assert_allclose(found[1].scores_, found[0].scores_, atol=1e-4)
    np.testing.assert_allclose(raw[1], raw[0], atol=1e-4)
