"""What the documentation says is run: every ``>>>`` line must print what the page shows."""

import builtins
import doctest
import importlib
import inspect
import pydoc
import re

import pytest
import sklearn
from sklearn.utils import all_estimators

from tests._data import ROOT
from tests.test_house import public_docstrings

FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
DOCS = ROOT / "docs"
PAGES = sorted(p for p in DOCS.glob("*.rst") if ">>> " in p.read_text("utf-8"))
#: Pages that fit many models.
LONG = ("papers.rst", "clean_and_learn.rst", "find_wrong_labels.rst", "how_to_choose_a_solver.rst")
#: Pages that are generated, or that quote names of earlier versions.
NOT_PROSE = ("api.rst", "changes.rst", "supported_models.rst")
PROSE = sorted(p for p in DOCS.glob("*.rst") if p.name not in NOT_PROSE)
LITERALS = re.compile(r"(?<![\w:`])(`{1,2})(?!`)([^`]+)\1(?![`_])")


@pytest.fixture
def module(monkeypatch):
    """Import a module of docs/ or tools/ by name."""
    for folder in ("docs", "tools"):
        monkeypatch.syspath_prepend(str(ROOT / folder))
    return importlib.import_module


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


def test_the_readme_lists_the_supported_models(module):
    table = module("supported_models").short_table()
    assert "`Ridge`" in table and table in (ROOT / "README.md").read_text("utf-8")


def test_the_user_guide_is_among_the_pages_that_run():
    assert "user_guide.rst" in [page.name for page in PAGES]


def test_the_notebook_is_made_from_the_page(module):
    tool = module("make_notebook")
    made = tool.notebook(tool.PAGE.read_text("utf-8"))
    assert tool.NOTEBOOK.read_text("utf-8") == made, "run python tools/make_notebook.py"


def test_the_notebook_runs_and_prints_what_the_page_shows(module, monkeypatch):
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    tool = module("make_notebook")
    notebook = nbformat.read(tool.NOTEBOOK, as_version=4)
    nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    outputs = [out for cell in notebook.cells for out in cell.get("outputs", ())]
    printed = "".join(out.get("text") or out["data"]["text/plain"] + "\n" for out in outputs)
    examples = doctest.DocTestParser().get_examples(tool.PAGE.read_text("utf-8"))
    assert printed == "".join(example.want for example in examples)


@pytest.mark.parametrize(
    ("code", "full"),
    [
        ("LabelFlagger", "skinfluence.LabelFlagger"),
        ("skinfluence.SmoothHingeSVC", "skinfluence.svm.SmoothHingeSVC"),
        ("group_influence(explainer, groups)", "skinfluence.groups.group_influence"),
        ("explainer.health()", "skinfluence.InfluenceExplainer.health"),
        ("leverage()", "skinfluence.InfluenceExplainer.leverage"),
        ("leverage", None),
        ("LogisticRegression", None),
    ],
)
def test_code_in_prose_links_to_the_object_that_it_names(module, code, full):
    pytest.importorskip("sphinx")
    assert module("code_links").target(code) == full


@pytest.mark.parametrize("page", PROSE, ids=[p.name for p in PROSE])
def test_names_on_the_page_link_to_the_api_reference(module, page):
    """Classes and dotted names, as code or by a role; other classes are scikit-learn's."""
    pytest.importorskip("sphinx")
    target = module("code_links").target
    text = page.read_text("utf-8")
    roles = re.findall(r":(?:class|func|meth|mod):`~?([\w.]+)`", text)
    assert [name for name in roles if target(name) is None] == []
    theirs = {name for name, _ in all_estimators()} | set(dir(sklearn.base)) | {"Pipeline"}
    theirs |= {"FrozenEstimator", "ColumnTransformer", "FeatureUnion", "ConvergenceWarning"} | set(
        dir(builtins)
    )
    named = {" ".join(code.split()) for _, code in LITERALS.findall(text)}
    named = {c for c in named if re.match(r"skinfluence\.|(\w+\.)*[A-Z][a-z]", c)}
    assert sorted(c for c in named if not target(c) and c.split("(")[0] not in theirs) == []


#: Words that the documentation does not use; most have one of statistics in their place.
AVOIDED = re.compile(
    r"\b(beside|dear|kin|save for|held for|asks? of|asked of|told|reckon\w*|speaks? against"
    r"|counts? as fixed|sureness|somebody|whoever|stand in for each other|says? of it)\b",
    re.IGNORECASE,
)


@pytest.mark.parametrize(
    "page", [p for p in PROSE if p.name != "benchmarks.rst"], ids=lambda p: p.name
)
def test_the_page_avoids_words_that_readers_did_not_understand(page):
    assert AVOIDED.findall(page.read_text("utf-8")) == []


def test_examples_and_the_readme_avoid_them_too():
    texts = [ROOT / "README.md", *(ROOT / "examples").glob("*.py")]
    assert {path.name: AVOIDED.findall(path.read_text("utf-8")) for path in texts} == {
        path.name: [] for path in texts
    }


@pytest.mark.parametrize("name", public_docstrings())
def test_the_docstring_avoids_words_that_readers_did_not_understand(name):
    assert AVOIDED.findall(inspect.getdoc(pydoc.locate(name))) == []
