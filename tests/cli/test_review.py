"""``review``: a page with the key of the file, and the served one until it is interrupted."""

import json
import re
import signal
import subprocess
import sys
import urllib.request

import numpy as np
import pytest
from click.testing import CliRunner

from skinfluence import LabelFlagger
from skinfluence._utils.decisions import TableKey, hash_file, read_decisions, write_decisions
from skinfluence.cli import main

pytest.importorskip("jinja2")
pytest.importorskip("matplotlib")


@pytest.fixture
def table(tmp_path):
    """A table with one wrong label in row 7 and none in row 3."""
    random = np.random.RandomState(0)
    labels = ["a", "b"] * 40
    sizes = random.normal(size=80) + 6.0 * (np.arange(80) % 2)
    labels[7], labels[3] = "a", ""
    lines = [f"{size:.3f},{label}" for size, label in zip(sizes, labels, strict=True)]
    path = tmp_path / "table.csv"
    path.write_text("\n".join(["size,label", *lines, ""]))
    return path


def test_a_page_has_the_key_and_the_rows_of_the_file(table):
    arguments = ["review", str(table), "--model", "linear", "--rows", "5", "--quiet"]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 0, done.output
    page = table.with_name("table.review.html").read_text("utf-8")
    data = json.loads(re.search(r'id="data">(.*?)</script>', page)[1])
    key = {"table": "table.csv", "sha256": hash_file(table), "rows": 80, "target": "label"}
    assert data["key"] == key
    assert data["rows"][0]["id"] == 7 and data["rows"][0]["given"] == "a"
    assert done.output == ""
    again = CliRunner().invoke(main, [*arguments, "-o", str(table)])
    assert again.exit_code == 2 and "never overwritten" in again.output


def test_pages_are_called_as_their_tables(table, monkeypatch):
    monkeypatch.chdir(table.parent)
    for name in ("table.2025.csv", ".table.csv"):
        table.with_name(name).write_bytes(table.read_bytes())
        done = CliRunner().invoke(main, ["review", name, "--model", "linear", "--rows", "1"])
        assert f"Written: {name.removesuffix('.csv')}.review.html" in done.output
        assert "'label' and are left out" in done.output


def test_decisions_of_another_table_are_refused_before_the_model_is_fitted(table, monkeypatch):
    key = TableKey("other.csv", "0" * 64, 80, "label")
    write_decisions(table.with_name("table.decisions.csv"), key, [])
    monkeypatch.setattr(LabelFlagger, "fit", lambda *_: pytest.fail("fitted"))
    done = CliRunner().invoke(main, ["review", str(table), "--serve"])
    assert done.exit_code == 2 and "Name another decisions file" in done.output


def test_a_parquet_file_is_said_to_take_no_decisions(table):
    pandas, parquet = pytest.importorskip("pandas"), table.with_suffix(".parquet")
    pytest.importorskip("pyarrow")
    pandas.read_csv(table).dropna().to_parquet(parquet)
    done = CliRunner().invoke(main, ["review", str(parquet), "-t", "label", "--model", "linear"])
    assert done.exit_code == 0 and "export the table as CSV and review that file" in done.output


def test_served_decisions_can_be_applied(table):
    # a process that was started in the background ignores Ctrl-C, and so do those that it starts
    command = "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler);"
    command += "from skinfluence.cli import main; main(sys.argv[1:])"
    run = [sys.executable, "-c", command, "review", table, "--model", "linear", "--serve", "-q"]
    with subprocess.Popen(run, stdout=subprocess.PIPE, text=True) as process:
        url = process.stdout.readline().split()[1]
        address, token = url.split("/?token=")
        headers = {"X-Token": token, "Content-Type": "application/json"}
        body = {"row": 7, "decision": "relabel", "label": "b", "note": "", "time": ""}
        body = json.dumps(body).encode()
        urllib.request.urlopen(urllib.request.Request(f"{address}/decide", body, headers))
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read()
    assert process.returncode == 0 and "skinfluence apply" in rest
    decisions = table.with_name("table.decisions.csv")
    assert read_decisions(decisions)[1][7].label == "b"
    clean = table.with_name("clean.csv")
    done = CliRunner().invoke(main, ["apply", str(table), str(decisions), "-o", str(clean)])
    assert done.exit_code == 0, done.output
    old, new = (path.read_text().split("\n") for path in (table, clean))
    assert [k for k in range(len(old)) if old[k] != new[k]] == [8]
    assert new[8].endswith(",b")
