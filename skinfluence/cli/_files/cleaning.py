"""A table with the decisions applied: every other character as it was, whole or not at all."""

import gzip
import io
import os
import tempfile
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from skinfluence._utils.decisions import (
    DecisionsError,
    hash_file,
    is_formula,
    one_line,
    read_decisions,
)

from .columns import NUMBER_STYLES, is_missing, to_number
from .records import DataError, cell_spans, guess_dialect, records
from .target import style_of_values


def apply_decisions(
    path,
    decisions,
    output,
    *,
    encoding=None,
    separator=None,
    force=False,
    formulas=False,
    tick=None,
):
    """Write a table with the decisions of a person applied.

    Parameters
    ----------
    path, decisions, output : str or Path
        The table, the decisions file, and the file to write.
    encoding, separator : str, default=None
        Of the table; None guesses, as for reading.
    force : bool, default=False
        Whether an `output` with another content is replaced.
    formulas : bool, default=False
        Whether new labels may be what a spreadsheet runs as a formula.
    tick : callable, default=None
        Called with the number of characters of each record that was read.

    Returns
    -------
    Counter
        Rows by what was done: "kept", "relabelled", "dropped", "unsure", "undecided".
    """
    path, output = Path(path), Path(output)
    if path.suffix.lower() in (".parquet", ".pq"):
        raise DataError(
            f"{path}: decisions are applied to CSV files. Export the table as CSV first."
        )
    if output.exists() and (output.samefile(path) or output.samefile(decisions)):
        raise DataError(f"{output} is an input, which is never overwritten. Name another output.")
    try:
        key, made = read_decisions(decisions)
    except DecisionsError as error:
        raise DataError(f"{decisions}: {error}") from error
    found = hash_file(path)
    if found != key.sha256:
        raise DataError(
            f"{path} is not the table of these decisions, or was changed since: its SHA-256 is "
            f"{found[:12]}..., they were made for {key.table} with {key.sha256[:12]}... ."
        )
    if not formulas:
        _refuse_formulas(made)
    dialect = guess_dialect(path, encoding=encoding, separator=separator, target=key.target)
    style = _style_of_labels(path, key, made, dialect)
    counts: Counter = Counter()
    with _whole_or_absent(output, dialect.encoding, force) as write:
        for text in _edited(records(path, dialect), key, made, dialect, style, counts, tick):
            write(text)
    return counts


def _style_of_labels(path, key, made, dialect):
    """How the table writes its values, where a new one is a number that is not whole."""
    labels = {d.label for d in made.values() if d.decision == "relabel"}
    if all(label.isdecimal() or np.isnan(to_number(label, "point")) for label in labels):
        return None
    rows = (cells for _, cells in records(path, dialect) if cells is not None)
    column = _target_column(next(rows), key)
    texts = {cells[column].strip() for cells in rows if column < len(cells)}
    return None if labels <= texts else style_of_values(texts, dialect)  # classes stay as they are


def _target_column(names, key):
    """Position of the target among the names of a table."""
    names = [" ".join(name.split()) for name in names]
    if names.count(key.target) != 1:
        raise DataError(f"Expected one column {key.target!r}; the columns are {names}.")
    return names.index(key.target)


def _edited(lines, key, made, dialect, style, counts, tick):
    """Yield the text of each record that stays, with its new label; count the rows."""
    column, row = None, 0
    for text, cells in lines:
        if tick is not None:
            tick(len(text))
        if cells is None:
            yield text
            continue
        if column is None:
            column = _target_column(cells, key)
            yield text
            continue
        decision = made.get(row)
        row += 1
        if decision is None:
            counts["undecided"] += 1
            yield text
            continue
        _check_row(decision, cells[column] if column < len(cells) else "", key.target)
        if decision.decision == "drop":
            counts["dropped"] += 1
            continue
        if decision.decision == "relabel":
            text = _relabelled(text, cells, column, _in_style(decision.label, style), dialect)
        done = {"keep": "kept", "relabel": "relabelled", "unsure": "unsure"}[decision.decision]
        counts[done] += 1
        yield text
    if row != key.rows:
        raise DataError(
            f"The table has {row:,} rows, the decisions were made for {key.rows:,}: was it read "
            "with another --separator or --encoding?"
        )


