"""Tables of the most influential training rows of each test row, with their features."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from skinfluence._utils.frames import column_of, make_frame
from skinfluence._utils.tables import Column, Group, Readable, Table, counted, value_text
from skinfluence.explainer._feature_values import FeatureValues, relevant_columns

#: Test rows that are printed; the others are counted.
SHOWN = 10
_WORDS = {  # effect -> heading of its rows
    "harmful": "harmful: without the row the loss would be lower",
    "helpful": "helpful: without the row the loss would be higher",
    "none": "no effect",
}


@dataclass(frozen=True)
class Rows:
    """Training and test tables of an explanation, kept by reference.

    Attributes
    ----------
    train, test : FeatureValues
    raw_predictions : callable
        Raw predictions (n, K) of a table of the test rows' type.
    columns : list of int, or None
        Columns given by the user; None chooses them for each test row.
    """

    train: FeatureValues
    test: FeatureValues
    raw_predictions: object
    columns: list | None

    def columns_of(self, t):
        """Positions of the columns that are shown with a test row."""
        if self.columns is not None:
            return self.columns
        if t < SHOWN:
            return self._first[t]
        return self._chosen([t])[0]

    @cached_property
    def _first(self):
        return self._chosen(list(range(min(SHOWN, len(self.test)))))

    def _chosen(self, rows):
        return relevant_columns(self.train, self.test, rows, self.raw_predictions)


@dataclass(frozen=True, repr=False, eq=False)
class RowExplanation(Readable):
    """The most influential training rows of one test row.

    Attributes
    ----------
    test_row : label of the test row in the user's index
    prediction : predicted label or value
    probability : float or None
        Of the predicted class, where the model has probabilities.
    value : float
        Value of the target at this row.
    what : str
        Its name: "loss", "loss at the predicted label", "raw prediction" or "probability".
    explained_label : label, or None
        The class, or the given label, that `value` belongs to.
    row : pandas.Index or ndarray of shape (k,)
        Names of the training rows in the index of the training data, strongest first.
    position : ndarray of shape (k,)
        Their positions in the training data.
    influence : ndarray of shape (k,)
        Value without the training row minus value with it.
    refit : ndarray of shape (k,), or None
        The same by a real refit without the row, if requested.
    share : ndarray of shape (k,)
        |influence| as a share of the sum over all training rows of the call.
    loss : ndarray of shape (k,)
        Loss of the training row itself.
    label : ndarray of shape (k,)
        Its label or target value.
    """

    test_row: object
    prediction: object
    probability: float | None
    value: float
    what: str
    explained_label: object
    row: Any
    position: np.ndarray
    influence: np.ndarray
    refit: np.ndarray | None
    share: np.ndarray
    loss: np.ndarray
    label: np.ndarray
    _order: str = field(default="magnitude")
    _place: int = field(default=0)
    _rows: Rows | None = field(default=None)

    @property
    def effect(self):
        """Effect of each row: "helpful" or "harmful" for a loss, otherwise "raises" or "lowers".

        "none" where its influence is zero.
        """
        up, down = self._signs
        return np.select([self.influence > 0, self.influence < 0], [up, down], "none")

    @property
    def _signs(self):
        return ("helpful", "harmful") if self.what.startswith("loss") else ("lowers", "raises")

    def columns(self):
        """The table as a dict of (k,) arrays, without the features."""
        out = {"row": column_of(self.row), "influence": self.influence}
        if self.refit is not None:
            out["refit"] = self.refit
        return {
            **out,
            "share": self.share,
            "loss": self.loss,
            "label": self.label,
            "effect": self.effect,
        }

    @cached_property
    def _columns_shown(self):
        return self._rows.columns_of(self._place)

    @property
    def features(self):
        """Feature values of the training rows: a dict of column name to k values.

        Of all columns where these are few, else of those that set the test row apart and drive its
        prediction: of which the typical value would move it most; or those that were given.
        """
        train = self._rows.train
        return {train.names[c]: train.values(c, self.position) for c in self._columns_shown}

    @property
    def test_features(self):
        """The test row's own values in the columns of `features`: a dict of name to value."""
        names, test = self._rows.train.names, self._rows.test
        return {names[c]: test.values(c, [self._place])[0] for c in self._columns_shown}

    def whole_rows(self):
        """The test row and the training rows with all columns.

        Returns
        -------
        test_row, rows : tables
            Of 1 and k rows, in the types of the test and the training table.
        """
        return self._rows.test.take([self._place]), self._rows.train.take(self.position)

    @property
    def title(self):
        """One sentence with the prediction and the target of the test row."""
        head = f"test row {_short(self.test_row)}: predicted {_short(self.prediction)}"
        if self.probability is not None:
            nearly = 0.9995 <= self.probability < 1.0
            head += f" with probability {'over 0.999' if nearly else f'{self.probability:.3f}'}"
        label = "" if self.explained_label is None else _short(self.explained_label)
        what = {
            "loss": f"loss at the given label {label}",
            "loss at the predicted label": "loss at the predicted label",
            "probability": f"probability of class {label}",
            "raw prediction": f"decision value of class {label}" if label else "predicted value",
        }.get(self.what, self.what)
        return f"{head}; {what}: {self.value:.4g}"

    def _heading(self, effect):
        if effect in _WORDS:
            return _WORDS[effect]
        what = "the predicted value"
        if self.explained_label is not None:
            kind = "probability" if self.what == "probability" else "decision value"
            what = f"the {kind} of class {_short(self.explained_label)}"
        without = "lower" if effect == "raises" else "higher"
        return f"{effect} {what}: without the row it would be {without}"

    def _groups(self):
        """The test row, then the training rows by effect, the strongest first."""
        effects = list(dict.fromkeys(self.effect))
        found = [Group(1 + np.flatnonzero(self.effect == e), self._heading(e)) for e in effects]
        return [Group([0]), *found] if found else []

    def _empty(self):
        which = {"helpful": self._signs[0], "harmful": self._signs[1]}.get(self._order)
        if which in (None, *_WORDS):
            return "No training row has an effect." if which is None else f"No row is {which}."
        return f"No row {which} it."

    def _parts(self):
        columns = [
            Column("row", ["test row", *self.row], "name"),
            Column("influence", [None, *self.influence], "signed", bar=True, like=self._refits()),
        ]
        if self.refit is not None:
            columns.append(Column("refit", [None, *self.refit], "signed", like=self.influence))
        given = self.explained_label if self.what == "loss" else None
        columns += [
            Column("share", [None, *self.share], "percent"),
            Column("loss", [self.value if self.what == "loss" else None, *self.loss], "number"),
            Column("label", [given, *self.label], missing=""),
        ]
        optional = self._rows.columns is None
        test = self.test_features
        columns += [
            Column(name, [test[name], *values], optional=optional)
            for name, values in self.features.items()
        ]
        return [Table(columns, self.title, self._groups(), self._empty())]

    def _refits(self):
        return () if self.refit is None else self.refit


