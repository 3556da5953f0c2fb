"""Tables for the README of the results (Markdown) and for the documentation (rst)."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import fill

from benchmarks._figures import Figure

ROOT = Path(__file__).resolve().parent.parent
MARKDOWN = Path(__file__).resolve().parent / "results"
RST = ROOT / "docs" / "_generated"
#: An underscore at the end of a word, which would make it a link.
TRAILING = re.compile(r"_(?=\W|$)")


@dataclass
class Table:
    """A title, columns, rows of text and notes below."""

    title: str
    columns: list[str]
    rows: list[list[str]]
    notes: list[str] = field(default_factory=list)

    def markdown(self):
        lines = [_row(self.columns), "|".join(["", *["---"] * len(self.columns), ""])]
        lines += [_row(row) for row in self.rows]
        return "\n".join([f"### {self.title}", "", *lines, "", *_items(self.notes), ""])

    def rst(self):
        lines = [f".. list-table:: {self.title}", "   :header-rows: 1", ""]
        for row in [self.columns, *self.rows]:
            cells = [TRAILING.sub(r"\\_", cell) for cell in row]
            lines += [("     - " if i else "   * - ") + cell for i, cell in enumerate(cells)]
        lines += ["", *_items(self.notes), ""]
        return "\n".join(lines)


def _items(lines):
    return [fill(f"- {line}", 100, subsequent_indent="  ") for line in lines]


def _row(cells):
    return f"| {' | '.join(cells)} |"


def write(name, made, machine, introduction):
    """Write ``benchmarks/results/<name>.md``, ``docs/_generated/benchmark_<name>.rst``, figures.

    `made` holds tables and figures in their order on the page.
    """
    for folder in (MARKDOWN, RST):
        folder.mkdir(exist_ok=True)
    for item in made:
        if isinstance(item, Figure):
            item.save(RST / item.file)
    head = [fill(introduction, 100), "", *_items(machine), ""]
    markdown = "\n".join([f"# {name}", "", *head, *(item.markdown() for item in made)])
    rst = "\n".join([*head, *(item.rst() for item in made)])
    (MARKDOWN / f"{name}.md").write_text(markdown.rstrip() + "\n", encoding="utf-8")
    (RST / f"benchmark_{name}.rst").write_text(rst.rstrip() + "\n", encoding="utf-8")


def try_out(made):
    """Print what `write` would write, and draw the figures without keeping them."""
    for item in made:
        if isinstance(item, Figure):
            item.check()
        print(item.markdown(), flush=True)


def seconds(value):
    """Three significant digits."""
    return f"{value:.3g}" if value < 100 else f"{value:,.0f}"


def ratio(value):
    return f"{value:.2f}" if value < 10 else f"{value:,.0f}"


def megabytes(value):
    return f"{value / 1e6:,.0f} MB" if value < 1e9 else f"{value / 1e9:.1f} GB"
