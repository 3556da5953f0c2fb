"""Reports: what they say, what they hold, and that data never become markup."""

import base64
import configparser
import hashlib
import html
import json
import re
from fnmatch import fnmatch
from html.parser import HTMLParser

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression, Ridge

from skinfluence import InfluenceExplainer, LabelFlagger
from skinfluence.report import _explanations, audit_report, explanation_report
from skinfluence.report._figures import draw_svg
from tests._data import ROOT


def data_of(report):
    """What the scripts of a page read."""
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', report.html)
    return json.loads(found[1])


def words_of(report):
    return html.unescape(report.html)


class Elements(HTMLParser):
    """Names of elements with their attributes."""

    def __init__(self, page):
        super().__init__()
        self.found = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


def test_the_summary_has_the_numbers_of_the_flagger(report, flagger):
    summary = flagger.summary()
    words = words_of(report)
    assert f"{summary.n_flagged} of 150 labels look wrong" in words
    assert f"{summary.n_wrong_std:.1f} (standard error)" in words
    pairs = data_of(report)["rows"]
    count = sum(r["flagged"] and r["given"] == "setosa" for r in pairs)
    assert count == np.sum(flagger.flagged_ & (flagger.report()["given"] == "setosa"))


def test_rows_are_the_most_suspicious_ones_with_their_opponents(report, flagger):
    table = flagger.report(n_against=3)
    rows = data_of(report)["rows"]
    assert [row["id"] for row in rows] == flagger.ranking_[:60].tolist()
    for row in rows[: int(flagger.flagged_.sum())]:
        lines = {
            side: [x for x in row["lines"] if x["side"] == side] for side in ("opposes", "supports")
        }
        against = [table.loc[row["id"], f"against_{j}"] for j in (1, 2, 3)]
        assert [x["name"] for x in lines["opposes"]] == [str(a) for a in against if a is not None]
        assert row["name"] not in [x["name"] for x in lines["supports"]]
        assert all(x["influence"] > 0 for x in lines["supports"])
        assert row["score"] == pytest.approx(1 - flagger.label_quality_[row["id"]], abs=1e-6)


def test_supporting_rows_are_those_of_largest_influence(report, flagger):
    row = data_of(report)["rows"][0]
    X = flagger.explainer_.X_train_.iloc[[row["id"]]]
    influence = flagger.explainer_.influence(X, [row["given"]])[0]
    influence[row["id"]] = -np.inf
    expected = np.argsort(-influence)[:3]
    supports = [int(x["name"]) for x in row["lines"] if x["side"] == "supports"]
    assert supports == expected.tolist()


def test_the_policy_allows_this_script_and_style_only(report):
    page = report.html
    policy = Elements(page).found
    policy = next(a["content"] for t, a in policy if a.get("http-equiv"))
    for element in ("script", "style"):
        content = re.search(rf"<{element}>(.*?)</{element}>", page, re.S)[1]
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{element}-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy and "unsafe" not in policy
    assert " style=" not in re.sub(r"<script.*?</script>", "", page, flags=re.S)


def test_figures_have_both_themes_and_a_text(report):
    figure = re.search(r"<svg.*?</svg>", report.html, re.S)[0]
    assert "currentColor" in figure and "#010203" not in figure
    assert 'role="img" aria-label="Left, histogram' in figure
    named = re.findall(r' id="(.*?)"', figure)
    assert len(named) == len(set(named)) and all(name.startswith("f1-") for name in named)
    assert set(re.findall(r"#(f1-[^\")]*)", figure)) <= set(named)


@pytest.mark.parametrize("which", ["report", "hostile_report"])
def test_a_page_loads_nothing(which, request):
    page = request.getfixturevalue(which).html
    for tag, attributes in Elements(page).found:
        assert tag not in ("link", "iframe", "object", "embed", "base")
        for name in ("src", "href"):
            assert attributes.get(name, "#").startswith(("#", "data:"))
        assert not [name for name in attributes if name.startswith("on")]


def test_hostile_cells_are_data_and_no_markup(hostile_report):
    page = hostile_report.html
    assert [t for t, _ in Elements(page).found].count("script") == 2
    assert "<img" not in page
    rows = data_of(hostile_report)["rows"]
    texts = [v for row in rows for line in row["lines"] for v in line["values"]]
    assert any(text.startswith("<script>") for text in texts)
    assert max(map(len, texts)) <= 403
    assert not [text for text in texts if "\u202e" in text or "\0" in text]
    assert "null\0byte" in data_of(hostile_report)["labels"]


