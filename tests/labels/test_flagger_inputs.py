"""Tables, labels and indices of every type; what is refused, and how."""

import warnings

import numpy as np
import pytest
from scipy import sparse
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skinfluence import LabelFlagger
from skinfluence.datasets import flip_labels
from skinfluence.labels._table import TableEncoder

X, clean = load_breast_cancer(return_X_y=True)
X, clean = X[:200, :6], clean[:200]
y, flipped = flip_labels(clean, 0.1, random_state=0)
logistic = make_pipeline(StandardScaler(), LogisticRegression())
rng = np.random.default_rng(0)
colour = np.where(clean == 1, "blue", "red").astype(object)
colour[rng.random(200) < 0.2] = "green"
NUMBERS = {f"n{j}": X[:, j] for j in range(6)}
MIXED = {**NUMBERS, "colour": colour, "new": X[:, 0] > 14}
LIBRARIES = ["pandas", "polars", "pyarrow"]


def frame(columns, library):
    if library == "pandas":
        return pytest.importorskip("pandas").DataFrame(columns)
    if library == "polars":
        return pytest.importorskip("polars").DataFrame(columns)
    pyarrow = pytest.importorskip("pyarrow")
    return pyarrow.table({k: pyarrow.array(v) for k, v in columns.items()})


def column(table, name):
    values = table[name]
    return np.asarray(values.to_pylist() if hasattr(values, "to_pylist") else values)


@pytest.fixture(scope="module")
def usual():
    return LabelFlagger().fit(X, y)


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("estimator", [None, logistic], ids=["none", "given"])
def test_frames_of_numbers_are_judged_as_arrays(library, estimator):
    table = frame(NUMBERS, library)
    found = LabelFlagger(estimator).fit(table, y)
    want = LabelFlagger(estimator).fit(X, y)
    np.testing.assert_allclose(found.scores_, want.scores_, rtol=1e-6, atol=1e-9)
    assert list(found.feature_names_in_) == list(NUMBERS)
    assert list(found.get_feature_names_out()) == list(NUMBERS)
    assert found.transform(table) is table
    np.testing.assert_allclose(
        found.score_labels(table, y), want.score_labels(X, y), rtol=1e-6, atol=1e-9
    )


@pytest.mark.parametrize("library", LIBRARIES)
def test_the_report_is_a_frame_of_the_users_own_type(library):
    table = frame(NUMBERS, library)
    found = LabelFlagger(logistic).fit(table, y)
    report = found.report(n_against=2)
    assert type(report) is type(table)
    assert list(getattr(report, "column_names", getattr(report, "columns", None))) == [
        "row", "given", "suggested", "quality", "flag", "against_1", "against_2",
    ]  # fmt: skip
    np.testing.assert_array_equal(column(report, "row"), np.arange(200))
    np.testing.assert_array_equal(column(report, "given"), y)
    np.testing.assert_array_equal(column(report, "suggested"), found.suggested_)
    np.testing.assert_array_equal(column(report, "quality"), found.label_quality_)
    np.testing.assert_array_equal(column(report, "flag"), found.flagged_)


def test_the_report_of_an_array_is_a_frame_too():
    pandas = pytest.importorskip("pandas")
    assert isinstance(LabelFlagger(logistic).fit(X, y).report(), pandas.DataFrame)


def test_the_index_is_kept():
    pandas = pytest.importorskip("pandas")
    index = pandas.Index([f"patient {i}" for i in rng.permutation(200)], name="who")
    table = pandas.DataFrame(NUMBERS, index=index)
    found = LabelFlagger(logistic).fit(table, pandas.Series(y, index=index))
    report = found.report()
    assert report.index.equals(index)
    assert report["row"].tolist() == index.tolist()
    named = report.loc[report["flag"], "against_1"].dropna()
    assert len(named) and set(named) <= set(index)
    joined = table.join(report)
    np.testing.assert_array_equal(joined["given"], y)


