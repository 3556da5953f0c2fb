"""The decisions file: what is written is read, the last decision counts, damage is noticed."""

import json
from dataclasses import asdict, replace

import pytest

from skinfluence._utils.decisions import (
    Decision,
    DecisionsError,
    TableKey,
    append_decision,
    guard,
    hash_file,
    now,
    read_decisions,
    unguard,
    write_decisions,
)

KEY = TableKey("mails.csv", "ab" * 32, 20, "is, spam")
MADE = [
    Decision(17, "ham", "relabel", "spam", 0.93, 'an "offer", =1+1', now()),
    Decision(3, "-1", "keep", score=0.5, time=now()),
    Decision(4, "=cmd()", "drop", note="+ two\nlines", time=now()),
    Decision(5, "+", "unsure", time=now()),
]


def test_what_is_written_is_read(tmp_path):
    path = tmp_path / "decisions.csv"
    write_decisions(path, KEY, MADE)
    key, decisions = read_decisions(path)
    assert key == KEY
    assert [*decisions] == [17, 3, 4, 5]
    assert decisions[17] == MADE[0]
    assert decisions[4].given == "=cmd()" and decisions[4].note == "+ two lines"
    assert ",'=cmd()," in path.read_text() and ",-1," in path.read_text()


@pytest.mark.parametrize("target", ['size "', "a;", "b,", '"c"'])
def test_names_that_end_in_separators_and_quotes_come_back(tmp_path, target):
    path, key = tmp_path / "decisions.csv", replace(KEY, target=target)
    write_decisions(path, key, MADE)
    assert read_decisions(path)[0] == key


def test_the_last_decision_of_a_row_is_in_force(tmp_path):
    path = tmp_path / "decisions.csv"
    for made in [*MADE, Decision(17, "ham", "keep"), Decision(3, "-1", "undo")]:
        append_decision(path, KEY, made)
    _, decisions = read_decisions(path)
    assert [(d.row, d.decision) for d in decisions.values()] == [
        (4, "drop"),
        (5, "unsure"),
        (17, "keep"),
    ]


@pytest.mark.parametrize("lost", [1, 10, 30, 50, 60])
def test_a_line_that_a_crash_cut_off_is_no_decision(tmp_path, lost):
    path = tmp_path / "decisions.csv"
    write_decisions(path, KEY, [MADE[1], MADE[0]])
    path.write_bytes(path.read_bytes()[:-lost])
    assert set(read_decisions(path)[1]) >= {3}
    append_decision(path, KEY, MADE[3])
    assert set(read_decisions(path)[1]) == {3, 5}


def test_a_file_that_a_spreadsheet_has_saved_is_read(tmp_path):
    path = tmp_path / "decisions.csv"
    write_decisions(path, KEY, [MADE[1]])
    head, line = path.read_text().split("row,given")
    head = "".join(f'"{text}";;;;;;\r\n' for text in head.splitlines())
    body = ("row,given" + line).replace(",", ";").replace("\n", "\r\n")
    path.write_bytes(("\ufeff" + head + body).encode())
    assert read_decisions(path) == (KEY, {3: MADE[1]})


def test_json_has_the_same_content(tmp_path):
    path = tmp_path / "decisions.json"
    content = {"format": "skinfluence decisions", "version": 1, **asdict(KEY)}
    path.write_text(json.dumps({**content, "decisions": [asdict(made) for made in MADE]}))
    key, decisions = read_decisions(path)
    assert key == KEY and [*decisions.values()] == MADE


@pytest.mark.parametrize(
    "change, words",
    [
        (("# skinfluence decisions 1", "# notes"), "No decisions file"),
        (("decisions 1", "decisions 2"), "version 2"),
        (("# sha256:", "# md5:"), "lacks sha256"),
        (("# rows: 20", "# rows: many"), "rows is 'many'"),
        (("# rows: 20", "# rows: 2"), "name row 3"),
        (("given,decision", "decision,given"), "Expected"),
        (("keep", "hold"), "decision 'hold'"),
        (("3,-1,keep,,", "3,-1,relabel,,"), "without a new label"),
        (("3,-1,keep", "x,-1,keep"), "'row': 'x'.* no decision"),
        (("3,-1,keep,,0.5,,", "3,-1,keep,"), "lacks cells"),
    ],
)
def test_a_damaged_file_is_refused_in_words(tmp_path, change, words):
    path = tmp_path / "decisions.csv"
    write_decisions(path, KEY, [MADE[1]])
    text = path.read_text()
    assert change[0] in text
    path.write_text(text.replace(*change))
    with pytest.raises(DecisionsError, match=words):
        read_decisions(path)


def test_another_encoding_and_rows_that_are_no_whole_numbers_are_refused(tmp_path):
    path = tmp_path / "decisions.csv"
    write_decisions(path, KEY, [Decision(3, "größe", "keep")])
    path.write_bytes(path.read_text("utf-8").encode("cp1252"))
    with pytest.raises(DecisionsError, match="Save the file as UTF-8"):
        read_decisions(path)
    content = {"format": "skinfluence decisions", "version": 1, **asdict(KEY)}
    for row in ({**asdict(MADE[0]), "row": 1.5}, "keep"):
        path.write_text(json.dumps(content | {"decisions": [row]}))
        with pytest.raises(DecisionsError, match="is no decision"):
            read_decisions(path)


@pytest.mark.parametrize("text", ["=1+1", "@x", "-x", "+", "-1.5", "'=1", "'tis", "a=b", "", "\tx"])
def test_a_guarded_text_comes_back(text):
    assert unguard(guard(text)) == text
    assert guard(text) == text or not guard(text).startswith(("=", "@", "+", "-", "\t"))


def test_the_hash_is_that_of_the_bytes(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert hash_file(tmp_path / "a").startswith("ba7816bf8f01cfea")
