"""The review server: durable decisions, refused requests, rows ranked anew."""

import html
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from contextlib import closing, contextmanager
from dataclasses import asdict
from urllib.parse import urlsplit

import pytest
from sklearn.datasets import load_diabetes
from sklearn.linear_model import Ridge

from skinfluence import LabelFlagger
from skinfluence._utils.decisions import (
    Decision,
    DecisionsError,
    TableKey,
    now,
    read_decisions,
    write_decisions,
)
from skinfluence.report import ReviewServer, audit_report
from skinfluence.report._words import confusions
from tests.report._chromium import Watched, launch


@contextmanager
def serving(report, path, **settings):
    server = ReviewServer(report, path, **settings)
    thread = threading.Thread(target=server.serve, daemon=True)
    thread.start()
    yield server
    server.close()
    thread.join(10)


def ask(server, path, body=None, **headers):
    """(status, text) of a request; headers replace the right ones, None leaves one out."""
    parts = urlsplit(server.url)
    right = {"Host": parts.netloc, "X-Token": parts.query.partition("=")[2]}
    if body is not None:
        right |= {"Content-Type": "application/json", "Origin": f"http://{parts.netloc}"}
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=10)
    names = {name: name.replace("_", "-") for name in headers}
    sent = right | {names[name]: value for name, value in headers.items()}
    if body is not None:
        sent.setdefault("Content-Length", str(len(body)))
    with closing(connection):  # also where the server is killed
        connection.putrequest("GET" if body is None else "POST", path, skip_host=True)
        for name, value in sent.items():
            if value is not None:
                connection.putheader(name, value)
        connection.endheaders(body)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


def decision(row, kind="keep", label=""):
    return {"row": row, "decision": kind, "label": label, "note": "", "time": ""}


def test_wrong_tokens_hosts_and_origins_are_refused(report, flagger, tmp_path):
    row = int(flagger.ranking_[0])
    with serving(report, tmp_path / "d.csv") as server:
        right = server.url.partition("//")[2].partition("/")[2]
        assert ask(server, f"/{right}", X_Token=None)[0] == 200
        for path in ("/", "/?token=", "/?token=abc"):
            assert ask(server, path)[0] == 403
        wrong = [
            {"X_Token": "abc"},
            {"X_Token": None},
            {"Host": "evil.example"},
            {"Host": None},
            {"Origin": "http://evil.example"},
            {"Origin": "null"},
        ]
        for headers in wrong:
            assert ask(server, "/state", **headers)[0] == 403
            assert ask(server, "/decide", decision(row), **headers)[0] == 403
        bad = [
            (b"{", {}),
            (b"[]", {}),
            (decision(10**6), {}),
            (decision(row, "delete"), {}),
            (decision(row, "relabel", "no class"), {}),
            (decision(row), {"Content_Type": "text/plain"}),
            (b"", {"Content_Length": "99999999"}),
        ]
        for body, headers in bad:
            assert ask(server, "/decide", body, **headers)[0] == 400
        assert ask(server, "/etc/passwd")[0] == 404
        assert ask(server, "/decide", decision(row))[0] == 200
    assert list(read_decisions(tmp_path / "d.csv")[1]) == [row]


def test_decisions_rank_the_other_rows_anew(report, flagger, tmp_path):
    rows = flagger.ranking_[:6].tolist()
    before = flagger.label_quality_.copy()
    with serving(report, tmp_path / "d.csv", every=5) as server:
        for row in rows[:4]:
            ask(server, "/decide", decision(row, "relabel", str(flagger.suggested_[row])))
        _, text = ask(server, "/decide", decision(rows[4], "drop"))
        assert [d["row"] for d in json.loads(text)["decisions"]] == rows[:5]
        until(server, lambda state: state["rank"])
        found = json.loads(ask(server, "/rows")[1])
    expected = LabelFlagger_of(flagger).update(rows[:4], flagger.suggested_[rows[:4]])
    left = expected.ranking_[~expected.reviewed_[expected.ranking_]][:60].tolist()
    assert [row["id"] for row in found["rows"]][:60] == left
    assert set(rows[:4]) <= {row["id"] for row in found["rows"][60:]}
    assert found["used"] == 4
    shown = html.unescape(found["parts"]["findings"])
    assert f"{expected.summary().n_flagged} of 146 labels" in shown
    pairs = confusions(expected, expected.report(n_against=0)["given"].to_numpy())
    cells = [str(pair[name]) for pair in pairs for name in ("count", "share")]
    assert re.findall(r'<td class="n">(.*?)</td>', shown) == cells
    assert f">{cells[0]}<" not in report.html
    assert "<figure>" in found["parts"]["figures"]
    assert (flagger.label_quality_ == before).all() and not flagger.reviewed_.any()