def test_an_index_of_several_levels_is_kept():
    pandas = pytest.importorskip("pandas")
    index = pandas.MultiIndex.from_arrays([np.arange(200) // 10, np.arange(200) % 10])
    report = LabelFlagger(logistic).fit(pandas.DataFrame(NUMBERS, index=index), y).report()
    assert report.index.equals(index)
    assert report["row"].iloc[13] == (1, 3)


def test_an_array_with_a_column_of_labels_takes_the_index_of_the_labels():
    pandas = pytest.importorskip("pandas")
    index = np.arange(1000, 1200)
    report = LabelFlagger(logistic).fit(X, pandas.Series(y, index=index)).report()
    np.testing.assert_array_equal(report.index, index)


def test_opponents_are_the_rows_of_most_negative_influence():
    found = LabelFlagger(logistic).fit(X, y)
    report = found.report(n_against=3)
    influence = found.explainer_.influence(X, y)
    for i in np.flatnonzero(found.flagged_):
        want = np.argsort(influence[i], kind="stable")[:3]
        got = [report[f"against_{j}"].iloc[i] for j in (1, 2, 3)]
        assert got == want.tolist()
        assert (influence[i, want] < 0).all()
    quiet = report.loc[~report["flag"], "against_1"]
    assert quiet.isna().all()


def test_opponents_may_be_asked_for_of_every_row():
    found = LabelFlagger(logistic).fit(X, y)
    report = found.report(n_against=1, explain="all")
    want = found.explainer_.influence(X, y).argmin(axis=1)
    np.testing.assert_array_equal(report["against_1"].astype(int), want)


def test_opponents_may_be_asked_for_of_the_most_suspicious_rows():
    found = LabelFlagger(logistic).fit(X, y)
    report = found.report(n_against=1, explain=4)
    named = np.flatnonzero(report["against_1"].notna())
    np.testing.assert_array_equal(named, np.sort(found.ranking_[:4]))


def test_a_report_without_opponents():
    report = LabelFlagger(logistic).fit(X, y).report(n_against=0)
    assert list(report.columns) == ["row", "given", "suggested", "quality", "flag"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n_against": -1}, "n_against=-1. Expected a whole number"),
        ({"n_against": 1.5}, "n_against=1.5. Expected a whole number"),
        ({"explain": "some"}, "explain='some'. Expected a whole number"),
        ({"explain": -1}, "explain=-1. Expected a whole number"),
    ],
)
def test_the_report_refuses(usual, settings, message):
    with pytest.raises(ValueError, match=message):
        usual.report(**settings)


@pytest.mark.parametrize("library", LIBRARIES)
def test_mixed_frames_are_encoded(library):
    table = frame(MIXED, library)
    found = LabelFlagger().fit(table, y)
    plain = np.c_[X, MIXED["new"], colour == "blue", colour == "green", colour == "red"]
    want = LabelFlagger().fit(plain[:, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]].astype(float), y)
    np.testing.assert_allclose(found.scores_, want.scores_, rtol=1e-6, atol=1e-8)
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
    assert found.score_ == "leave_one_out"
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


LABELS = {
    "strings": np.array(["cat", "dog"]),
    "objects": np.array(["cat", "dog"], dtype=object),
    "booleans": np.array([False, True]),
    "minus one": np.array([-1, 1]),
    "floats": np.array([0.5, 1.0]) * 2,
    "unsigned": np.array([3, 200], dtype=np.uint8),
}


@pytest.mark.parametrize("estimator", [None, logistic], ids=["none", "given"])
@pytest.mark.parametrize("kind", LABELS)
def test_labels_of_any_type(kind, estimator):
    names = LABELS[kind]
    found = LabelFlagger(estimator).fit(X, names[y])
    want = LabelFlagger(estimator).fit(X, y)
    np.testing.assert_array_equal(found.scores_, want.scores_)
    np.testing.assert_array_equal(found.suggested_, names[want.suggested_])
    assert found.suggested_.dtype == names.dtype
    np.testing.assert_array_equal(found.classes_, names)
    np.testing.assert_array_equal(found.score_labels(X, names[y]), want.score_labels(X, y))


def test_labels_of_any_container(usual):
    pandas, polars = pytest.importorskip("pandas"), pytest.importorskip("polars")
    pyarrow = pytest.importorskip("pyarrow")
    names = np.array(["cat", "dog"])[y]
    for labels in (
        names.tolist(), pandas.Series(names), pandas.Series(names, dtype="category"),
        pandas.Series(names, dtype="string"), polars.Series(names), pyarrow.array(names),
        pandas.Series(y, dtype="Int64"),
    ):  # fmt: skip
        found = LabelFlagger().fit(X, labels)
        np.testing.assert_array_equal(found.scores_, usual.scores_)


