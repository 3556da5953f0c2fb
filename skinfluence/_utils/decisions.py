"""Decisions file: what a person decided about the labels of a table, row by row.

A CSV file in UTF-8 that begins with a header of comments:

    # skinfluence decisions 1
    # table: mails.csv
    # sha256: 3fd1...
    # rows: 2500
    # target: label
    row,given,decision,label,score,note,time
    17,ham,relabel,spam,0.93,an advertisement,2026-12-01T16:40:03+00:00

`sha256` is that of the bytes of the table's file, `rows` the number of its rows below the header,
and `row` counts them from 0. `given` is the label as the table has it, `score` the probability that
it is wrong. `label` is the new label where the decision is "relabel", empty otherwise. Decisions
are appended: the last one of a row is in force, and "undo" takes the earlier ones back. A decision
is one line: line breaks in a text become spaces. `time` is its last cell, so that a line that was
cut off by a crash does not read as a whole one.

Cells that a spreadsheet would run as a formula have a leading apostrophe in the file. The same
content may come as JSON: an object with "format", "version", "table", "sha256", "rows", "target",
and "decisions", a list of objects with the seven names above.
"""

import csv
import hashlib
import io
import json
import os
import re
from dataclasses import asdict, astuple, dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path

VERSION = 1
FORMAT = "skinfluence decisions"
DECISIONS = ("keep", "relabel", "drop", "unsure", "undo")
#: What a spreadsheet takes for a formula; numbers and single signs are none.
_FORMULA = re.compile(r"[=+\-@\t\r]")
_NUMBER = re.compile(r"[-+]?[\d.,]*\d[\d.,]*(?:[eE][-+]?\d+)?%?")
_HEADER = re.compile(r"#\s*(\w+):[ ]?(.*)")


class DecisionsError(ValueError):
    """A decisions file that cannot be read, or does not belong to the table."""


@dataclass(frozen=True)
class TableKey:
    """The table that decisions belong to: its file's name and hash, its rows, its target."""

    table: str
    sha256: str
    rows: int
    target: str


@dataclass(frozen=True)
class Decision:
    """One decision; the module's docstring describes the fields."""

    row: int
    given: str
    decision: str
    label: str = ""
    score: float | None = None
    note: str = ""
    time: str = ""

    def __post_init__(self):
        if self.decision not in DECISIONS:
            expected = ", ".join(DECISIONS)
            raise DecisionsError(
                f"Row {self.row}: decision {self.decision!r}. Expected one of {expected}."
            )
        if self.row < 0:
            raise DecisionsError(f"Row {self.row}: expected rows counted from 0.")
        if self.decision == "relabel" and not self.label:
            raise DecisionsError(f"Row {self.row}: relabelled without a new label.")


NAMES = [field.name for field in fields(Decision)]


def now():
    """The time in UTC to the second, as decisions state it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def hash_file(path):
    """SHA-256 of the bytes of a file, in hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_formula(text):
    """Whether a spreadsheet would take a text for a formula."""
    return len(text) > 1 and bool(_FORMULA.match(text)) and not _NUMBER.fullmatch(text)


def guard(text):
    """A text with a leading apostrophe if a spreadsheet would run it; see `unguard`."""
    return "'" + text if is_formula(text.lstrip("'")) else text


def unguard(text):
    """The text that `guard` was given."""
    return text[1:] if text.startswith("'") and is_formula(text.lstrip("'")) else text


def header_lines(key):
    """The head of a decisions file, with the line of names, as text."""
    described = "".join(f"# {name}: {one_line(value)}\n" for name, value in asdict(key).items())
    return f"# {FORMAT} {VERSION}\n{described}{','.join(NAMES)}\n"


def decision_line(decision):
    """A decision as one line of CSV."""
    cells = ["" if value is None else value for value in astuple(decision)]
    cells = [guard(one_line(cell)) if isinstance(cell, str) else cell for cell in cells]
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue()


def write_decisions(path, key, decisions):
    """Write a whole decisions file; an existing one stays whole until the new one is."""
    part = Path(f"{path}.part")
    with open(part, "w", encoding="utf-8", newline="") as file:
        file.write(header_lines(key))
        file.writelines(map(decision_line, decisions))
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)


def append_decision(path, key, decision):
    """Append one decision, which is on the disk when this returns; makes the file at first."""
    if not os.path.exists(path):
        write_decisions(path, key, [])
    with open(path, "rb+") as file:
        whole = file.read().rfind(b"\n") + 1  # behind it, what a crash cut off
        file.truncate(whole)
        file.seek(whole)
        file.write(decision_line(decision).encode("utf-8"))
        file.flush()
        os.fsync(file.fileno())