def LabelFlagger_of(flagger):
    """The same flagger, fitted again."""
    X, y = flagger.explainer_.X_train_, flagger.report()["given"].to_numpy()
    return type(flagger)(**flagger.get_params()).fit(X, y)


def test_a_page_shows_what_was_found_after_the_last_update(report, flagger, tmp_path):
    rows = flagger.ranking_[:4].tolist()
    with serving(report, tmp_path / "d.csv", every=4) as server, launch() as browser:
        tab = Watched(browser.new_context(), server.url)
        before = tab.text("#findings")
        assert before == Watched(browser.new_context(), server.url).text("#findings")
        for row in rows:
            ask(server, "/decide", decision(row, "relabel", str(flagger.suggested_[row])))
        tab.wait("data.server.rank === 1")
        after = tab.text("#findings")
        table = [part.partition("Flagged rows by")[2] for part in (before, after)]
        assert table[0] != table[1] and " of 146 labels" in after
        assert Watched(browser.new_context(), server.url).text("#findings") == after
        assert tab.page.locator("#figures figure").count() == 1
        assert tab.errors == []


def test_a_server_may_be_closed_before_it_serves(report, tmp_path):
    server = ReviewServer(report, tmp_path / "d.csv")
    server.close()
    server.serve()
    with pytest.raises(OSError, match="refused"):
        ask(server, "/state")


def test_a_later_session_continues_and_another_table_is_refused(report, flagger, tmp_path):
    first, second = flagger.ranking_[:2].tolist()
    path = tmp_path / "d.csv"
    with serving(report, path) as server:
        ask(server, "/decide", decision(first, "unsure"))
        ask(server, "/decide", decision(second, "drop"))
        ask(server, "/decide", decision(second, "undo"))
    with serving(report, path) as server:
        decisions = json.loads(ask(server, "/state")[1])["decisions"]
    assert [(d["row"], d["decision"]) for d in decisions] == [(first, "unsure")]
    renamed = audit_report(flagger, n_rows=5, key={**report._data["key"], "table": "other.csv"})
    with serving(renamed, path) as server:
        assert json.loads(ask(server, "/state")[1])["decisions"] == decisions
    other = audit_report(flagger, n_rows=5, key={**report._data["key"], "sha256": "0" * 64})
    with pytest.raises(DecisionsError, match="Name another decisions file"):
        ReviewServer(other, path)


@pytest.mark.parametrize("form", ["as JSON", "by a spreadsheet", "without the last line end"])
def test_a_file_that_another_program_saved_is_continued(report, flagger, tmp_path, form):
    path, key = tmp_path / "d.csv", TableKey(**report._data["key"])
    rows = flagger.ranking_[:2].tolist()
    made = [Decision(row, report._data["rows"][0]["given"], "keep", time=now()) for row in rows]
    write_decisions(path, key, made)
    text = path.read_text()
    if form == "as JSON":
        content = {"format": "skinfluence decisions", "version": 1, **asdict(key)}
        text = json.dumps(content | {"decisions": [asdict(one) for one in made]})
    lines = text.splitlines(keepends=True)
    if form == "by a spreadsheet":
        text = "".join(line if line[0] == "#" else line.replace(",", ";") for line in lines)
    path.write_text(text.rstrip("\n"))
    third = int(flagger.ranking_[2])
    with serving(report, path) as server:
        assert ask(server, "/decide", decision(third))[0] == 200
    assert list(read_decisions(path)[1]) == [*rows, third]


def test_the_row_on_the_screen_stays_when_the_others_are_ranked_anew(report, tmp_path):
    second = report._data["rows"][1]["id"]
    with serving(report, tmp_path / "d.csv") as server, launch() as browser:
        tab = Watched(browser.new_context(), server.url)
        tab.press("e")
        tab.page.keyboard.type("a note")
        tab.press("Escape", "s", "z")
        tab.wait("store.log.length === 0 && data.server.version === 2")
        assert tab.page.input_value("#note") == "a note"
        tab.page.click(f"tr[data-id='{second}'] button")
        for rank in (1, 2):  # as after updates by which the first row is suspicious no more
            with server._lock:
                server._rows, server._rank = server._rows[1:], rank
            tab.wait(f"data.server.rank === {rank}")
            if rank == 1:  # arrows go on from there
                focused = tab.page.evaluate("document.activeElement.closest('tr')?.dataset.id")
                assert focused == str(second)
        tab.press("d")
        tab.wait("data.server.version === 3")
        assert tab.errors == []
    decided = read_decisions(tmp_path / "d.csv")[1]
    assert {row: d.decision for row, d in decided.items()} == {second: "drop"}


