"""Results that print as text and show as HTML: both are made of the same parts."""

from abc import abstractmethod
from dataclasses import dataclass
from html import escape

from skinfluence._utils.tables._html import STYLE, pairs_html, table_html
from skinfluence._utils.tables._table import Table, wrap_line


@dataclass(frozen=True)
class Pairs:
    """Names with descriptions, one per line."""

    items: list  # of (name, text)

    def lines(self):
        """The pairs as lines of text."""
        first = 2 + max(len(name) for name, _ in self.items)
        out = []
        for name, text in self.items:
            out += wrap_line(name.ljust(first) + text, " " * first)
        return out


class Readable:
    """Base of results that print as text and show as HTML, from their `_parts`."""

    @abstractmethod
    def _parts(self):
        """List of parts: a str is a paragraph of its own, the others are Table or Pairs."""

    def __str__(self):
        lines = []
        for part in self._parts():
            lines += _wrapped(part) if isinstance(part, str) else part.lines()
        return "\n".join(lines)

    def __repr__(self):
        return str(self)

    def _repr_html_(self):
        parts = "".join(_part_html(part) for part in self._parts())
        return f'<div class="skinfluence"><style>{STYLE}</style>{parts}</div>'


class ReadableList(Readable, list):
    """A list of results, each with the name of a row; prints as one table."""

    def __init__(self, results, names):
        super().__init__(results)
        self._names = names


def _wrapped(paragraph):
    return wrap_line(paragraph, "  " if paragraph.startswith("- ") else "")


def _part_html(part):
    if isinstance(part, Table):
        return table_html(part)
    if isinstance(part, Pairs):
        return pairs_html(part)
    return f"<p>{escape(part)}</p>"
