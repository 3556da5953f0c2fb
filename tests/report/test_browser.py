"""Pages in a browser: a review by keyboard, accessibility, hostile cells."""

import pytest

from skinfluence import InfluenceExplainer
from skinfluence._utils.decisions import read_decisions
from skinfluence.report import explanation_report
from tests.report._chromium import Watched, launch, violations


@pytest.fixture(scope="module")
def browser():
    with launch() as started:
        yield started


@pytest.fixture(scope="module")
def urls(browser, report, hostile_report, flagger, tmp_path_factory):
    """Addresses of written pages, by name."""
    folder = tmp_path_factory.mktemp("pages")
    X, y = flagger.explainer_.X_train_, flagger.report()["given"]
    explanation = explanation_report(InfluenceExplainer().fit(X / 10, y), X[:2] / 10, y[:2])
    pages = {"audit": report, "hostile": hostile_report, "explanation": explanation}
    for name, page in pages.items():
        page.write_html(folder / f"{name}.html")
    return {name: (folder / f"{name}.html").as_uri() for name in pages}


@pytest.fixture
def context(browser):
    made = browser.new_context(viewport={"width": 1200, "height": 900}, accept_downloads=True)
    yield made
    made.close()


def exported(watched, kind, folder):
    """A decisions file as the page exports it."""
    with watched.page.expect_download() as started:
        watched.page.click(f"#export-{kind}")
    path = folder / f"decisions.{kind}"
    started.value.save_as(path)
    return path


def row_ids(page):
    return page.eval_on_selector_all("#rows tbody tr", "all => all.map(e => Number(e.dataset.id))")


def test_thirty_rows_are_reviewed_by_keyboard(context, urls, report, flagger, tmp_path):
    watched = Watched(context, urls["audit"])
    page = watched.page
    page.focus("#filter")
    page.keyboard.press("End")  # all rows
    page.focus("#detail-title")
    rows = row_ids(page)
    assert rows == flagger.ranking_[:60].tolist()
    for i in range(30):
        if i == 29:
            watched.press("e")
            page.keyboard.type("=not a, formula\u202e")
            watched.press("Escape")
        watched.press("skdu"[i % 4] if i != 7 else "l")
        if i == 7:
            page.keyboard.press("Home")
            watched.press("Enter")
    assert "Now row" in watched.text("#status")
    before = exported(watched, "csv", tmp_path).read_text("utf-8")
    page.reload()
    csv, json = (exported(watched, kind, tmp_path) for kind in ("csv", "json"))
    assert csv.read_text("utf-8") == before
    key, decisions = read_decisions(csv)
    assert read_decisions(json) == (key, decisions)
    assert (key.rows, key.target) == (150, "label")
    given, suggested = flagger.report()["given"], flagger.suggested_
    decided = [i for i in rows[:30] if i in decisions]
    assert len(decided) == 30
    for place, i in enumerate(rows[:30]):
        wanted = ("relabel", "keep", "drop", "unsure")[place % 4]
        label = suggested[i] if wanted == "relabel" else ""
        if place == 7:
            wanted, label = ("keep", "") if given[i] == "setosa" else ("relabel", "setosa")
        if label == given[i]:
            wanted, label = "keep", ""
        assert (decisions[i].given, decisions[i].decision, decisions[i].label) == (
            given[i],
            wanted,
            label,
        )
        assert decisions[i].score == pytest.approx(1 - flagger.label_quality_[i], abs=1e-6)
    assert decisions[rows[29]].note == "=not a, formula\u202e"
    assert watched.errors == []
    assert [url for url in watched.requests if not url.startswith(("file:", "blob:"))] == []


