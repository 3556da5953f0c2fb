"""Tables for people: the user's own frame type and row labels, with everything escaped."""

import subprocess
import sys

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skinfluence import InfluenceExplainer

rng = np.random.default_rng(0)
X = rng.normal(size=(40, 3))
labels = np.where(X[:, 0] + rng.normal(size=40) > 0, "sick", "well")
names = ["age", "dose", "weight"]
index = [f"patient {i}" for i in range(40)]
FRAMES = {
    pd.DataFrame: pd.DataFrame(X, columns=names, index=index),
    pl.DataFrame: pl.DataFrame(X, schema=names),
    pa.Table: pa.table(dict(zip(names, X.T, strict=True))),
}
COLUMNS = ["test_row", "prediction", "row", "influence", "share", "loss", "label", "effect"]
NAMED = [*COLUMNS[:3], "position", *COLUMNS[3:]]


def explainer(table=X, y=labels, **settings):
    return InfluenceExplainer(**settings).fit(table, y)


def head(table, n):
    return table.slice(0, n) if isinstance(table, pa.Table) else table[:n]


def columns(frame):
    return list(frame.column_names if isinstance(frame, pa.Table) else frame.columns)


@pytest.mark.parametrize("kind", FRAMES)
def test_tables_come_out_as_the_frames_that_went_in(kind):
    fitted = explainer(FRAMES[kind])
    frame = fitted.explain(head(FRAMES[kind], 2), k=3).frame()
    wanted = NAMED if kind is pd.DataFrame else COLUMNS
    assert type(frame) is kind and columns(frame) == [*wanted, *names] and len(frame) == 6
    diagnostics = fitted.diagnostics()
    assert type(diagnostics) is kind and len(diagnostics) == 40
    assert {"leverage", "dfbetas_dose", "dfbetas_intercept"} <= set(columns(diagnostics))
    health = fitted.health().frame()
    assert type(health) is kind and columns(health) == ["item", "value"]


@pytest.mark.parametrize("kind", FRAMES)
def test_the_numbers_do_not_depend_on_the_frame(kind):
    got = explainer(FRAMES[kind]).explain(head(FRAMES[kind], 2), k=3).frame()
    want = explainer().explain(X[:2], k=3).frame()
    np.testing.assert_allclose(
        np.asarray(got["influence"], float), want["influence"], rtol=1e-9, atol=1e-14
    )


def test_arrays_come_out_as_pandas_with_row_numbers():
    frame = explainer().explain(X[:2], labels[:2], k=4).frame()
    assert type(frame) is pd.DataFrame
    indices, values = explainer().top_influences(X[:2], labels[:2], k=4)
    np.testing.assert_array_equal(frame["row"], indices.ravel())
    np.testing.assert_allclose(frame["influence"], values.ravel(), rtol=1e-12)


def test_rows_are_named_by_the_users_index():
    table = FRAMES[pd.DataFrame]
    first = explainer(table).explain(table.iloc[5:6], k=3)[0]
    indices, _ = explainer(table).top_influences(table.iloc[5:6], k=3)
    assert first.test_row == "patient 5"
    assert list(first.row) == [index[i] for i in indices[0]]
    np.testing.assert_array_equal(first.label, labels[indices[0]])
    assert list(explainer(table).diagnostics()["row"]) == index


def test_a_duplicate_index_is_kept_as_it_is():
    table = pd.DataFrame(X, columns=names, index=["a", "b"] * 20)
    fitted = explainer(table)
    assert list(fitted.diagnostics()["row"]) == ["a", "b"] * 20
    indices, _ = fitted.top_influences(table[:1], k=6)
    assert list(fitted.explain(table[:1], k=6)[0].row) == [["a", "b"][i % 2] for i in indices[0]]


@pytest.mark.parametrize("width", [3, 12])  # of which 8 are chosen
def test_columns_may_be_named_by_numbers(width):
    wide = np.hstack([X] * 4)[:, :width]
    by_number = pd.DataFrame(wide, columns=range(width)[::-1])
    shown = [
        explainer(table).explain(table[:1], k=2)[0].test_features
        for table in (by_number, by_number.add_prefix("x"))
    ]
    assert {f"x{name}": value for name, value in shown[0].items()} == shown[1]


def test_share_loss_and_effect_say_what_they_mean():
    fitted = explainer(method="first_order")
    full = fitted.influence(X[:1])[0]
    row = fitted.explain(X[:1], k=5)[0]
    np.testing.assert_allclose(row.share, np.abs(row.influence) / np.abs(full).sum(), rtol=1e-12)
    p = LogisticRegression(tol=1e-10).fit(X, labels).predict_proba(X)
    own = -np.log(p[np.arange(40), (labels == "well").astype(int)])
    np.testing.assert_allclose(row.loss, own[row.row], rtol=1e-5)
    np.testing.assert_array_equal(row.effect == "helpful", row.influence > 0)


def test_effect_on_a_predicted_value_is_to_raise_or_to_lower_it():
    target = X @ np.arange(1.0, X.shape[1] + 1.0)
    target[3] += 5.0
    row = InfluenceExplainer(Ridge()).fit(X, target).explain(X[3:4], k=1)[0]
    assert row.row.tolist() == [3] and row.effect.tolist() == ["raises"]
    without = Ridge().fit(np.delete(X, 3, 0), np.delete(target, 3)).predict(X[3:4])
    assert without[0] < row.prediction


