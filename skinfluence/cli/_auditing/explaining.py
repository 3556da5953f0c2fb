"""Explanations of rows of a table, or of another table with the same columns."""

import numpy as np
from sklearn.base import is_classifier

from skinfluence import InfluenceExplainer
from skinfluence.cli._files.columns import Column, type_columns
from skinfluence.cli._files.records import DataError
from skinfluence.cli._files.table import read_table
from skinfluence.cli._files.target import read_values

from .models import make_model
from .notes import noted_warnings
from .prepare import make_rows


def fit_explainer(prepared, rows, test=None, *, model, encoding=None, separator=None):
    """A fitted InfluenceExplainer, and the rows to explain with their labels.

    Parameters
    ----------
    prepared : Prepared
        The training rows.
    rows : sequence of int
        Rows to explain, of the file `test` or of the training file. The latter have no weight.
    test : str or Path, default=None
        File of the rows, with the same columns; None: the training file.
    model : ModelChoice
        The model.
    encoding, separator : str, default=None
        Of the text of `test`.
    """
    labels = prepared.labels
    model = make_model(model, prepared)
    y = labels.y if labels.task == "classification" else labels.y.astype(float)
    X = prepared.X
    if test is not None:
        table = read_table(test, encoding=encoding, separator=separator)
        _check_rows(rows, table.n_rows, test)
        return _fitted(model, prepared, X, y), *read_rows(prepared, table, rows)
    _check_rows(rows, prepared.table.n_rows, prepared.table.path)
    unlabelled = sorted(set(rows) - set(labels.rows.tolist()))
    if unlabelled:
        raise DataError(f"Row {unlabelled[0]} has no {labels.name!r}. Expected rows with a label.")
    places = np.searchsorted(labels.rows, rows)
    weight = np.ones(len(y))
    weight[places] = 0.0
    if is_classifier(model):
        alone = places[~np.isin(y[places], y[weight > 0])]
        if len(alone):
            raise DataError(
                f"A model without row {labels.rows[alone[0]]} does not know its {labels.name!r}, "
                f"{labels.texts[alone[0]]!r}: no other row has it. Explain another --row, or fewer "
                "at a time."
            )
    explainer = _fitted(model, prepared, X, y, sample_weight=weight)
    return explainer, X.iloc[places] if hasattr(X, "iloc") else X[places], y[places]


def _fitted(model, prepared, X, y, **weights):
    """The fitted explainer of a model; its warnings become notes."""
    with noted_warnings(prepared.notes):
        try:
            return InfluenceExplainer(model).fit(X, y, **weights)
        except ValueError as error:
            raise DataError(f"The model cannot be fitted: {error}") from error


def read_rows(prepared, table, rows):
    """Rows of another table with the columns of the first, and their labels where it has them."""
    notes: list = []
    name = prepared.labels.name
    used = {column.rsplit(" (", 1)[0] for column in prepared.columns} | set(prepared.columns)
    missing = [c for c in prepared.table.columns if c in used and c not in table.columns]
    if missing:
        raise DataError(
            f"{table.path} lacks the columns {', '.join(map(repr, missing))} of "
            f"{prepared.table.path}."
        )
    # typed with the first table's cells, so that both are read in the same manner
    first = prepared.table.n_rows
    texts = {
        column: (*cells, *(table.columns[column][row] for row in rows))
        for column, cells in prepared.table.columns.items()
        if column in table.columns and column != name
    }
    separator = prepared.table.dialect.separator if prepared.table.dialect else ","
    typed = type_columns(texts, separator, notes)
    prepared.notes += [note for note in notes if note not in prepared.notes]
    columns = {}
    for column, known in prepared.columns.items():
        read = typed.get(column, Column("categories", None))
        if read.kind != known.kind:
            source = column if column in texts else column.rsplit(" (", 1)[0]  # of a date
            cells = ", ".join(map(repr, texts[source][first:][:3]))
            raise DataError(
                f"{table.path}: {source!r} of the rows holds {cells}, in {prepared.table.path} "
                f"values such as {prepared.cell(column, 0)!r}. Write them in the same form."
            )
        columns[column] = Column(read.kind, read.values[first:])
    X = make_rows(columns, list(rows))
    given = [table.columns[name][row].strip() for row in rows] if name in table.columns else [""]
    if not all(given):
        return X, None
    if prepared.labels.task == "classification":
        unknown = set(given) - set(prepared.labels.texts)
        if unknown:
            raise DataError(f"{table.path} has labels that the data lack: {sorted(unknown)}.")
        return X, np.array(given)
    # read with the first table's values, for the same reason
    values = read_values([*prepared.labels.texts, *given], prepared.table, name)
    return X, values[-len(given) :]


def _check_rows(rows, n_rows, path):
    beyond = [row for row in rows if row >= n_rows]
    if beyond:
        raise DataError(f"--row {beyond[0]}: {path} has rows 0 to {n_rows - 1}.")
