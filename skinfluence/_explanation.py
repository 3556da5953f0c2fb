"""A small table for people: which training rows speak for and against a prediction."""

from dataclasses import dataclass
from html import escape

import numpy as np

from skinfluence._frames import make_frame


@dataclass(frozen=True, repr=False)
class RowExplanation:
    """The most influential training rows of one test row.

    Attributes
    ----------
    test_row : label of the test row in the user's index
    prediction : predicted label or value
    value : float
        What is explained at this row, in units of the target.
    what : str
        Its name: "loss", "loss at the predicted label", "raw prediction" or "probability".
    row : ndarray of shape (k,)
        Labels of the training rows in the user's index, strongest first.
    influence : ndarray of shape (k,)
        Value without the training row minus value with it.
    share : ndarray of shape (k,)
        |influence| as a part of the sum over all training rows.
    loss : ndarray of shape (k,)
        Loss of the training row itself.
    label : ndarray of shape (k,)
        Its label or target value.
    """

    test_row: object
    prediction: object
    value: float
    what: str
    row: np.ndarray
    influence: np.ndarray
    share: np.ndarray
    loss: np.ndarray
    label: np.ndarray

    @property
    def effect(self):
        """What the row does: "helpful" or "harmful" to a loss; else it "raises" or "lowers".

        "none" where its influence is zero.
        """
        up, down = ("helpful", "harmful") if self.what.startswith("loss") else ("lowers", "raises")
        return np.select([self.influence > 0, self.influence < 0], [up, down], "none")

    def columns(self):
        """The table as a dict of (k,) arrays."""
        return {
            "row": self.row,
            "influence": self.influence,
            "share": self.share,
            "loss": self.loss,
            "label": self.label,
            "effect": self.effect,
        }

    @property
    def title(self):
        """One line on the test row: what was predicted, and what is explained."""
        return (
            f"test row {_text(self.test_row)}: predicted {_text(self.prediction)}, "
            f"{self.what} {self.value:.4g}"
        )

    def __str__(self):
        table = [list(self.columns()), *(list(cells) for cells in _cells(self))]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        lines = [
            "  " + "  ".join(c.rjust(w) for c, w in zip(cells, widths, strict=True))
            for cells in table
        ]
        return "\n".join([self.title, *lines])

    __repr__ = __str__

    def _repr_html_(self):
        head = "".join(f"<th>{escape(name)}</th>" for name in self.columns())
        body = "".join(
            "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"
            for cells in _cells(self)
        )
        return (
            f"<table><caption>{escape(self.title)}</caption>"
            f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        )


def row_tables(
    indices,
    values,
    total,
    explained,
    what,
    *,
    names,
    predictions,
    train_names,
    train_labels,
    train_losses,
):
    """One RowExplanation a test row.

    Parameters
    ----------
    indices, values : ndarray of shape (n_test, k)
        The strongest training rows, -1 where there is none, and their influences.
    total : ndarray of shape (n_test,)
        Sum of all |influence|.
    explained : ndarray of shape (n_test,)
        The explained values, and `what` they are.
    names, predictions : sequences of length n_test
    train_names, train_labels, train_losses : ndarray of n_train entries
    """
    tables = []
    for t, name in enumerate(names):
        chosen = indices[t][indices[t] >= 0]
        found = values[t][: len(chosen)]
        tables.append(
            RowExplanation(
                test_row=name,
                prediction=predictions[t],
                value=float(explained[t]),
                what=what,
                row=train_names[chosen],
                influence=found,
                share=np.abs(found) / total[t] if total[t] > 0 else np.zeros_like(found),
                loss=train_losses[chosen],
                label=train_labels[chosen],
            )
        )
    return tables


class Explanation:
    """Tables of the most influential training rows, one per test row.

    Indexing gives one :class:`RowExplanation`; :meth:`frame` all of them as one table in the
    user's own frame type. Notebooks show HTML, in which everything is escaped.
    """

    def __init__(self, rows, backend):
        self.rows = rows
        self._backend = backend

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, t):
        return self.rows[t]

    def frame(self):
        """All tables below each other, with the columns `test_row` and `prediction` in front.

        Returns
        -------
        DataFrame
            Of the library that the training data came in (pandas, polars, pyarrow); for arrays
            the first of these that is installed, else a numpy record array.
        """
        if not self.rows:
            parts: dict = {name: [] for name in _COLUMNS}
        else:
            parts = {
                "test_row": [r.test_row for r in self.rows for _ in r.row],
                "prediction": [r.prediction for r in self.rows for _ in r.row],
            }
            for name in _COLUMNS[2:]:
                parts[name] = np.concatenate([r.columns()[name] for r in self.rows])
        return make_frame(_one_column_an_output(parts), self._backend)

    def __str__(self):
        return "\n".join(str(r) for r in self.rows)

    __repr__ = __str__

    def _repr_html_(self):
        return "\n".join(r._repr_html_() for r in self.rows)


_COLUMNS = ("test_row", "prediction", "row", "influence", "share", "loss", "label", "effect")


def _one_column_an_output(parts):
    """Values of several outputs as columns of their own: label_0, label_1 and so on."""
    out = {}
    for name, values in parts.items():
        if np.ndim(values) == 2:
            out.update({f"{name}_{k}": part for k, part in enumerate(np.transpose(values))})
        else:
            out[name] = values
    return out


def _cells(r):
    for row, influence, share, loss, label, effect in zip(*r.columns().values(), strict=True):
        yield (
            _text(row),
            f"{influence:+.3g}",
            f"{share:.1%}",
            f"{loss:.3g}",
            _text(label),
            str(effect),
        )


def _text(value):
    return f"{value:.4g}" if isinstance(value, float | np.floating) else str(value)
