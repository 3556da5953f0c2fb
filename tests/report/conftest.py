"""Reports of small tables, made once."""

import pandas as pd
import pytest
from sklearn.datasets import load_iris

from skinfluence import LabelFlagger
from skinfluence.datasets import flip_labels
from skinfluence.report import audit_report

pytest.importorskip("jinja2")
pytest.importorskip("matplotlib")

#: Cells that must do no harm.
HOSTILE = [
    "<script>document.title='harm'</script>",
    "</script><script>document.title='harm'</script>",
    '"><img src=x onerror="document.title=\'harm\'">',
    "=1+1",
    "@SUM(A1)",
    "\u202ertl\u202c mark",
    "null\0byte",
    "a,b\nc;'d\"e",
    "x" * 100_000,
    "{{ 7 * 7 }} ${7 * 7} \u2028",
]


@pytest.fixture(autouse=True)
def without_figures(monkeypatch):
    """Reports that a test makes itself have no figures, which take most of the time."""
    for module in ("_audit", "_explanations"):
        monkeypatch.setattr(f"skinfluence.report.{module}.draw_svg", lambda *_, **__: "<svg></svg>")


@pytest.fixture(scope="package")
def flagger():
    """Of iris with wrong labels, rows and labels with names."""
    iris = load_iris(as_frame=True)
    y, _ = flip_labels(iris.target_names[iris.target], 0.2, random_state=0)
    return LabelFlagger(representation="linear", random_state=0).fit(iris.data, y)


@pytest.fixture(scope="package")
def report(flagger):
    return audit_report(flagger, n_rows=60)


@pytest.fixture(scope="package")
def hostile_report():
    """Of a table whose names, cells and labels are hostile."""
    iris = load_iris(as_frame=True)
    table = iris.data.copy()
    table.columns = [*HOSTILE[:3], "=cmd"]
    table["text"] = pd.Series(HOSTILE * 15).str.slice(0, 100_000)
    table["text"] = table["text"].where(table.index % 3 == 0, "plain")
    names = [HOSTILE[0], "=1+1", "null\0byte"]
    y, _ = flip_labels([names[k] for k in iris.target], 0.1, random_state=0)
    table.index = [f"{HOSTILE[2]}{i}" for i in range(len(table))]
    fitted = LabelFlagger(representation="linear", random_state=0).fit(table, y)
    return audit_report(fitted, title=HOSTILE[0])
