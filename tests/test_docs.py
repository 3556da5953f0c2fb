"""What the documentation says is run: every ``>>>`` line must print what the page shows."""

import doctest

import pytest

from tests._data import ROOT

FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
PAGES = sorted(p for p in (ROOT / "docs").glob("*.rst") if ">>> " in p.read_text("utf-8"))
#: Pages that fit many models.
LONG = ("papers.rst", "clean_and_learn.rst", "find_wrong_labels.rst", "how_to_choose_a_solver.rst")


@pytest.mark.parametrize(
    "page",
    [pytest.param(p, marks=pytest.mark.slow) if p.name in LONG else p for p in PAGES],
    ids=[p.name for p in PAGES],
)
def test_the_page_prints_what_it_shows(page):
    pytest.importorskip("pandas")
    text = page.read_text("utf-8")
    test = doctest.DocTestParser().get_doctest(text, {}, page.name, str(page), 0)
    said = []
    result = doctest.DocTestRunner(optionflags=FLAGS).run(test, out=said.append)
    assert result.failed == 0, "".join(said)
    assert result.attempted > 0


def test_the_user_guide_is_among_the_pages_that_run():
    assert "user_guide.rst" in [page.name for page in PAGES]
