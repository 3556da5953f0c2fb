"""Table of a file as texts: names, columns, and the key of its decisions."""

import difflib
from collections import Counter
from dataclasses import dataclass, field
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
    notes: list[str] = []
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
    unique = _unique_names(names, columns, notes)
    return Table(path, unique, len(body), dialect, notes)


def _unique_names(names, columns, notes):
    """Columns by name; a name that comes again gets a number, an empty column none."""
    out: dict = {}
    seen: Counter = Counter()
    for place, (name, column) in enumerate(zip(names, columns, strict=True)):
        name = " ".join(name.split())
        if not name:
            if not any(map(str.strip, column)):
                continue  # behind a separator at the end of each line
            name = f"column {place}"
            notes.append(f"The column at position {place} has no name: called {name!r}.")
        seen[name] += 1
        if seen[name] > 1:
            again = f"{name} ({seen[name]})"
            notes.append(f"The name {name!r} comes again: the later column is called {again!r}.")
            name = again
        out[name] = column
    return out


def _check_target(table, target):
    """Notes on a target, which must be a column, and one only."""
    names = list(table.columns)
    if target not in table.columns:
        near = difflib.get_close_matches(target, names, 3, 0.5)
        hint = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
        shown = ", ".join(names[:15]) + (f" and {len(names) - 15} more" if len(names) > 15 else "")
        raise DataError(f"{table.path} has no column {target!r}.{hint} Its columns: {shown}.")
    if f"{target} (2)" in table.columns:
        raise DataError(f"Two columns are called {target!r}: rename one of them.")
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
    return Table(path, dict(zip(frame.column_names, texts, strict=True)), frame.num_rows)


def _as_text(value):
    if value is None:
        return ""
    return value.isoformat(sep=" ") if hasattr(value, "hour") else str(value)