def test_values_are_decimal_numbers(tmp_path):
    """What only a programming language reads as one, no reader of tables takes for a number."""
    X, y = load_diabetes(return_X_y=True)
    values = audit_report(LabelFlagger(Ridge(0.1)).fit(X, y), n_rows=3)
    row = values._data["rows"][0]["id"]
    with serving(values, tmp_path / "d.csv") as server:
        for text in ("1_000", "٣", "0x10", "inf", "3,5"):
            assert ask(server, "/decide", decision(row, "relabel", text))[0] == 400
        with launch() as browser:
            tab = Watched(browser.new_context(), server.url)
            tab.page.fill("#other", "0x10")
            tab.press("Enter")
            tab.wait("document.getElementById('status').textContent.includes('is no number')")
            tab.page.fill("#other", "-3.5e1")
            tab.press("Enter")
            tab.wait("data.server.version === 1")
            assert tab.errors == []
        assert read_decisions(tmp_path / "d.csv")[1][row].label == "-3.5e1"


def test_a_failed_update_is_shown_and_the_next_one_is_tried(report, tmp_path, monkeypatch):
    rows = [row["id"] for row in report._data["rows"]]
    update = ReviewServer._update
    calls = []

    def fails_at_first(server, decisions):
        calls.append(len(decisions))
        if len(calls) == 1:
            raise MemoryError("too large")
        update(server, decisions)

    monkeypatch.setattr(ReviewServer, "_update", fails_at_first)
    with serving(report, tmp_path / "d.csv", every=1) as server:
        ask(server, "/decide", decision(rows[0]))
        state = until(server, lambda state: state["problem"])
        assert "not ranked anew (MemoryError: too large)" in state["problem"]
        assert state["rank"] == 0 and len(state["decisions"]) == 1
        with launch() as browser:
            tab = Watched(browser.new_context(), server.url)
            assert "MemoryError" in tab.text("#storage")
        ask(server, "/decide", decision(rows[1]))
        assert until(server, lambda state: state["rank"])["problem"] == ""
    assert calls == [1, 2]


def test_a_decision_of_an_earlier_session_on_no_row_of_the_page_is_taken_back(flagger, tmp_path):
    short = audit_report(flagger, n_rows=3)
    row = int(flagger.ranking_[10])
    path, key = tmp_path / "d.csv", TableKey(**short._data["key"])
    write_decisions(path, key, [Decision(row, "no such class", "keep")])
    with serving(short, path) as server:
        until(server, lambda state: state["rank"])
        with launch() as browser:
            tab = Watched(browser.new_context(), server.url)
            tab.press("z")
            tab.wait("document.getElementById('status').textContent.includes('taken back')")
            assert tab.errors == []
    assert read_decisions(path)[1] == {}


def until(server, fits):
    """State of a server that fits, which is waited for."""
    deadline = time.monotonic() + 60
    while not fits(state := json.loads(ask(server, "/state")[1])):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return state


SERVE = """
import sys
from types import SimpleNamespace
from skinfluence.report import ReviewServer
report = SimpleNamespace(
    _data={"key": {"table": "t", "sha256": "0", "rows": 500, "target": "y"}, "kind": "classes",
           "labels": ["a"], "pictures": {},
           "rows": [{"id": i, "given": "a", "score": 0.5} for i in range(500)]},
)
server = ReviewServer(report, sys.argv[1], every=1000)
print(server.url, flush=True)
server.serve()
"""


def test_no_acknowledged_decision_is_lost_when_the_process_is_killed(tmp_path):
    path = tmp_path / "d.csv"
    command = [sys.executable, "-c", SERVE, path]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        url = process.stdout.readline().strip()
        server = type("Address", (), {"url": url})
        timer = threading.Timer(0.3, os.kill, (process.pid, signal.SIGKILL))
        timer.start()
        acknowledged = 0
        try:
            for row in range(500):
                if ask(server, "/decide", decision(row))[0] != 200:
                    break
                acknowledged += 1
        except (OSError, http.client.HTTPException):
            pass
        timer.join()
    assert acknowledged > 0
    assert list(read_decisions(path)[1])[:acknowledged] == list(range(acknowledged))


def test_two_tabs_of_a_browser_share_the_server(report, flagger, tmp_path):
    n = int(flagger.flagged_.sum())
    with launch() as browser, serving(report, tmp_path / "d.csv", every=4) as server:
        context = browser.new_context()
        one, two = (Watched(context, server.url) for _ in range(2))
        one.press("s", "d")
        one.wait("document.getElementById('progress').value === 2")
        two.wait("document.getElementById('progress').value === 2")
        two.press("n", "n", "k", "k", "z")
        one.wait("data.server.rank === 1 && data.server.version === 5")
        two.wait("data.server.rank === 1")
        assert "ranked anew" in two.text("#status")
        one.page.reload()
        assert one.page.evaluate("Object.keys(store.decisions).length") == 3
        assert one.errors == two.errors == []
        assert all(url.startswith(server.url.partition("?")[0]) for url in one.requests)
    _, decisions = read_decisions(tmp_path / "d.csv")
    assert sorted(d.decision for d in decisions.values()) == ["drop", "keep", "relabel"]
    assert n > 4