def test_a_row_of_weight_zero_has_no_effect():
    weight = np.ones(len(X))
    weight[5] = 0.0
    fitted = InfluenceExplainer(LogisticRegression()).fit(X, labels, weight)
    row = fitted.explain(X[:1], k=len(X))[0]
    assert row.effect[row.row == 5].tolist() == ["none"]


WITHOUT_FRAMES = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("pandas", "polars", "pyarrow"):
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Missing())
import numpy as np
from skinfluence import InfluenceExplainer

X = np.random.default_rng(0).normal(size=(40, 3))
fitted = InfluenceExplainer().fit(X, X[:, 0] + 0.3 * X[:, 1] ** 3 > 0)
frame = fitted.explain(X[:2], k=3).frame()
assert isinstance(frame, np.recarray), type(frame)
print(*frame.dtype.names, len(frame), len(fitted.diagnostics()))
assert "stationarity" in fitted.health().frame()["item"]
"""


def test_without_a_frame_library_tables_are_record_arrays():
    code = [sys.executable, "-c", WITHOUT_FRAMES]
    done = subprocess.run(code, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [*COLUMNS, "x0", "x1", "x2", "6", "40"]


def test_html_escapes_labels_and_index():
    evil = "<script>alert(1)</script>"
    table = pd.DataFrame(X, columns=names, index=[f"{evil}{i}" for i in range(40)])
    table.columns = ["age", evil, '"onclick="alert(1)']
    html = explainer(table, np.where(labels == "sick", evil, "well")).explain(table)._repr_html_()
    assert "<script" not in html and '"onclick' not in html
    assert html.count("&lt;script&gt;") > 100  # 10 titles, 10 rows each


def test_the_text_is_a_table_per_test_row():
    shown = explainer().explain(X[:2], k=3)
    text = str(shown)
    assert len(shown) == 2 and text.count("test row") == 4
    assert "influence" in text and "helpful" in text


def test_several_outputs_are_several_columns():
    values = X[:, :2] + rng.normal(size=(40, 2))
    shown = InfluenceExplainer(Ridge()).fit(X, values).explain(X[:2], k=3)
    frame = shown.frame()
    np.testing.assert_array_equal(frame[["label_0", "label_1"]], values[frame["row"]])
    want = Ridge().fit(X, values).predict(X[:2])
    np.testing.assert_allclose(frame[["prediction_0", "prediction_1"]], np.repeat(want, 3, axis=0))
    assert shown._repr_html_().count("<table>") == 2 and "prediction" not in str(shown)


def test_regressions_show_values():
    values = X[:, 0] + rng.normal(size=40)
    row = InfluenceExplainer(Ridge()).fit(X, values).explain(X[:1], k=2)[0]
    np.testing.assert_array_equal(row.label, values[row.row])
    assert row.value == pytest.approx(Ridge().fit(X, values).predict(X[:1])[0])


def test_rows_of_a_multi_index_keep_their_labels():
    index = pd.MultiIndex.from_product([["u", "v"], range(20)])
    table = pd.DataFrame(X, index=index)
    table.columns = [f"c{j}" for j in range(X.shape[1])]
    row = InfluenceExplainer(LogisticRegression()).fit(table, labels).diagnostics()["row"]
    assert row.tolist() == index.tolist()


def test_a_step_that_refuses_mixed_rows_is_told_and_the_first_columns_are_shown():
    def sums_to_one(X):
        if not np.allclose(X.sum(axis=1), 1.0):
            raise ValueError("parts of a whole must sum to 1")
        return X

    rng = np.random.default_rng(0)
    X, y = rng.dirichlet(np.ones(12), 60), rng.standard_normal(60)
    explainer = InfluenceExplainer(make_pipeline(FunctionTransformer(sums_to_one), Ridge(1.0)))
    explained = explainer.fit(X, y).explain(X[:1], y[:1], k=2)
    with pytest.warns(UserWarning, match=r"The first 8 columns .*must sum to 1\). Pass columns="):
        assert "x0" in str(explained)
    assert "x11" in str(explainer.explain(X[:1], y[:1], k=2, columns=["x11"]))


def test_the_names_it_gives_are_taken_back():
    X = pd.DataFrame(np.random.default_rng(0).standard_normal((30, 3)), columns=list("abc"))
    X.index = np.random.default_rng(1).permutation(30) + 5  # integers, of which some are positions
    explainer = InfluenceExplainer(Ridge(1.0)).fit(X, X["a"])
    frame = explainer.explain(X[:1], [0.0], k=4).frame()
    got = explainer.influence(X[:1], [0.0], rows=frame["row"])
    np.testing.assert_allclose(got[0], frame["influence"])
    named = X.set_axis([f"row {i}" for i in range(30)])
    explainer = InfluenceExplainer(Ridge(1.0)).fit(named, X["a"].to_numpy())
    frame = explainer.explain(X[:1], [0.0], k=4).frame()
    got = explainer.influence(X[:1], [0.0], rows=frame["row"].tolist())
    np.testing.assert_allclose(got[0], frame["influence"])