def test_two_hundred_rows_take_less_than_a_megabyte(hostile_report):
    X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    report = audit_report(LabelFlagger(LogisticRegression(C=1e-4, max_iter=10_000)).fit(X, y))
    assert len(data_of(report)["rows"]) == 200
    assert len(data_of(report)["rows"][0]["columns"]) == 8
    assert len(report.html.encode()) < 1e6
    assert len(hostile_report.html.encode()) < 1e6


def test_the_same_report_is_the_same_page(report, flagger):
    assert data_of(audit_report(flagger, n_rows=60)) == data_of(report)
    assert data_of(audit_report(flagger, n_rows=59))["report"] != data_of(report)["report"]


def test_reviewed_rows_are_not_listed_again(flagger):
    iris = flagger.explainer_.X_train_
    again = LabelFlagger(representation="linear").fit(iris, flagger.report()["given"])
    first = int(again.ranking_[0])
    again.update([first], ["setosa"])
    assert first not in [row["id"] for row in data_of(audit_report(again, n_rows=150))["rows"]]


def test_cross_validated_models_have_rows_without_others():
    X, y = load_breast_cancer(return_X_y=True)
    forest = RandomForestClassifier(5, random_state=0)
    rows = data_of(audit_report(LabelFlagger(forest).fit(X[:200], y[:200]), n_rows=5))["rows"]
    assert [len(row["lines"]) for row in rows] == [1] * 5
    assert rows[0]["columns"] == [f"x{j}" for j in range(8)]


def test_values_of_a_regression():
    X, y = load_diabetes(return_X_y=True)
    y[::40] += 400
    report = audit_report(LabelFlagger(Ridge(0.1)).fit(X, y), n_rows=20)
    data = data_of(report)
    assert "values look wrong" in words_of(report) and data["kind"] == "values"
    assert data["rows"][0]["given"] == f"{y[data['rows'][0]['id']]:.15g}"


def test_values_are_given_as_the_file_has_them():
    X, y = load_diabetes(return_X_y=True)
    y = y / 7
    rows = data_of(audit_report(LabelFlagger(Ridge(0.1)).fit(X, y), n_rows=9, k=0))["rows"]
    assert [float(row["given"]) for row in rows] == y[[row["id"] for row in rows]].tolist()


def test_images_are_shown_as_images():
    X, y = load_digits(return_X_y=True)
    X, y = X[:300], y[:300]
    flagger = LabelFlagger(LogisticRegression(C=0.01, max_iter=1000)).fit(X, y)
    for how in ({"image_shape": (8, 8)}, {"images": X.reshape(-1, 8, 8)}):
        data = data_of(audit_report(flagger, n_rows=3, **how))
        shown = [data["pictures"][str(x["picture"])]["image"] for x in data["rows"][0]["lines"]]
        assert all(base64.b64decode(x.split(",")[1])[:4] == b"\x89PNG" for x in shown)
        assert len(set(shown)) == len(shown) == 7
    with pytest.raises(ValueError, match="needs 81 columns; the table has 64"):
        audit_report(flagger, image_shape=(9, 9))
    explainer = InfluenceExplainer(LogisticRegression(C=0.01, max_iter=1000)).fit(X, y)
    page = explanation_report(explainer, X[:1], image_shape=(8, 8), k=2).html
    assert page.count("<img src=") == 5


