"""The noun: a table of columns, its rows in groups, and how it is laid out as text."""

from dataclasses import dataclass, field
from textwrap import wrap
from typing import Any

from skinfluence._utils.tables._cells import (
    LONGEST_VALUE,
    column_text,
    number_text,
    printable,
    shorten,
    width,
)

#: Characters of a line at most.
LINE = 100
#: Rows of a table without groups that are shown, at most.
MOST_ROWS = 30
#: Characters of one line of a column's name, and lines of it, at most.
_NAME_LINE, _NAME_LINES = 12, 3


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes
    ----------
    name : object
    values : sequence
    kind : {"any", "name", "number", "signed", "percent"}
        "any": numbers are aligned where all are numbers. "name": of rows, on the right whatever
        they are. The others are computed numbers, of which None is an empty cell and NaN is NaN.
    missing : str
        What stands for None and NaN in columns of the first two kinds.
    bar : bool
        Whether HTML shows a bar next to each number.
    optional : bool
        Whether it is left out where lines would get too long.
    like : sequence
        Further numbers whose decimals it shares.
    longest : int
        Characters of a value of the first kind in text.
    """

    name: object
    values: Any
    kind: str = "any"
    missing: str = "missing"
    bar: bool = False
    optional: bool = False
    like: Any = field(default=(), repr=False)
    longest: int = LONGEST_VALUE

    def cells(self, longest=None):
        """(texts, whether they are numbers)."""
        longest = self.longest if longest is None else longest
        values = list(self.values)
        if self.kind in ("number", "signed"):
            texts = number_text([*values, *self.like], signed=self.kind == "signed")
            return texts[: len(values)], True
        if self.kind == "percent":
            return ["" if v is None else f"{v:.1%}" for v in values], True
        longest = min(longest, LONGEST_VALUE) if self.kind == "name" else longest
        texts, numeric = column_text(values, missing=self.missing, longest=longest)
        return texts, numeric or self.kind == "name"


@dataclass(frozen=True)
class Group:
    """Some rows of a table, under a heading of their own."""

    rows: Any  # positions in the columns
    heading: str = ""


@dataclass(frozen=True)
class Table:
    """Columns with a title; rows in groups; a text where there are none.

    Attributes
    ----------
    columns : list of Column
        The first names the rows.
    title : str
    groups : list of Group, or None
        None: all rows, without a heading.
    empty : str
        Stands in the place of a table without rows.
    """

    columns: list
    title: str = ""
    groups: list | None = None
    empty: str = "None."

    def grouped(self):
        """The groups that have rows; without groups, the first rows of many."""
        if self.groups is None:
            return [Group(range(min(len(self), MOST_ROWS)))] if len(self) else []
        return [group for group in self.groups if len(group.rows)]

    def rest(self):
        """Text on the rows that are not shown."""
        more = len(self) - MOST_ROWS
        return f"... and {counted(more, 'more row')}" if self.groups is None and more > 0 else ""

    def __len__(self):
        return len(self.columns[0].values)

    def lines(self):
        """The table as lines of text."""
        out = wrap_line(self.title) if self.title else []
        groups = self.grouped()
        if not groups:
            return [*out, "  " + self.empty]
        laid_out = [_LaidOut(column) for column in self.columns]
        shown = _without_optional(laid_out)
        for i, block in enumerate(_blocks(shown)):
            out += [""] if i else []
            heads = [c.head for c in block]
            for j in range(max(map(len, heads)), 0, -1):  # the last lines of the names align
                out.append(_joined(block, [h[-j] if j <= len(h) else "" for h in heads]))
            for group in groups:
                out += [group.heading] if group.heading else []
                out += [_joined(block, [c.texts[r] for c in block]) for r in group.rows]
        return [*out, *filter(None, [self.rest()])]


class _LaidOut:
    """A column as cells of one width."""

    def __init__(self, column):
        self.optional = column.optional
        self.texts, self.numeric = column.cells()
        self.head = head_lines(column.name)
        self.width = max(map(width, [*self.texts, *self.head]))

    def aligned(self, text):
        space = " " * (self.width - width(text))
        return space + text if self.numeric else text + space


def head_lines(name):
    """A column's name on a few short lines; it may break after underscores."""
    text = shorten(printable(str(name)), _NAME_LINE * _NAME_LINES)
    lines = [line.replace("_ ", "_") for line in wrap(text.replace("_", "_ "), _NAME_LINE)]
    kept, rest = lines[: _NAME_LINES - 1], lines[_NAME_LINES - 1 :]
    return [*kept, shorten(" ".join(rest), _NAME_LINE)] if rest else kept


def _total(columns):
    return sum(2 + c.width for c in columns)


def _without_optional(columns):
    """The columns that a line has space for; optional ones are left out from the end."""
    columns = list(columns)
    for column in reversed(list(columns)):
        if _total(columns) > LINE and column.optional:
            columns.remove(column)
    return columns


def _blocks(columns):
    """Columns in blocks that fit a line, each with the first column in front."""
    key, *rest = columns
    blocks = [[key]]
    for column in rest:
        if _total([*blocks[-1], column]) > LINE and len(blocks[-1]) > 1:
            blocks.append([key])
        blocks[-1].append(column)
    return blocks


def _joined(columns, texts):
    return "".join("  " + c.aligned(t) for c, t in zip(columns, texts, strict=True)).rstrip()


def counted(n, what):
    """A number of things in words: 1 row, 2,000 rows."""
    return f"{n:,} {what}{'' if n == 1 else 's'}"


def wrap_line(text, indent=""):
    """Text on lines that are not too long; what follows the first is indented."""
    return wrap(text, LINE, subsequent_indent=indent, break_on_hyphens=False) or [""]
