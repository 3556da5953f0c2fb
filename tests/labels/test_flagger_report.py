"""The report of a flagger: the frames that it is, and the rows that speak against a label."""

import warnings

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.ensemble import BaggingClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.multiclass import OneVsRestClassifier

from skinfluence import LabelFlagger
from skinfluence.datasets import flip_labels
from tests.labels._tables import LIBRARIES, NUMBERS, X, column, frame, logistic, y


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
    names = [f"patient {i}" for i in np.random.default_rng(0).permutation(200)]
    index = pandas.Index(names, name="who")
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
        ({"explain": "some"}, "explain='some'. Expected 'all' or a whole number"),
        ({"explain": -1}, "explain=-1. Expected 'all' or a whole number"),
    ],
)
def test_the_report_refuses(usual, settings, message):
    with pytest.raises(ValueError, match=message):
        usual.report(**settings)


@pytest.mark.parametrize("kind", ["classes", "values"])
def test_the_summary_begins_with_three_numbers(kind):
    estimator, given = logistic, y
    if kind == "values":
        estimator, given = Ridge(), X[:, 0] + 10.0 * (np.arange(200) % 15 == 0)
    found = LabelFlagger(estimator).fit(X, given)
    summary = found.summary()
    assert 0 < summary.n_flagged == found.flagged_.sum()
    assert summary.n_wrong == pytest.approx(200 * found.noise_rate_)
    assert summary.n_wrong_std == pytest.approx(200 * found.noise_rate_std_)
    strict = LabelFlagger(estimator, contamination="strict").fit(X, given)
    assert summary.n_sure == strict.flagged_.sum()
    assert str(summary).splitlines()[0] == (
        f"Flagged: {summary.n_flagged} of 200 labels. Estimated to be wrong: {summary.n_wrong:.0f} "
        f"+- {summary.n_wrong_std:.1f}. Surely wrong: {summary.n_sure}."
    )
    assert f"<p>Flagged: {summary.n_flagged} of 200 labels." in summary._repr_html_()


def test_the_summary_names_the_flagged_rows_the_most_suspicious_first():
    pandas = pytest.importorskip("pandas")
    index = pandas.Index([f"patient {i}" for i in range(200)])
    found = LabelFlagger(logistic).fit(pandas.DataFrame(NUMBERS, index=index), y)
    summary = found.summary()
    np.testing.assert_array_equal(summary.rows, found.ranking_[: len(summary.rows)])
    assert summary.row_names.tolist() == index[summary.rows].tolist()
    assert f"patient {found.ranking_[0]}" in str(summary).splitlines()[3]


def test_the_summary_counts_labels_in_question():
    found = LabelFlagger(logistic).fit(X, y, np.r_[np.zeros(10), np.ones(190)])
    found.update(np.arange(10, 200), y[10:])
    assert str(found.summary()).startswith(
        "Flagged: 0 of 0 labels. Estimated to be wrong: 0 +- 0.0"
    )
    assert "No row is flagged." in str(found.summary())


def test_the_only_row_of_a_class_is_no_reason_for_a_warning():
    flowers, kinds = load_iris(return_X_y=True)
    rows = np.r_[0:30, 50:80, 120]
    flagger = LabelFlagger(LogisticRegression(max_iter=1000))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        table = flagger.fit(flowers[rows], kinds[rows]).report()
    assert len(table) == 61


@pytest.mark.parametrize(
    "estimator",
    [
        OneVsRestClassifier(LogisticRegression(max_iter=1000)),
        BaggingClassifier(LogisticRegression(max_iter=1000), n_estimators=2, random_state=0),
    ],
)
def test_estimators_that_pass_no_row_weights_on_have_no_explainer(estimator):
    X, y = load_iris(return_X_y=True, as_frame=True)
    flagger = LabelFlagger(estimator).fit(X[::2], flip_labels(y[::2], 0.1, random_state=0)[0])
    assert list(flagger.report()) == ["row", "given", "suggested", "quality", "flag"]
    with pytest.raises(AttributeError, match="no explainer_"):
        _ = flagger.explainer_