def _check_row(decision, cell, target):
    """Raise unless the row still has the label that the person saw."""
    given, found = (" ".join(one_line(text).split()) for text in (decision.given, cell))
    if given == found or (is_missing(given) and is_missing(found)):
        return
    number = to_number(given.replace(",", "."), "point")
    if any(number == to_number(found, style) for style in NUMBER_STYLES):
        return
    raise DataError(
        f"Row {decision.row} has {found!r} as {target!r}, but the decision was made for "
        f"{given!r}. Is the decisions file edited, or made with another --separator?"
    )


def _in_style(label, style):
    """A new value as the table writes its own: with a decimal comma, without an exponent."""
    number = to_number(label, "point")
    if style in (None, "point") or np.isnan(number):
        return label
    text = np.format_float_positional(number, trim="-")
    return text.replace(".", ",") if style == "decimal comma" else text


def _relabelled(text, cells, column, label, dialect):
    """The text of a record with another label, quoted as the old one was or as it must be."""
    spans = cell_spans(text, dialect)
    if len(spans) != len(cells):
        raise AssertionError(f"{len(spans)} cells in place of {len(cells)} in {text!r}")
    start, end = spans[column]
    old = text[start:end]
    bare = old.strip(" ")
    lead = old[: len(old) - len(old.lstrip(" "))]
    needs = any(sign in label for sign in (dialect.separator, '"', "\r", "\n"))
    if bare.startswith('"') or needs or label != label.strip():
        label = '"' + label.replace('"', '""') + '"'
        trail = "" if not bare.startswith('"') else old[len(lead) + len(bare) :]
        lead = lead if dialect.skip_space else ""
    else:
        trail = old[len(lead) + len(bare) :]
    return f"{text[:start]}{lead}{label}{trail}{text[end:]}"


def _refuse_formulas(made):
    known = {decision.given for decision in made.values()}
    for decision in made.values():
        if decision.decision == "relabel" and is_formula(decision.label):
            if decision.label not in known:
                raise DataError(
                    f"Row {decision.row}: a spreadsheet would run the new label {decision.label!r} "
                    "as a formula. Change it, or write it as it is with --allow-formulas."
                )


@contextmanager
def _whole_or_absent(output, encoding, force):
    """Context with a function that writes text; the file appears whole at the end, or not at all.

    An existing file is replaced where `force` says so; one of the same content stays.
    """
    folder = output.parent
    if not folder.is_dir():
        raise DataError(f"{output} cannot be written: there is no such folder.")
    try:
        handle, name = tempfile.mkstemp(prefix=f".{output.name}.", suffix=".part", dir=folder)
    except OSError as error:
        raise DataError(f"{output} cannot be written: {error}.") from error
    part = Path(name)
    try:
        with open(handle, "wb") as raw:
            packed = output.suffix.lower() == ".gz"
            # no time and no name in the head, so that the same content has the same bytes
            target = gzip.GzipFile("", "wb", 6, raw, mtime=0) if packed else raw
            file = io.TextIOWrapper(target, encoding=encoding, newline="")
            try:
                yield file.write
            finally:
                file.detach()
                if packed:
                    target.close()
            raw.flush()
            os.fsync(raw.fileno())
        if output.exists() and not force:
            if hash_file(output) != hash_file(part):
                raise DataError(
                    f"{output} exists with another content. Name another output, or replace it "
                    "with --force."
                )
        else:
            os.chmod(part, 0o666 & ~_umask())
            os.replace(part, output)
            _sync_folder(folder)
    except UnicodeEncodeError as error:
        raise DataError(
            f"The new label {error.object[error.start : error.end]!r} cannot be written in "
            f"{encoding}, the encoding of the table. Convert the table to UTF-8 before the review."
        ) from error
    finally:
        part.unlink(missing_ok=True)


def _umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _sync_folder(folder):
    """Make a rename durable, where folders can be opened (not on Windows)."""
    if hasattr(os, "O_DIRECTORY"):
        handle = os.open(folder, os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