def test_image_files_are_made_small_and_those_that_cannot_be_shown_are_named(tmp_path, flagger):
    images = pytest.importorskip("PIL.Image")
    folder = tmp_path / "table"
    folder.mkdir()
    names = [f"{i}.{'png' if i % 2 else 'jpg'}" for i in range(150)]
    noise = np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    for i, name in enumerate(names):
        images.fromarray(noise // (1 + i % 3)).save(folder / name)
    first = flagger.ranking_[:5]
    images.fromarray(noise).save(tmp_path / "secret.png")
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    (folder / "words.png").write_text("<script>")
    wrong = ["absent.png", "../secret.png", str(tmp_path / "secret.png"), "link.png", "words.png"]
    for row, name in zip(first, wrong, strict=True):
        names[row] = name
    report = audit_report(flagger, n_rows=100, images=names, image_folder=folder)
    data = data_of(report)
    missing = [data["pictures"][str(row)]["missing"] for row in first]
    assert [one.split(": ")[1] for one in missing] == [
        "there is no such file",
        *["outside of the folder of the table"] * 3,
        "no PNG or JPEG file that can be read",
    ]
    assert all(name in one for name, one in zip(wrong[:2], missing[:2], strict=True))
    shown = [one for one in data["pictures"].values() if "image" in one]
    assert all(one["image"].startswith("data:image/jpeg;base64,") for one in shown)
    assert len(shown) > 40 and len(report.html) < 1_000_000
    with pytest.raises(
        ValueError, match=r"images is a list of shape \(150, 2, 2\). .* grey values"
    ):
        audit_report(flagger, images=[np.eye(2)] * 150)
    with pytest.raises(ValueError, match=r"image_shape=9. Expected a pair \(height, width\)"):
        audit_report(flagger, image_shape=9)
    with pytest.raises(ValueError, match="images has 3 entries for 150 training rows"):
        audit_report(flagger, images=names[:3])


def test_an_explanation_has_the_rows_of_the_explainer():
    X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    explainer = InfluenceExplainer(LogisticRegression(C=1e-3, max_iter=10_000)).fit(
        X[:300], y[:300]
    )
    report = explanation_report(explainer, X[300:302], y[300:302], k=2)
    for order in ("harmful", "helpful"):
        for row in explainer.explain(X[300:302], y[300:302], k=2, order=order):
            assert all(f"<bdi>{name}</bdi>" in report.html for name in row.row)
    assert report.html.count(">harmful</th>") == 4
    with pytest.raises(ValueError, match="Expected at most 200"):
        explanation_report(explainer, X)


def test_an_explanation_takes_its_influences_once(monkeypatch):
    X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    explainer = InfluenceExplainer(LogisticRegression(C=1e-3, max_iter=10_000)).fit(
        X[:300], y[:300]
    )
    asked, ranked = [], InfluenceExplainer._strongest

    def strongest(self, tests, *settings):
        asked.append(tests.n_values)
        return ranked(self, tests, *settings)

    monkeypatch.setattr(InfluenceExplainer, "_strongest", strongest)
    monkeypatch.setattr(_explanations, "draw_svg", draw_svg)
    page = explanation_report(explainer, X[300:304], y[300:304], k=2).html
    assert asked == [4] and page.count("<figure>") == 3


def test_invalid_settings_are_refused(flagger):
    with pytest.raises(ValueError, match="at most 1,000"):
        audit_report(flagger, n_rows=1001)
    with pytest.raises(ValueError, match="k=-1"):
        audit_report(flagger, k=-1)
    with pytest.raises(ValueError, match="pass its key too"):
        audit_report(flagger, rows=np.arange(150))
    key = {"table": "t.csv", "sha256": "0" * 64, "rows": 150, "target": "y"}
    with pytest.raises(ValueError, match=r"Expected \['rows', 'sha256', 'table', 'target'\]"):
        audit_report(flagger, key={"table": "t.csv"})
    for wrong in ({"key": key | {"rows": 151}}, {"key": key, "rows": [0, 1]}):
        with pytest.raises(ValueError, match="rows, the flagger of 150"):
            audit_report(flagger, **wrong)
    with pytest.raises(NotFittedError):
        audit_report(LabelFlagger())
    with pytest.raises(TypeError, match="Expected a fitted LabelFlagger"):
        audit_report(flagger.explainer_)
    several = LabelFlagger(representation="linear")
    y = (flagger.report()["given"] == "setosa").to_numpy()
    several.fit(flagger.explainer_.X_train_, np.column_stack([y, ~y]))
    with pytest.raises(ValueError, match="several columns of y"):
        audit_report(several)


def test_notebooks_show_the_page_in_a_frame(report):
    (frame,) = Elements(report._repr_html_()).found
    assert frame[0] == "iframe" and frame[1]["srcdoc"] == report.html
    assert "allow-same-origin" not in frame[1]["sandbox"]


def test_a_page_is_written_as_it_is(report, tmp_path):
    report.write_html(tmp_path / "a.html")
    assert (tmp_path / "a.html").read_bytes() == report.html.encode()


def test_templates_scripts_and_styles_are_in_the_wheel():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    patterns = config["options.package_data"]["skinfluence.report"].split()
    folder = ROOT / "skinfluence" / "report"
    files = [p.relative_to(folder).as_posix() for p in folder.glob("*/*") if p.suffix != ".pyc"]
    assert len(files) >= 9
    assert [f for f in files if not any(fnmatch(f, pattern) for pattern in patterns)] == []
