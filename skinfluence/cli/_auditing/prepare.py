"""From a file to what a model learns from: typed columns, labels, names of rows."""

from dataclasses import dataclass

import numpy as np

from skinfluence.cli._files.checks import leave_out
from skinfluence.cli._files.columns import Column, type_columns
from skinfluence.cli._files.records import DataError
from skinfluence.cli._files.table import Table, read_table
from skinfluence.cli._files.target import Labels, read_target

#: Names of a target that is not named, in any case.
USUAL_TARGETS = ("target", "label", "labels", "class", "y")


@dataclass
class Prepared:
    """A table, its labels, and the columns to learn from, all of the rows that have a label."""

    table: Table
    labels: Labels
    columns: dict[str, Column]
    notes: list[str]

    @property
    def X(self):
        """A frame of pandas whose index names the rows in the file; an array without pandas."""
        return make_rows(self.columns, self.labels.rows)

    def cell(self, name, row):
        """Text of a cell of the file; of a column that was made from a date, the date."""
        if name not in self.table.columns:
            name = name.rsplit(" (", 1)[0]
        return self.table.columns[name][row].strip()

    def names_to_rows(self, names):
        """Rows of the file by the names that a model gives them: the index, or positions."""
        if _pandas() is not None:
            return [None if name is None else int(name) for name in names]
        return [None if name is None else int(self.labels.rows[name]) for name in names]


def prepare(
    path, target=None, *, task="auto", drop=(), keep=(), encoding=None, separator=None
) -> Prepared:
    """Read and type a table."""
    return prepare_table(
        read_table(path, encoding=encoding, separator=separator, target=target),
        target,
        task=task,
        drop=drop,
        keep=keep,
    )


def prepare_table(table, target=None, *, task="auto", drop=(), keep=()):
    """The same of a Table."""
    notes = table.notes
    if target is None:
        target = _guess_target(table)
        notes.append(f"The target is taken to be {target!r} (--target names another one).")
    for name in (*drop, *keep):
        if name not in table.columns:
            known = ", ".join(list(table.columns)[:15])
            raise DataError(f"--drop or --keep {name!r}: no such column. Columns: {known}.")
    labels = read_target(table, target, task, notes)
    whole = len(labels.rows) == table.n_rows
    texts = {
        name: cells if whole else [cells[row] for row in labels.rows]
        for name, cells in table.columns.items()
        if name != target and name not in drop
    }
    separator = table.dialect.separator if table.dialect else ","
    columns = leave_out(type_columns(texts, separator, notes), keep, notes)
    if not columns:
        raise DataError(
            f"No column is left to learn {target!r} from: " + " ".join(notes[-len(texts) :])
        )
    return Prepared(table, labels, columns, notes)


def make_rows(columns, names):
    """A frame of pandas with these names of rows, or an array of numbers or objects."""
    arrays = {name: column.values for name, column in columns.items()}
    pandas = _pandas()
    if pandas is not None:
        return pandas.DataFrame(arrays, index=pandas.Index(names))
    if all(column.kind == "numbers" for column in columns.values()):
        return np.column_stack(list(arrays.values()))
    return np.column_stack([values.astype(object) for values in arrays.values()])


def _pandas():
    try:
        import pandas
    except ImportError:
        return None
    return pandas


def _guess_target(table):
    found = [name for name in table.columns if name.lower() in USUAL_TARGETS]
    if len(found) != 1:
        names = ", ".join(list(table.columns)[:20])
        raise DataError(
            f"Which column holds the labels? Name it with --target. Columns of {table.path}: "
            f"{names}."
        )
    return found[0]
