"""What an explanation shows of rows: their values, verified influences, only what was asked for."""

import datetime
import re

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skinfluence import InfluenceExplainer
from skinfluence.explainer import _most_influential
from skinfluence.targets import DecisionValue, Probability

rng = np.random.default_rng(3)
X = rng.normal(size=(60, 12)) * np.arange(1.0, 13.0)
y = np.where(X @ rng.normal(size=12) / 20 + rng.normal(size=60) > 0, "sick", "well")
exact = LogisticRegression(solver="newton-cholesky", tol=1e-12, C=0.1)
fitted = InfluenceExplainer(exact).fit(X, y)
index = [f"patient {i}" for i in range(60)]
table = pd.DataFrame(X, columns=[f"measure_{j}" for j in range(12)], index=index)


def loss(model, x, label):
    return -np.log(model.predict_proba(x)[0, list(model.classes_).index(label)])


def test_shown_rows_are_verified_by_real_refits():
    shown = fitted.explain(X[:2], y[:2], k=3, verify=True)
    for t, row in enumerate(shown):
        np.testing.assert_array_equal(row.influence, fitted.top_influences(X[:2], y[:2], k=3)[1][t])
        before = loss(clone(exact).fit(X, y), X[t : t + 1], y[t])
        for i, refit in zip(row.position, row.refit, strict=True):
            left = np.arange(60) != i
            change = loss(clone(exact).fit(X[left], y[left]), X[t : t + 1], y[t]) - before
            assert refit == pytest.approx(change, abs=1e-10)
    assert "refit" in str(shown[0]) and "refit" in shown.frame()
    assert "refit" not in fitted.explain(X[:2], y[:2], k=3).frame()


@pytest.mark.parametrize("own", ["auto", "refit"])
def test_refit_ranks_by_the_default_method_and_refits_what_is_shown(own, monkeypatch):
    refitted = []
    blocks = _most_influential.influence_blocks

    def recorded(linearization, tests, method, rows):
        refitted.extend(rows.tolist() if method == "refit" else ())
        return blocks(linearization, tests, method, rows)

    monkeypatch.setattr(_most_influential, "influence_blocks", recorded)
    explainer = InfluenceExplainer(exact, method=own).fit(X, y)
    shown = explainer.explain(X[:3], y[:3], k=4, method="refit")
    ranked = fitted.explain(X[:3], y[:3], k=4)
    assert set(refitted) == {i for row in ranked for i in row.position} and len(refitted) <= 12
    for row, want in zip(shown, ranked, strict=True):
        np.testing.assert_array_equal(row.position, want.position)
        np.testing.assert_allclose(row.influence, want.influence, rtol=1e-9)
        truth = fitted.influence(X[:3], y[:3], method="refit", rows=row.position)
        np.testing.assert_allclose(row.refit, truth[row._place], rtol=1e-9, atol=1e-13)


def test_columns_that_drive_the_prediction_are_shown_first():
    odd = X[:59]  # the median of an odd number of rows is one of them
    explainer = InfluenceExplainer(exact).fit(odd, y[:59])
    row = explainer.explain(X[59:], k=3)[0]
    model, change = explainer.estimator_, []
    for j in range(12):
        other = X[59:].copy()
        other[0, j] = np.median(odd[:, j])
        change.append(abs(model.decision_function(other) - model.decision_function(X[59:]))[0])
    assert list(row.features) == [f"x{j}" for j in np.argsort(-np.array(change))[:8]]
    for name, values in row.features.items():
        np.testing.assert_array_equal(values, odd[row.position, int(name[1:])])
        assert row.test_features[name] == X[59, int(name[1:])]


def test_of_sparse_rows_the_entries_that_count_are_shown():
    counts = sparse.random(60, 400, density=0.05, format="csr", random_state=0)
    explainer = InfluenceExplainer(LogisticRegression()).fit(counts, y)
    row = explainer.explain(counts[:1], y[:1], k=3)[0]
    there = counts[[0]].indices
    size = np.abs(explainer.estimator_.coef_[0, there] * counts[[0]].toarray()[0, there])
    assert list(row.features) == [f"x{j}" for j in there[np.argsort(-size)][:8]]
    empty = sparse.csr_array((1, 400))
    assert explainer.explain(empty, k=3)[0].features == {}


