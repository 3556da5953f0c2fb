"""Names in, names out: what shows a training row by its name takes it back by that name."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge

from skinfluence import InfluenceExplainer, LabelFlagger
from skinfluence._utils.rows import NamedRows
from skinfluence.components import influence_components
from skinfluence.groups import (
    group_influence,
    group_table,
    most_influential_group,
    smallest_flipping_set,
)
from skinfluence.perturbation import (
    perturbation_influence,
    relabel_influence,
    replacement_influence,
)
from skinfluence.selection import relative_influence, select_diverse, select_prototypes
from skinfluence.targets import WeightedSum, WorstGroupLoss

pd = pytest.importorskip("pandas")

N = 60
rng = np.random.default_rng(0)
DATA = rng.normal(size=(N, 3))
LABELS = (DATA[:, 0] + rng.normal(size=N) > 0).astype(int)
SHUFFLED = rng.permutation(N)
INDEXES = {
    "strings": pd.Index([f"row {i}" for i in SHUFFLED]),
    "dates": pd.date_range("2020-01-01", periods=N)[SHUFFLED],
    "dates with a zone": pd.date_range("2020-01-01", periods=N, tz="Europe/Paris")[SHUFFLED],
    "periods": pd.period_range("2020-01", periods=N, freq="M")[SHUFFLED],
    "categories": pd.CategoricalIndex([f"row {i}" for i in SHUFFLED]),
    "tuples": pd.MultiIndex.from_product([list("abc"), range(20)])[SHUFFLED],
    "floats": pd.Index(SHUFFLED / 2 + 0.25),
    "shuffled": pd.Index(SHUFFLED),
    "named": pd.Index(SHUFFLED, name="id"),
    "part of a larger table": pd.Index(SHUFFLED + 30),
    "default": pd.RangeIndex(N),
}


def fitted(index):
    X = pd.DataFrame(DATA, index=INDEXES[index], columns=list("abc"))
    return InfluenceExplainer(LogisticRegression()).fit(X, LABELS), X


@pytest.fixture(params=["strings", "dates with a zone", "tuples", "shuffled"], scope="module")
def explained(request):
    return fitted(request.param)


@pytest.mark.parametrize("index", INDEXES)
@pytest.mark.parametrize("y", [None, pd.Series(LABELS)], ids=["labels without", "labels with"])
def test_names_of_rows_are_taken_back(index, y):
    index = INDEXES[index]
    known = NamedRows(pd.DataFrame(DATA, index=index), y)
    positions = np.array([7, 3, 50, 3])
    names = known.names(positions)
    assert names.tolist() == index[positions].tolist()
    column = known.table(positions, {})["row"]  # with an index of its own
    assert column.tolist() == names.tolist()
    for rows in (names, column, positions, positions.tolist(), positions - N):
        np.testing.assert_array_equal(known.positions(rows), positions)
    if index.dtype.kind not in "iu":
        np.testing.assert_array_equal(known.positions(index[positions].tolist()), positions)
        np.testing.assert_array_equal(known.positions(index.to_numpy()[positions]), positions)
        np.testing.assert_array_equal(known.positions(pd.Index(positions)), positions)


def test_rows_that_explain_shows_are_taken_back(explained):
    explainer, X = explained
    made = explainer.explain(X[:1], LABELS[:1], k=5)
    frame = made.frame()
    # of a table in columns' order, few rows and all may differ in the last digit of a product
    expected = explainer.influence(X[:1], LABELS[:1], rows=made[0].position.tolist())[0]
    np.testing.assert_array_max_ulp(expected, np.asarray(frame.influence), maxulp=4)
    for rows in (frame.row, frame["row"], frame.position, made[0].row, made[0].position):
        got = explainer.influence(X[:1], LABELS[:1], rows=rows)[0]
        np.testing.assert_array_equal(got, expected)


ASKED = {
    "influence": lambda e, X, rows: e.influence(X[:2], LABELS[:2], rows=rows),
    "coef_influence": lambda e, X, rows: e.coef_influence(rows=rows),
    "relative": lambda e, X, rows: relative_influence(e, X[:2], LABELS[:2], rows=rows),
    "components": lambda e, X, rows: influence_components(e, X[:2], rows=rows).rows,
    "perturbation": lambda e, X, rows: perturbation_influence(e, X[:2], rows=rows),
    "relabel": lambda e, X, rows: relabel_influence(e, X[:2], rows=rows),
    "replacement": lambda e, X, rows: replacement_influence(e, rows, X[:4], None, X[:2]),
    "diverse": lambda e, X, rows: select_diverse(e, 2, rows=rows).rows,
    "prototypes": lambda e, X, rows: select_prototypes(e, 2, X, LABELS, rows=rows).rows,
    "group": lambda e, X, rows: group_influence(e, [rows], X[:2], LABELS[:2]),
    "groups by name": lambda e, X, rows: group_influence(e, {"a": rows}, X[:2], LABELS[:2]),
}


@pytest.mark.parametrize("question", ASKED)
@pytest.mark.parametrize("index", ["strings", "tuples", "named"])
def test_every_question_takes_names(question, index):
    explainer, X = fitted(index)
    positions = np.array([7, 3, 50, 11])
    asked = ASKED[question]
    wanted = asked(explainer, X, positions)
    np.testing.assert_array_equal(asked(explainer, X, explainer.row_names_[positions]), wanted)
    if index != "named":
        np.testing.assert_array_equal(asked(explainer, X, X.index[positions].tolist()), wanted)


def test_groups_of_pandas_are_read_by_name_and_by_position(explained):
    explainer, X = explained
    sides = pd.Series(np.where(X.a > 0.3, "large", "small"), index=X.index)
    wanted = group_influence(explainer, sides, X[:2], LABELS[:2])
    for groups in (X.groupby(sides).groups, X.groupby(sides).indices):
        got = group_influence(explainer, groups, X[:2], LABELS[:2])
        np.testing.assert_array_equal(got, wanted)
    assert group_table(explainer, X.groupby(sides).groups, X)["group"].tolist() == [
        "large",
        "small",
    ]


def test_tables_of_training_rows_keep_their_index(explained):
    explainer, X = explained
    for frame in (
        explainer.diagnostics(),
        LabelFlagger(LogisticRegression()).fit(X, LABELS).report(),
    ):
        assert frame.index.equals(X.index)
        assert frame["row"].tolist() == X.index.tolist()


@pytest.mark.parametrize("labels", ["array", "series"])
def test_an_array_takes_the_names_of_its_labels(labels):
    index = INDEXES["shuffled"]
    y = pd.Series(LABELS, index=index) if labels == "series" else LABELS
    explainer = InfluenceExplainer(LogisticRegression()).fit(DATA, y)
    names = index if labels == "series" else np.arange(N)
    assert explainer.row_names_.tolist() == names.tolist()
    flagger = LabelFlagger(LogisticRegression()).fit(DATA, y)
    assert flagger.row_names_.tolist() == flagger.explainer_.row_names_.tolist() == names.tolist()


def test_results_name_their_rows(explained):
    explainer, X = explained
    (flipping,) = smallest_flipping_set(explainer, X[:1])
    group = most_influential_group(explainer, X[:3], LABELS[:3], n_rows=4)
    with_names = [
        (flipping.rows, flipping.row_names),
        (flipping.predicted_rows, flipping.predicted_row_names),
        (group.rows, group.row_names),
        (group.additive.rows, group.additive.row_names),
    ]
    for picked in (
        select_diverse(explainer, 4),
        select_prototypes(explainer, 3, X, LABELS),
        influence_components(explainer, X[:1], LABELS[:1], rows=[3, 5]),
    ):
        with_names.append((picked.rows, picked.row_names))
    for rows, names in with_names:
        assert len(rows) and names.tolist() == X.index[rows].tolist()
        np.testing.assert_array_equal(explainer.training_rows_.positions(names), rows)
    frame = influence_components(explainer, X[:1], LABELS[:1], rows=[3, 5]).frame()
    assert frame["row"].tolist() == X.index[[3, 5]].tolist()
    assert frame["position"].tolist() == [3, 5]


def test_health_names_rows_of_high_leverage():
    far = pd.DataFrame(np.r_[DATA[:, :1], [[300.0]]], index=[f"row {i}" for i in range(N + 1)])
    y = np.r_[LABELS, 0]
    health = InfluenceExplainer(Ridge()).fit(far.rename(columns=str), y).health()
    assert health.high_leverage.tolist() == [N]
    assert health.high_leverage_names.tolist() == [f"row {N}"] and f"rows row {N}" in str(health)


def test_reviews_go_by_name(explained):
    _, X = explained
    given = np.where(np.arange(N) < 8, 1 - LABELS, LABELS)
    flagger = LabelFlagger(LogisticRegression()).fit(X, given)
    sheet = flagger.suggest_review(6, as_frame=True)
    wanted = flagger.suggest_review(6)
    assert sheet["position"].tolist() == wanted.tolist()
    assert sheet["row"].tolist() == X.index[wanted].tolist()
    truth = pd.Series(LABELS, index=X.index)
    flagger.update(sheet["row"], truth.iloc[wanted])
    assert np.flatnonzero(flagger.reviewed_).tolist() == sorted(wanted)
    left = flagger.report().query("flag")["row"]
    flagger.update(left, truth.loc[left])
    assert flagger.reviewed_.sum() == 6 + len(left)
    against = flagger.report(explain="all")["against_1"].dropna()
    assert (
        flagger.training_rows_.positions(against).tolist() == X.index.get_indexer(against).tolist()
    )


def test_integers_are_positions_in_plain_containers():
    explainer, _ = fitted("shuffled")
    positions = explainer.training_rows_.positions
    for rows in ([3, 7], (3, 7), np.array([3, 7]), range(3, 8, 4), np.array([3, 7], dtype=object)):
        assert positions(rows).tolist() == [3, 7]
    assert positions([-1]).tolist() == [N - 1]
    assert positions(pd.Series([3, 7], name="position")).tolist() == [3, 7]


@pytest.mark.parametrize("kind", [pd.Index, pd.Series])
def test_integers_that_may_be_names_or_positions_are_refused_with_both_repairs(kind):
    explainer, X = fitted("shuffled")
    rows = kind([3, 7])
    with pytest.raises(ValueError, match=r"both names in the index .* and positions") as refused:
        explainer.influence(X[:1], rows=rows)
    message = str(refused.value)
    for advice, wanted in (
        ("X.index.get_indexer(rows)", X.index.get_indexer([3, 7])),
        ("rows.to_numpy()", [3, 7]),
    ):
        assert advice in message
        got = explainer.training_rows_.positions(eval(advice))
        np.testing.assert_array_equal(got, wanted)
    assert 'X.index.name = "id"' in message
    X.index.name = "id"
    explainer = InfluenceExplainer(LogisticRegression()).fit(X, LABELS)
    found = explainer.training_rows_.positions(X.index[[4, 9]])
    assert found.tolist() == [4, 9]


def test_a_name_that_no_row_has_is_never_a_position():
    explainer, X = fitted("part of a larger table")  # names from 30 to 89
    for rows in (pd.Index([3]), pd.Series([40, 3]), X.index[:2].append(pd.Index([3]))):
        with pytest.raises(ValueError, match="no training row is called") as refused:
            explainer.influence(X[:1], rows=rows)
        assert str(refused.value).endswith("Pass rows.to_numpy() if they are positions.")
    assert explainer.training_rows_.positions(X.index[:20]).tolist() == list(range(20))


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["row 3", "row 99"], r"holds \['row 99'\], which no training row is called"),
        (["row 3", 4], "mixes integers and names"),
        ("row 3", r"Pass \['row 3'\] for one row"),
        ([1.5], "expected a list of training row numbers, names of their index, or a boolean mask"),
        (["row 3", "row 3"], None),
    ],
    ids=str,
)
def test_names_that_mean_nothing_are_refused(rows, message):
    explainer, X = fitted("strings")
    if message is None:
        assert explainer.influence(X[:1], rows=rows).shape == (1, 2)
        return
    with pytest.raises(ValueError, match=message):
        explainer.influence(X[:1], rows=rows)


def test_a_name_of_several_rows_is_refused_and_those_of_one_are_not():
    X = pd.DataFrame(DATA, columns=list("abc"), index=["twin", "twin", *map(str, range(2, N))])
    explainer = InfluenceExplainer(LogisticRegression()).fit(X, LABELS)
    with pytest.raises(ValueError, match=r"\['twin'\], names that several training rows have"):
        explainer.coef_influence(rows=["twin", "4"])
    assert explainer.training_rows_.positions(["4", "2"]).tolist() == [4, 2]


def test_dates_may_be_written_as_text():
    explainer, X = fitted("dates")
    dates = [str(day.date()) for day in X.index[[5, 2]]]
    assert explainer.training_rows_.positions(dates).tolist() == [5, 2]


def test_masks_and_labels_in_another_order_are_refused_and_the_repair_runs():
    explainer, X = fitted("strings")
    groups = pd.Series(np.where(X.a > 0, "large", "small"), index=X.index)
    wanted = group_influence(explainer, groups, X[:2])
    mixed = groups.sample(frac=1, random_state=0)
    with pytest.raises(ValueError, match=r"in another order.*groups.loc\[X.index\]"):
        group_influence(explainer, mixed, X[:2])
    got = group_influence(explainer, mixed.loc[X.index], X[:2])
    np.testing.assert_array_equal(got, wanted)
    with pytest.raises(ValueError, match=r"rows is a pandas object .* names of other rows"):
        explainer.influence(X[:2], rows=(groups == "large").rename(lambda name: name + "!"))
    plain = (groups == "large").reset_index(drop=True)  # a default index says nothing
    assert explainer.training_rows_.positions(plain).tolist() == np.flatnonzero(plain).tolist()


def test_what_belongs_to_test_rows_in_another_order_is_refused():
    explainer, X = fitted("strings")
    tests, y_test = X[:9], pd.Series(LABELS[:9], index=X.index[:9])
    groups = y_test.copy()
    wanted = explainer.influence(tests, y_test, target=WorstGroupLoss(groups))
    for arguments, name in (
        ((y_test[::-1], "loss"), "y_test"),
        ((y_test, WorstGroupLoss(groups[::-1])), "groups"),
        ((y_test, WeightedSum(weights=pd.Series(1.0, groups.index[::-1]))), "weights"),
    ):
        with pytest.raises(ValueError, match=f"{name} is a pandas .* of X_test are.*X_test.index"):
            explainer.influence(tests, arguments[0], target=arguments[1])
    other = [y_test.reset_index(drop=True), groups.add_prefix("another name of ")]
    got = explainer.influence(tests, other[0], target=WorstGroupLoss(other[1]))
    np.testing.assert_array_equal(got, wanted)


def test_labels_of_a_review_in_another_order_are_refused():
    _, X = fitted("strings")
    truth = pd.Series(LABELS, index=X.index)
    flagger = LabelFlagger(LogisticRegression()).fit(X, truth)
    rows = X.index[[9, 4]]
    with pytest.raises(ValueError, match=r"labels is a pandas object .* in another order"):
        flagger.update(rows, truth[truth.index.isin(rows)])
    assert flagger.update(rows, truth.loc[rows]).reviewed_.sum() == 2