def test_undo_filter_sort_and_search(context, urls):
    watched = Watched(context, urls["audit"])
    page = watched.page
    first, second = row_ids(page)[:2]
    watched.press("d", "k", "z", "z", "z")
    assert watched.text("#status") == "Nothing to undo."
    assert watched.text("#progress-words").startswith("0 of ")
    watched.press("d")
    page.select_option("#filter", "drop")
    assert row_ids(page) == [first]
    page.select_option("#filter", "open")
    assert row_ids(page)[0] == second
    page.select_option("#filter", "all")
    page.select_option("#sort", "given")
    given = page.eval_on_selector_all("#rows tbody tr", "all => all.map(e => e.cells[1].innerText)")
    assert given == sorted(given) and len(given) == 60
    page.fill("#search", "no such cell")
    assert page.is_visible("#empty") and not page.is_visible("#detail")
    page.fill("#search", "VIRGINICA")
    assert 0 < len(row_ids(page)) < 60
    page.uncheck("#shortcuts", force=True) if page.is_visible("#shortcuts") else None
    assert watched.errors == []


def test_letters_are_no_shortcuts_where_they_are_switched_off(context, urls):
    watched = Watched(context, urls["audit"])
    watched.page.click("summary")
    watched.page.uncheck("#shortcuts")
    watched.press("d", "k")
    assert watched.text("#progress-words").startswith("0 of ")


def test_two_tabs_show_and_keep_all_decisions(context, urls):
    one, two = (Watched(context, urls["audit"]) for _ in range(2))
    one.press("k")
    two.wait("document.getElementById('progress').value === 1")
    two.press("n", "d")
    one.wait("document.getElementById('progress').value === 2")
    one.page.reload()
    assert one.text("#progress-words").startswith("2 of ")


def test_what_is_chosen_and_typed_stays_when_another_tab_decides(context, urls):
    one, two = (Watched(context, urls["audit"]) for _ in range(2))
    label = one.page.locator("#other option").evaluate_all(
        "all => all.map(e => e.value).find(value => value !== rowsById.get(list.current).suggested)"
    )
    one.page.select_option("#other", label)
    one.page.focus("#note")
    one.page.keyboard.type("half a")
    two.press("n", "d")
    one.wait("document.getElementById('progress').value === 1")
    assert one.page.input_value("#other") == label
    one.page.keyboard.type(" word")
    one.press("Tab")
    assert one.page.evaluate("store.get(list.current).note") == "half a word"


def test_when_all_are_decided_the_page_says_what_to_do_next(context, urls, flagger):
    watched = Watched(context, urls["audit"])
    n = int(flagger.flagged_.sum())
    watched.press(*"k" * n)
    assert watched.text("#finished").startswith(
        f"All {n} flagged rows are decided. Decisions: {n} kept."
    )


def test_hostile_cells_do_no_harm(context, urls, hostile_report, tmp_path):
    watched = Watched(context, urls["hostile"])
    page = watched.page
    page.select_option("#filter", "all")
    for _ in range(20):
        watched.press("s")
    title = page.evaluate("document.title")
    assert title == hostile_report.title and "harm" in title
    assert page.locator("main script, main img").count() == 0
    csv = exported(watched, "csv", tmp_path)
    assert "\n=1+1" not in csv.read_text("utf-8") and ",=1+1" not in csv.read_text("utf-8")
    _, decisions = read_decisions(csv)
    labels = {d.given for d in decisions.values()} | {d.label for d in decisions.values()} - {""}
    assert labels <= {"<script>document.title='harm'</script>", "=1+1", "null\0byte"}
    assert "=1+1" in labels
    assert watched.errors == []
    assert [url for url in watched.requests if not url.startswith(("file:", "blob:"))] == []


@pytest.mark.parametrize("name", ["audit", "hostile", "explanation"])
def test_pages_are_accessible(browser, urls, name):
    found = []
    for width, theme in ((1200, "light"), (1200, "dark"), (360, "light")):
        view = {"width": width, "height": 900}
        context = browser.new_context(viewport=view, color_scheme=theme, bypass_csp=True)
        watched = Watched(context, urls[name])
        if name != "explanation":
            watched.press("k", "d")
            watched.page.click("summary")
        found += [f"{width} {theme} {line}" for line in violations(watched.page)]
        context.close()
    assert found == []