MIXED = {
    "age": rng.integers(20, 80, 60),
    "ward": rng.choice(["north", "south", "<b>east</b>"], 60),
    **{f"z{j}": rng.normal(size=60) for j in range(9)},
}
STEPS = make_column_transformer(
    (OneHotEncoder(handle_unknown="ignore"), ["ward"]),
    (StandardScaler(), ["age", *(f"z{j}" for j in range(9))]),
)


@pytest.mark.parametrize("kind", [pd.DataFrame, pl.DataFrame, pa.table])
def test_frames_of_mixed_columns_show_their_values(kind):
    frame = kind(MIXED)
    try:
        clone(STEPS).fit(frame)
    except TypeError:
        pytest.skip("the ColumnTransformer of this scikit-learn takes no such table")
    explainer = InfluenceExplainer(make_pipeline(STEPS, LogisticRegression())).fit(frame, y)
    few = frame.slice(0, 2) if hasattr(frame, "slice") else frame[:2]
    shown = explainer.explain(few, y[:2], k=3)
    chosen = list(shown[0].features)
    assert len(chosen) == 8
    arrays = InfluenceExplainer(make_pipeline(STEPS, LogisticRegression())).fit(
        pd.DataFrame(MIXED), y
    )
    assert chosen == list(arrays.explain(pd.DataFrame(MIXED)[:2], y[:2], k=3)[0].features)
    asked = explainer.explain(few, y[:2], k=3, columns=["ward", 0])
    assert list(asked[0].features) == ["ward", "age"]
    wanted = [MIXED["ward"][i] for i in asked[0].position]
    assert list(asked[0].features["ward"]) == wanted
    assert [str(v) for v in asked.frame()["ward"].to_numpy()[:3]] == wanted


def test_columns_keep_their_types_in_the_frame():
    frame = table[["measure_0"]].assign(
        ward=pd.Categorical(rng.choice(["n", "s"], 60)),
        day=pd.to_datetime("2024-02-29") + pd.to_timedelta(np.arange(60), "D"),
        influence=1.0,
    )
    columns = make_column_transformer((OneHotEncoder(), ["ward"]), ("passthrough", ["measure_0"]))
    explainer = InfluenceExplainer(make_pipeline(columns, LogisticRegression())).fit(frame, y)
    shown = explainer.explain(frame[:1], y[:1], k=2)
    out = shown.frame()
    assert out["ward"].dtype == frame["ward"].dtype and out["day"].dtype == frame["day"].dtype
    assert (out["feature_influence"] == 1.0).all()
    assert "2024-02-29" in str(shown) and "00:00" not in str(shown)


def test_columns_that_are_not_there_are_refused():
    with pytest.raises(ValueError, match=r"'dose', which is no column.* 12 columns: x0, x1"):
        fitted.explain(X[:1], columns=["dose"])
    assert fitted.explain(X[:1], k=2, columns=[])[0].features == {}


def test_helpful_and_harmful_rows_are_apart():
    row = fitted.explain(X[:1], y[:1], k=6)[0]
    signs = {"helpful": "+", "harmful": "-"}
    seen: dict = {}
    for line in str(row).splitlines():
        heading = re.match("helpful|harmful", line)
        seen.update({heading.group(): []} if heading else {})
        if seen and not heading:
            seen[list(seen)[-1]].append(re.search(r"  ([+-])\d", line).group(1))
    assert set(seen) == set(signs) and sum(map(len, seen.values())) == 6
    assert all(set(found) == {signs[effect]} for effect, found in seen.items())
    assert next(iter(seen)) == row.effect[0]


@pytest.mark.parametrize("order, sign", [("helpful", 1), ("harmful", -1)])
def test_only_the_rows_of_one_effect_are_shown(order, sign):
    everything = fitted.influence(X[:1], y[:1])[0]
    row = fitted.explain(X[:1], y[:1], k=60, order=order)[0]
    want = np.flatnonzero(sign * everything > 0)
    assert set(row.position) == set(want)
    assert (np.diff(sign * row.influence) <= 0).all()
    none = fitted.explain(X[:1], y[:1], order=order, rows=np.flatnonzero(sign * everything < 0)[:3])
    assert f"No row is {order}." in str(none) and len(none[0].row) == 0
    assert f"No row is {order}." in none._repr_html_() and len(none.frame()) == 0


