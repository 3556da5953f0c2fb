"""Groups as users name them."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge

from skinfluence import InfluenceExplainer
from skinfluence.groups import group_influence, group_table
from tests.groups._tables import N_ROWS, table

LABELS = np.arange(N_ROWS) % 4


@pytest.fixture(scope="module")
def ridge():
    X, y, X_test, y_test, _ = table("values")
    return InfluenceExplainer(Ridge()).fit(X, y), X_test, y_test


@pytest.fixture(scope="module")
def expected(ridge):
    return group_influence(ridge[0], [np.flatnonzero(LABELS == k) for k in range(4)], *ridge[1:])


FORMS = {
    "labels": LABELS,
    "list of labels": LABELS.tolist(),
    "floats": LABELS / 2,
    "strings": np.array(list("abcd"))[LABELS],
    "objects": np.array(list("abcd"), dtype=object)[LABELS],
    "dates": np.datetime64("2020-01-01") + LABELS,
    "lists of rows": [np.flatnonzero(LABELS == k).tolist() for k in range(4)],
    "tuple of ranges": tuple(range(k, N_ROWS, 4) for k in range(4)),
    "negative rows": [np.flatnonzero(LABELS == k) - N_ROWS for k in range(4)],
    "list of masks": [LABELS == k for k in range(4)],
    "array of masks": LABELS == np.arange(4)[:, None],
    "dict": {f"group {k}": np.flatnonzero(LABELS == k) for k in range(4)},
}


@pytest.mark.parametrize("form", FORMS)
def test_all_forms_of_groups_say_the_same(form, ridge, expected):
    np.testing.assert_array_equal(group_influence(ridge[0], FORMS[form], *ridge[1:]), expected)


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
@pytest.mark.parametrize("kind", ["numbers", "strings"])
def test_a_column_of_the_training_frame(library, kind):
    module = pytest.importorskip(library)
    X, y, X_test, y_test, _ = table("values")
    columns = {f"x{j}": X[:, j] for j in range(4)}
    labels = LABELS.astype(float) if kind == "numbers" else np.array(list("abcd"))[LABELS]
    names = list(columns)
    model = InfluenceExplainer(_OnFloats(names))
    frame = (module.table if library == "pyarrow" else module.DataFrame)(columns | {"g": labels})
    tests = {name: X_test[:, j] for j, name in enumerate(names)} | {"g": labels[: len(X_test)]}
    tests = (module.table if library == "pyarrow" else module.DataFrame)(tests)
    explainer = model.fit(frame, y)
    by_array = InfluenceExplainer(Ridge()).fit(X, y)
    wanted = group_influence(by_array, LABELS, X_test, y_test)
    np.testing.assert_allclose(group_influence(explainer, "g", tests, y_test), wanted, rtol=1e-9)
    made = group_table(explainer, "g", tests, y_test)
    assert type(made).__module__.split(".")[0] == library


def _OnFloats(names):
    """Ridge on the named columns of a frame of any library."""
    import narwhals.stable.v1 as nw
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer

    def pick(frame):
        frame = nw.from_native(frame, eager_only=True)
        return np.column_stack([frame[name].to_numpy() for name in names])

    return make_pipeline(FunctionTransformer(pick), Ridge())


@pytest.mark.parametrize("missing", [None, np.nan, "pandas"])
def test_rows_without_a_label_are_the_last_group(missing, ridge, expected):
    labels = np.array(list("abcd"), dtype=object)[LABELS]
    if missing == "pandas":
        missing = pytest.importorskip("pandas").NA
    labels[LABELS == 2] = missing
    got = group_influence(ridge[0], labels, *ridge[1:])
    np.testing.assert_array_equal(got, expected[:, [0, 1, 3, 2]])
    made = group_table(ridge[0], labels, *ridge[1:])
    assert list(made["group"])[:3] == ["a", "b", "d"] and made["n_rows"].tolist() == [15] * 4
    assert made["group"].isna().tolist() == [False, False, False, True]


def test_numbers_that_are_missing_are_the_last_group(ridge, expected):
    labels = np.where(LABELS == 1, np.nan, LABELS)
    got = group_influence(ridge[0], labels, *ridge[1:])
    np.testing.assert_array_equal(got, expected[:, [0, 2, 3, 1]])


@pytest.mark.parametrize("missing", [None, np.nan])
def test_a_list_of_strings_keeps_the_missing_ones_apart(missing, ridge, expected):
    labels = [missing if k == 2 else "abcd"[k] for k in LABELS]
    got = group_influence(ridge[0], labels, *ridge[1:])
    np.testing.assert_array_equal(got, expected[:, [0, 1, 3, 2]])


@pytest.mark.parametrize("kind", ["pandas", "array", "unordered", "polars", "column"])
def test_categories_keep_their_order(kind, ridge):
    order, labels = ["low", "middle", "high"], np.array(["high", "low", "middle"])[LABELS % 3]
    X, y, X_test, y_test, _ = table("values")
    explainer = ridge[0]
    if kind == "polars":
        pl = pytest.importorskip("polars")
        groups = pl.Series(labels, dtype=pl.Enum([*order, "never"]))
    else:
        pd = pytest.importorskip("pandas")
        groups = pd.Categorical(labels, [*order, "never"], ordered=kind != "unordered")
        groups = groups if kind == "array" else pd.Series(groups)
    if kind == "column":
        frame = pd.DataFrame(X, columns=list("abcd")).assign(dose=groups)
        explainer = InfluenceExplainer(_OnFloats(list("abcd"))).fit(frame, y)
        groups, X_test = "dose", pd.DataFrame(X_test, columns=list("abcd")).assign(dose="low")
    made = group_table(explainer, groups, X_test, y_test)
    assert list(made["group"]) == order
    assert list(made["n_rows"]) == [int((labels == name).sum()) for name in order]


@pytest.mark.parametrize("unit", ["D", "s", "ns"])
def test_dates_name_their_groups_in_any_unit_and_missing_ones_the_last(unit, ridge, expected):
    day = (np.datetime64("2020-01-01") + LABELS).astype(f"datetime64[{unit}]")
    day[LABELS == 2] = np.datetime64("NaT", unit)
    made = group_table(ridge[0], day, *ridge[1:])
    np.testing.assert_allclose(made["influence"], expected[:, [0, 1, 3, 2]].mean(axis=0))
    dates = ["2020-01-01", "2020-01-02", "2020-01-04", "NaT"]
    assert [str(date)[:10] for date in made["group"]] == dates


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
@pytest.mark.parametrize("names", [(1, "a"), (("a", 1), ("b", 2)), (1, ("b", 2))], ids=str)
def test_a_table_takes_names_of_any_type(library, names):
    module = pytest.importorskip(library)
    X, y, *_ = table("values")
    columns = {f"x{j}": X[:, j] for j in range(4)}
    frame = (module.table if library == "pyarrow" else module.DataFrame)(columns)
    explainer = InfluenceExplainer(_OnFloats(list(columns))).fit(frame, y)
    made = group_table(explainer, dict(zip(names, ([1], [2, 3]), strict=True)), frame, y)
    got = made["group"].to_pylist() if library == "pyarrow" else made["group"].to_list()
    assert got == (list(names) if library == "pandas" else [str(name) for name in names])


def test_without_any_label_all_rows_are_one_group(ridge):
    made = group_table(ridge[0], np.full(N_ROWS, np.nan), *ridge[1:], method="first_order")
    assert made["n_rows"].tolist() == [60]


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        (LABELS[:-1], r"shape \(59,\); expected \(60,\), one label for each training row"),
        (LABELS == 1, r"one mask of 60 entries. Pass \[mask\]"),
        (LABELS[:, None], r"shape \(60, 1\); expected \(60,\)"),
        ([LABELS == 1, LABELS[:5] == 1], r"Group 1: rows is a mask of shape \(5,\)"),
        ([[1, 2], [60]], "Group 1: rows holds numbers from 60 to 60; expected 0 to 59"),
        ({"odd": [1.5]}, "Group 'odd': rows has shape"),
        ([[1, 2], 3], "mixes lists and single values"),
        (np.array([1, "a"] * 30, dtype=object), r"labels of several types \(int, str\)"),
        ("g", "names a column, but the training data came as ndarray"),
        ([1, "a"] * 30, r"labels of several types \(int, str\)"),
        (None, "groups is NoneType; expected one label for each of the 60"),
        (3, "groups is int; expected"),
        ((rows for rows in [[1, 2]]), "groups is generator; expected"),
    ],
    ids=range(13),
)
def test_groups_that_mean_nothing_are_refused(groups, message, ridge):
    with pytest.raises(ValueError, match=message):
        group_influence(ridge[0], groups, *ridge[1:])


def test_an_unknown_column_is_refused_with_the_known_ones():
    pd = pytest.importorskip("pandas")
    X, y, _, _, _ = table("values")
    explainer = InfluenceExplainer(Ridge()).fit(pd.DataFrame(X, columns=list("abcd")), y)
    with pytest.raises(ValueError, match=r"'e' is no column.*\['a', 'b', 'c', 'd'\]"):
        group_influence(explainer, "e", pd.DataFrame(X, columns=list("abcd")))


@pytest.mark.parametrize("function", [group_influence, group_table])
def test_only_a_fitted_explainer_is_asked(function, ridge):
    X, y, *_ = table("values")
    with pytest.raises(TypeError, match="explainer is Ridge; expected an InfluenceExplainer"):
        function(Ridge().fit(X, y), LABELS, X)
    with pytest.raises(ValueError, match="not fitted"):
        function(InfluenceExplainer(Ridge()), LABELS, X)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"method": "third_order"}, r"method='third_order' is not known. Expected one of"),
        ({"target": "margin"}, "target='margin' is not known"),
        ({"X_test": np.zeros((0, 4)), "y_test": []}, "minimum of 1 is required|0 sample"),
        ({"X_test": np.full((2, 4), np.nan), "y_test": [0, 1]}, "NaN"),
        ({"X_test": np.zeros((2, 3)), "y_test": [0, 1]}, "3 features"),
        ({"y_test": [0, 1]}, "X_test has 7 rows but y_test has 2"),
    ],
    ids=str,
)
def test_questions_that_mean_nothing_are_refused(changed, message, ridge):
    asked = {"groups": LABELS, "X_test": ridge[1], "y_test": ridge[2]} | changed
    with pytest.raises(ValueError, match=message):
        group_influence(ridge[0], **asked)


def test_unknown_labels_are_refused():
    X, y, X_test, _, _ = table("two classes")
    explainer = InfluenceExplainer(LogisticRegression()).fit(X, y)
    with pytest.raises(ValueError, match=r"not trained on: \['perhaps'\]"):
        group_influence(explainer, LABELS, X_test[:1], ["perhaps"])