def continue_decisions(path, key):
    """Decisions of an earlier session about a table; the file is made where there is none.

    Raises
    ------
    DecisionsError
        For a file that cannot be read, or of another table.
    """
    if not os.path.exists(path):
        write_decisions(path, key, [])
        return {}
    own, decisions = read_decisions(path)
    if replace(own, table=key.table) != key:  # a file may be renamed
        raise DecisionsError(
            f"{path} has decisions about {own.target!r} of {own.table} ({own.sha256[:12]}...), not "
            f"about {key.target!r} of {key.table} ({key.sha256[:12]}...). Name another decisions "
            "file."
        )
    with open(path, "rb") as file:
        content = file.read()
    if not (content.startswith(header_lines(own).encode()) and content.endswith(b"\n")):
        # JSON, or saved by another program: no line can be appended to it as it is
        write_decisions(path, own, decisions.values())
    return decisions


def read_decisions(path):
    """Decisions that are in force, of a CSV or JSON file.

    Returns
    -------
    key : TableKey
    decisions : dict of int to Decision
        By row, in the order of the last decisions.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DecisionsError(f"Expected text in UTF-8: {error}. Save the file as UTF-8.") from error
    key, entries = _read_json(text) if text.lstrip().startswith("{") else _read_csv(text)
    in_force: dict[int, Decision] = {}
    for decision in entries:
        in_force.pop(decision.row, None)
        if decision.decision != "undo":
            in_force[decision.row] = decision
    beyond = [row for row in in_force if row >= key.rows]
    if beyond:
        raise DecisionsError(
            f"The decisions name row {beyond[0]}; their table has {key.rows} rows, 0 to "
            f"{key.rows - 1}."
        )
    return key, in_force


def _read_csv(text):
    """TableKey and all Decisions of a CSV file, in its order."""
    lines = io.StringIO(text, newline="")
    head, names = [], ""
    for line in lines:
        # a spreadsheet that saves the file may quote comments and fill them with separators
        if not line.lstrip('"').startswith("#"):
            names = line
            break
        head.append(line.strip())
    if head and not re.fullmatch(rf"# {FORMAT} \d+", head[0]):
        head = [line.strip('";,').strip() for line in head]
    if not head or not re.match(rf"#\s*{FORMAT} \d+", head[0]):
        raise DecisionsError(
            f"No decisions file: expected a first line '# {FORMAT} {VERSION}', got "
            f"{(head[0] if head else names)[:60].strip()!r}. Export decisions on a review page."
        )
    _check_version(head[0].split()[-1])
    found = {match[1]: match[2] for match in map(_HEADER.match, head[1:]) if match}
    separator = ";" if names.count(";") > names.count(",") else ","
    columns = [name.strip().strip('"') for name in names.strip().split(separator)]
    if columns[: len(NAMES)] != NAMES:
        raise DecisionsError(f"The columns are {columns}. Expected {NAMES}.")
    entries = []
    for line in lines:
        cells = next(csv.reader([line], delimiter=separator), [])
        if not any(cells) or (len(cells) < len(NAMES) and not line.endswith("\n")):
            continue  # the last line, which a crash cut off, was never acknowledged
        entries.append(_decision(dict(zip(NAMES, map(unguard, cells), strict=False))))
    return _key(found), entries


def _read_json(text):
    """The same of JSON."""
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        raise DecisionsError(f"No decisions file: {error}.") from error
    if content.get("format") != FORMAT or not isinstance(content.get("decisions"), list):
        raise DecisionsError(f'Expected an object with "format": "{FORMAT}" and "decisions".')
    _check_version(content.get("version"))
    return _key(content), [_decision(entry) for entry in content["decisions"]]


def _check_version(version):
    if str(version) != str(VERSION):
        raise DecisionsError(
            f"The decisions have version {version} of the format; this skinfluence reads version "
            f"{VERSION}."
        )


def _key(found):
    missing = [field.name for field in fields(TableKey) if field.name not in found]
    if missing:
        raise DecisionsError(f"The head of the decisions lacks {', '.join(missing)}.")
    try:
        rows = int(str(found["rows"]))
    except ValueError as error:
        raise DecisionsError(f"rows is {found['rows']!r}. Expected a whole number.") from error
    return TableKey(str(found["table"]), str(found["sha256"]), rows, str(found["target"]))


def _decision(entry):
    """A Decision of a dict of cells."""
    try:
        row = int(str(entry["row"]))
        score = entry.get("score")
        score = None if score in ("", None) else float(score)
    except (AttributeError, KeyError, ValueError, TypeError) as error:
        raise DecisionsError(f"{str(entry)[:60]} is no decision: {error}.") from error
    texts = {name: str(entry.get(name) or "") for name in ("decision", "label", "note", "time")}
    given = entry.get("given")
    if given is None or "time" not in entry:
        raise DecisionsError(f"Row {row}: the decision lacks cells. Expected {', '.join(NAMES)}.")
    return Decision(row, str(given), score=score, **texts)


def one_line(value):
    """A text without line breaks."""
    return " ".join(str(value).splitlines())