REFUSED = {
    "one class": (X, np.zeros(200), "all of one class"),
    "none": (X, None, "y is None"),
    "nan": (X, np.where(np.arange(200) == 3, np.nan, y), "NaN"),
    "missing": (X, np.where(np.arange(200) == 3, None, "a"), "first in row 3"),
    "mixed": (X, np.array([1, "a"] * 100, dtype=object), "Unknown label type|cannot be sorted"),
    "two columns": (X, np.c_[y, y], "1d array"),
    "complex": (X, y + 1j, "Complex data not supported"),
    "too few": (X, y[:5], "inconsistent numbers of samples"),
    "one-dimensional": (X[:, 0], y, "Expected 2D array, got 1D"),
    "strings in an array": (np.full((200, 2), "a"), y, "could not convert string to float"),
    "empty": (X[:0], y[:0], "0 sample"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_fit_refuses(case):
    table, labels, message = REFUSED[case]
    with pytest.raises(ValueError, match=message):
        LabelFlagger().fit(table, labels)


WEIGHTS = {
    "negative": (np.r_[-1.0, np.ones(199)], "expected weights >= 0"),
    "zero": (np.zeros(200), "non-zero number"),
    "one class left": (np.where(y == 1, 1.0, 0.0), "all of one class"),
    "too few": (np.ones(5), "sample_weight.shape"),
    "nan": (np.full(200, np.nan), "NaN"),
}


@pytest.mark.parametrize("case", WEIGHTS)
def test_fit_refuses_weights(case):
    weights, message = WEIGHTS[case]
    with pytest.raises(ValueError, match=message):
        LabelFlagger().fit(X, y, sample_weight=weights)


def test_values_for_a_classifier_are_refused():
    with pytest.raises(ValueError, match="y is continuous, and LogisticRegression is a classifier"):
        LabelFlagger(LogisticRegression()).fit(X, X[:, 0])


def test_labels_for_a_regressor_are_refused():
    with pytest.raises(ValueError, match="could not convert"):
        LabelFlagger(Ridge()).fit(X, np.array(["cat", "dog"])[y])


def test_a_regressor_takes_whole_numbers_for_values():
    assert not hasattr(LabelFlagger(Ridge()).fit(X, y), "classes_")


def test_whole_numbers_that_hardly_repeat_are_values():
    prices = np.arange(200) // 1.5
    assert not hasattr(LabelFlagger().fit(X, prices.astype(int)), "classes_")
    assert hasattr(LabelFlagger().fit(X, np.arange(200) % 7), "classes_")


def test_a_hundred_classes():
    names = np.array([f"class {k:02}" for k in range(100)])
    centres = rng.normal(size=(100, 8)) * 4
    codes = np.repeat(np.arange(100), 8)
    table = centres[codes] + rng.normal(size=(800, 8))
    noisy, wrong = flip_labels(names[codes], 0.1, random_state=0)
    found = LabelFlagger().fit(table, noisy)
    assert found.loo_proba_.shape == (800, 100)
    assert found.noise_matrix_.shape == (100, 100)
    assert wrong[found.ranking_[:60]].mean() > 0.8


def test_ten_classes_of_a_given_estimator():
    table, digits = load_digits(return_X_y=True)
    noisy, wrong = flip_labels(digits[:500], 0.1, random_state=0)
    found = LabelFlagger(LogisticRegression(C=0.01, max_iter=1000)).fit(table[:500] / 16, noisy)
    assert wrong[found.ranking_[:40]].mean() > 0.9


def test_columns_are_set_output_names():
    pandas = pytest.importorskip("pandas")
    out = LabelFlagger(logistic).set_output(transform="pandas").fit_transform(X, y)
    assert isinstance(out, pandas.DataFrame)
    assert list(out.columns) == [f"x{j}" for j in range(6)]
    np.testing.assert_array_equal(out.to_numpy(), X)
