"""Table of a file as texts: names, columns, and the key of its decisions."""

import difflib
from dataclasses import dataclass, field
from itertools import chain, count
from pathlib import Path

from skinfluence._utils.decisions import TableKey, hash_file

from .records import DataError, Dialect, guess_dialect, records


@dataclass
class Table:
    """Texts of a table: `columns` maps each name to its cells, one per row."""

    path: str
    columns: dict
    n_rows: int
    dialect: Dialect | None = None  # None for Parquet
    notes: list = field(default_factory=list)
    renamed: dict = field(default_factory=dict)  # the name in the file of each that was made here

    def key(self, target):
        """The TableKey of decisions about a target."""
        return TableKey(Path(self.path).name, hash_file(self.path), self.n_rows, target)


def read_table(path, *, encoding=None, separator=None, target=None):
    """The Table of a CSV, TSV or Parquet file, packed by gzip or not.

    Parameters
    ----------
    path : str or Path
        The file.
    encoding, separator : str, default=None
        Of its text; None guesses.
    target : str, default=None
        Name that must be among the columns.

    Returns
    -------
    Table
        With `n_rows` of at least 1, and unique names.
    """
    path = str(path)
    if path.lower().endswith((".parquet", ".pq")):
        table = _read_parquet(path)
    else:
        dialect = guess_dialect(path, encoding=encoding, separator=separator, target=target)
        table = _read_text(path, dialect)
    if not table.n_rows:
        raise DataError(f"{path} has names of columns and no row.")
    if target is not None:
        table.notes[:0] = _check_target(table, target)
    return table


def _read_text(path, dialect):
    """The Table of a text file."""
    rows = (cells for _, cells in records(path, dialect) if cells is not None)
    names = next(rows)
    body = []
    for number, cells in enumerate(rows):
        if len(cells) > len(names) and not any(cells[len(names) :]):
            cells = cells[: len(names)]
        if len(cells) != len(names):
            raise DataError(
                f"{path}, row {number} below the names has {len(cells)} cells, the first line has "
                f"{len(names)}. Is {dialect.separator!r} the separator (--separator), or does a "
                "cell that holds it lack quotes?"
            )
        body.append(cells)
    columns = list(zip(*body, strict=True)) or [()] * len(names)
    if names and all(name.strip().replace(".", "", 1).isdigit() for name in names):
        raise DataError(
            f"The first line of {path} holds numbers only ({', '.join(names[:4])}). Expected the "
            "names of the columns: put a line of names first."
        )
    return _with_unique_names(Table(path, {}, len(body), dialect), names, columns)


def _with_unique_names(table, names, columns):
    """The table with columns by name; one that comes again gets a number, an empty column none."""
    names = [" ".join(name.split()) for name in names]
    for place, (own, column) in enumerate(zip(names, columns, strict=True)):
        if not own and not any(map(str.strip, column)):
            continue  # behind a separator at the end of each line
        name = own
        if not own or own in table.columns:
            first = own or f"column {place}"
            tries = chain([first], (f"{first} ({k})" for k in count(2)))
            name = next(new for new in tries if new not in names and new not in table.columns)
            what = f"name {own!r} comes again: the later column is"
            what = what if own else f"column at position {place} has no name:"
            table.notes.append(f"The {what} called {name!r}.")
            table.renamed[name] = own
        table.columns[name] = column
    return table


def _check_target(table, target):
    """Notes on a target, which must be a column, and one only."""
    names = list(table.columns)
    if target not in table.columns:
        near = difflib.get_close_matches(target, names, 3, 0.5)
        hint = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
        shown = ", ".join(names[:15]) + (f" and {len(names) - 15} more" if len(names) > 15 else "")
        raise DataError(f"{table.path} has no column {target!r}.{hint} Its columns: {shown}.")
    if target in table.renamed.values():
        raise DataError(f"Two columns are called {target!r}: rename one of them.")
    if target in table.renamed:
        raise DataError(
            f"{table.path} has no column {target!r}: only here one without a name, or whose name "
            "comes again, is called so. Name it in the file."
        )
    if len(names) < 2:
        raise DataError(f"{table.path} has the column {target!r} only: no column to learn from.")
    return []


def _read_parquet(path):
    """The Table of a Parquet file, its values as texts."""
    try:
        from pyarrow import ArrowException
        from pyarrow.parquet import read_table as read
    except ImportError as error:
        raise DataError(
            "Parquet files are read by pyarrow. Install it: pip install pyarrow"
        ) from error
    try:
        frame = read(path)
    except (ArrowException, OSError) as error:
        raise DataError(f"{path} cannot be read as Parquet: {error}") from error
    texts = [tuple(map(_as_text, column.to_pylist())) for column in frame.columns]
    return _with_unique_names(Table(path, {}, frame.num_rows), frame.column_names, texts)


def _as_text(value):
    if value is None:
        return ""
    return value.isoformat(sep=" ") if hasattr(value, "hour") else str(value)
