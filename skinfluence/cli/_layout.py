"""Plain text for terminals and files: wrapped paragraphs, aligned tables, a stopwatch."""

import textwrap
import time
from contextlib import contextmanager

WIDTH = 96


def paragraph(words, label=""):
    """Wrap words to the width of the page, to the right of a label on the first line."""
    return textwrap.fill(words, WIDTH, initial_indent=label, subsequent_indent=" " * len(label))


def table(rows, header=None, *, left=()):
    """Align rows of strings: cells to the right, those of the columns `left` to the left.

    Parameters
    ----------
    rows : list of list of str
        The cells.
    header : list of str, default=None
        The column titles; a newline breaks a title over two or more lines.
    left : collection of int, default=()
        The columns that are aligned to the left.

    Returns
    -------
    str
        The lines, without a newline at the end.

    Examples
    --------
    >>> from skinfluence.cli._layout import table
    >>> print(table([["7", "spam"], ["12", "ham"]], ["row", "label"], left={1}))
    row  label
      7  spam
     12  ham
    """
    lines = _title_lines(header or []) + rows
    widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]
    texts = (
        "  ".join(
            cell.ljust(width) if column in left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    )
    return "\n".join(text.rstrip() for text in texts)


def _title_lines(header):
    """Split titles into lines of cells; short titles stand in the last line."""
    titles = [title.split("\n") for title in header]
    height = max((len(title) for title in titles), default=0)
    padded = [[""] * (height - len(title)) + title for title in titles]
    return [list(line) for line in zip(*padded, strict=True)]


class Stopwatch:
    """Seconds of wall time for each named step, in the order of the steps."""

    def __init__(self):
        self.seconds = {}

    @contextmanager
    def step(self, name):
        """Time the body of a ``with`` statement."""
        start = time.perf_counter()
        yield
        self.seconds[name] = time.perf_counter() - start