def test_only_the_rows_that_were_asked_about_are_shown():
    some = [5, 17, 30]
    row = fitted.explain(X[:1], y[:1], rows=some, verify=True)[0]
    assert sorted(row.position) == some and row.share.sum() == pytest.approx(1.0)
    np.testing.assert_allclose(
        row.influence, fitted.influence(X[:1], y[:1], rows=row.position)[0], rtol=1e-9
    )


def test_the_class_of_a_probability_is_named():
    assert "probability of class sick: " in str(
        fitted.explain(X[:1], target=Probability("sick"), k=2)
    )
    row = fitted.explain(X[:1], target="predict_proba", k=2)[0]
    proba = fitted.predict_proba(X[:1])[0]
    assert row.explained_label == row.prediction == fitted.classes_[proba.argmax()]
    assert row.value == pytest.approx(proba.max()) == pytest.approx(row.probability)
    value = fitted.explain(X[:1], target="decision_function", k=2)[0]
    assert "decision value of class well" in value.title  # positive values speak for it
    three = np.array(list("abc"))[np.arange(60) % 3]
    row = InfluenceExplainer().fit(X, three).explain(X[:1], target=DecisionValue("b"))[0]
    assert "decision value of class b" in row.title and "the decision value of class b" in str(row)


def test_of_many_test_rows_ten_are_printed_and_the_others_counted():
    shown = fitted.explain(np.tile(X, (34, 1))[:2000], k=2)
    assert len(shown) == 2000 and len(shown.frame()) == 4000
    for text in str(shown), shown._repr_html_():
        assert text.count("predicted") - text.count("predicted label") == 10
        assert "1,990 more test rows" in text


HOSTILE = [
    "<script>alert(1)</script>",
    "two\nlines\r\n\tand a tab",
    "x" * 10_000,
    "\x1b[31mred\x1b[0m",
    "\u202eright to left",
    "漢字" * 30,
    "",
    None,
    float("nan"),
    "&amp;",
]


def test_hostile_values_do_no_harm():
    frame = pd.DataFrame({"<i>note</i>\n" * 9: HOSTILE * 6, "z": X[:, 0]})
    frame["when"] = [datetime.datetime(2024, 2, 29, 12, 30), pd.NaT] * 30
    frame["thing"] = [object(), {1: "<b>"}] * 30
    frame.index = HOSTILE * 6
    columns = make_column_transformer(("passthrough", ["z"]))
    explainer = InfluenceExplainer(make_pipeline(columns, LogisticRegression())).fit(frame, y)
    shown = explainer.explain(frame[:12], y[:12], k=10, order="magnitude")
    text, html = str(shown), shown._repr_html_()
    chosen = explainer.explain(frame[:2], y[:2], columns=["when", "thing"])
    text += "\n" + str(chosen)
    assert max(map(len, text.splitlines())) <= 100
    assert all(c.isprintable() for line in text.split("\n") for c in line)
    assert not re.search("<script|<i>note|<b>|\x1b|\u202e", html) and "x" * 1000 not in html
    assert "missing" in text and "2024-02-29 12:30" in text


def test_a_wide_table_stays_within_a_line():
    for columns in None, list(table.columns):
        explainer = InfluenceExplainer(LogisticRegression(max_iter=1000)).fit(table, y)
        text = str(explainer.explain(table[:2], y[:2], k=3, columns=columns))
        assert max(map(len, text.splitlines())) <= 100
    assert "measure_11" in text.replace("\n", "") and text.count("test row") >= 6


def test_test_rows_may_change_after_they_were_explained():
    buffer = X[:3].copy()
    shown = fitted.explain(buffer, k=2)
    want = str(fitted.explain(X[:3], k=2))
    buffer[:] = 0.0
    assert str(shown) == want


def test_regressions_name_what_is_explained():
    values = X[:, 0] + rng.normal(size=60)
    text = str(InfluenceExplainer(Ridge()).fit(X, values).explain(X[:1], k=4))
    assert "; predicted value: " in text and "raises the predicted value" in text