def _short(value):
    return value_text(value, longest=40)


def row_tables(found, target, refits, *, order, names, predictions, probabilities, train, rows):
    """One RowExplanation for each test row.

    Parameters
    ----------
    found : tuple
        Places of the strongest training rows (n_test, k), -1 where there is none; their influences;
        and the sum of all |influence| of each test row.
    target : tuple
        Values of the target (n_test,), its name, and the label or class of each, or None.
    refits : ndarray of shape (n_test, k), or None
    order : str
    names, predictions : sequences of length n_test
    probabilities : ndarray of shape (n_test,), or None
        Of the predicted classes.
    train : tuple of a pandas.Index or ndarray, and two ndarrays, of n_train entries
        Names, labels and losses of the training rows.
    rows : Rows
    """
    (indices, values, total), (fitted_model, what, labels) = found, target
    train_names, train_labels, train_losses = train
    tables = []
    for t, name in enumerate(names):
        wanted = indices[t] >= 0
        if order in ("helpful", "harmful"):  # only rows of that effect
            wanted = wanted & (values[t] > 0 if order == "helpful" else values[t] < 0)
        chosen, influence = indices[t][wanted], values[t][wanted]
        tables.append(
            RowExplanation(
                test_row=name,
                prediction=predictions[t],
                probability=None if probabilities is None else float(probabilities[t]),
                value=float(fitted_model[t]),
                what=what,
                explained_label=None if labels is None else labels[t],
                row=train_names[chosen],
                position=chosen,
                influence=influence,
                refit=None if refits is None else refits[t][wanted],
                share=np.abs(influence) / total[t] if total[t] > 0 else np.zeros_like(influence),
                loss=train_losses[chosen],
                label=train_labels[chosen],
                _order=order,
                _place=t,
                _rows=rows,
            )
        )
    return tables


class Explanation(Readable):
    """Tables of the most influential training rows, one for each test row.

    Indexing gives one :class:`RowExplanation`; :meth:`frame` all of them as one table in the
    user's own frame type. Prints as text and shows as HTML in notebooks, the first ten test rows of
    more; everything is escaped.

    Attributes
    ----------
    rows : list of RowExplanation
    backend : str or None
        Library of the frames: that of the training data.
    """

    def __init__(self, rows, backend):
        self.rows = rows
        self.backend = backend

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, t):
        return self.rows[t]

    def frame(self):
        """All tables below each other, with the columns `test_row` and `prediction` in front.

        Returns
        -------
        DataFrame
            One line for each pair of a test row and a training row: `test_row`, `prediction`,
            `row`, `position` (its place, where the training table has names of its own),
            `influence`, `refit` (if requested), `share`, `loss`, `label`, `effect`, and the
            training rows' feature values: those that are printed with the first ten test rows.
            Of the library that the training data came in (pandas, polars, pyarrow); for arrays the
            first of these that is installed, else a numpy record array.
        """
        shown = [row.columns() for row in self.rows]
        parts = {
            "test_row": [r.test_row for r in self.rows for _ in r.row],
            "prediction": [r.prediction for r in self.rows for _ in r.row],
        }
        position = np.concatenate([r.position for r in self.rows])
        for name in shown[0]:
            parts[name] = np.concatenate([columns[name] for columns in shown])
            if name == "row" and list(parts[name]) != position.tolist():
                parts["position"] = position
        parts = _one_column_an_output(parts)
        train = self.rows[0]._rows.train
        columns = dict.fromkeys(c for row in self.rows[:SHOWN] for c in row._columns_shown)
        for c in columns:
            parts[_free_name(train.names[c], parts)] = train.column(c, position)
        return make_frame(parts, self.backend)

    def _parts(self):
        parts = [part for row in self.rows[:SHOWN] for part in row._parts()]
        more = len(self.rows) - SHOWN
        if more > 0:
            parts.append(
                f"... and {counted(more, 'more test row')}: [{SHOWN}] shows the next one, .frame() "
                "is a table of all."
            )
        return parts


def _free_name(name, taken):
    """Name of a feature in a frame; "feature_" is put before a name that is taken."""
    name = str(name)
    while name in taken:
        name = f"feature_{name}"
    return name


def _one_column_an_output(parts):
    """Values of several outputs as columns of their own: label_0, label_1 and so on."""
    out = {}
    for name, values in parts.items():
        if np.ndim(values) == 2:
            out.update({f"{name}_{k}": part for k, part in enumerate(np.transpose(values))})
        else:
            out[name] = values
    return out
