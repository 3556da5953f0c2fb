"""Write examples/first_steps.ipynb from docs/first_steps.rst.

Usage: python tools/make_notebook.py [--check]    With --check: exit status 1 if the file differs.
Text becomes Markdown cells and each block of `>>>` lines a code cell. Outputs are not stored, so
that none can be out of date.
"""

import doctest
import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "first_steps.rst"
NOTEBOOK = ROOT / "examples" / "first_steps.ipynb"


def markdown(text):
    """A passage of the page as Markdown."""
    text = re.sub(
        r"^(.+)\n(=+|-+)$", lambda m: f"{'#' * (1 + (m[2][0] == '-'))} {m[1]}", text, flags=re.M
    )
    text = re.sub(r":doc:`([^`]*)`", r"*\1*", text)
    text = re.sub(r":[a-z:]+:`~?([^`]*)`", r"`\1`", text)
    return re.sub(r"``([^`]*)``", r"`\1`", text).strip()


def cells(page):
    """Pairs of a kind of cell and its text."""
    found, printed = [], False
    for part in doctest.DocTestParser().parse(page.split("\n.. notebook-ends-here", 1)[0]):
        if isinstance(part, str):
            kind, text = "markdown", markdown(part)
        else:
            kind, text = "code", part.source.rstrip("\n")
        if not text:
            continue
        if kind == "code" and found and found[-1][0] == "code" and not printed:
            found[-1] = ("code", f"{found[-1][1]}\n{text}")
        else:
            found.append((kind, text))
        printed = kind == "code" and bool(part.want)
    return found


def notebook(page):
    """The notebook of a page, as text."""
    made = []
    for number, (kind, text) in enumerate(cells(page)):
        cell = {"cell_type": kind, "id": f"cell-{number}", "metadata": {}}
        if kind == "code":
            cell |= {"execution_count": None, "outputs": []}
        made.append({**cell, "source": text.splitlines(keepends=True)})
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    whole = {"cells": made, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(whole, indent=1, ensure_ascii=False) + "\n"


def main(check):
    """Write the notebook, or compare it with the page."""
    text = notebook(PAGE.read_text("utf-8"))
    if not check:
        NOTEBOOK.write_text(text, "utf-8")
    elif NOTEBOOK.read_text("utf-8") != text:
        sys.exit(f"{NOTEBOOK.name} is not that of {PAGE.name}: run python tools/make_notebook.py")


if __name__ == "__main__":
    main("--check" in sys.argv[1:])
