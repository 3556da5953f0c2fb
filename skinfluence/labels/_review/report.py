"""Results of a flagger: a summary of three numbers, and a table in the user's frame type."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from skinfluence._utils.checks import check_whole
from skinfluence._utils.frames import take_rows
from skinfluence._utils.tables import Column, Readable, Table, counted
from skinfluence._utils.warnings import ignore_last_of_class

#: Standard errors above which a gain is no chance: they do not count the error of the noise matrix
#: and of the fits, which in simulations make gains look better by one to two of them.
CLEAR = 4.0


@dataclass(frozen=True, eq=False, repr=False)
class LabelSummary(Readable):
    """How many labels are flagged, estimated to be wrong, and surely wrong; and the flagged rows.

    Prints as text and shows as HTML in notebooks.

    Attributes
    ----------
    n_rows, n_flagged, n_sure : int
        Training rows with weight that were not reviewed, flagged rows, and labels that are surely
        wrong: those that ``contamination="strict"`` flags.
    n_wrong, n_wrong_std : float
        Estimated number of wrong labels among `n_rows`, and its standard error.
    rows, row_names : ndarray of shape (n_flagged,)
        Positions of the flagged rows, the most suspicious first, and their names in the index of
        the training data.
    """

    n_rows: int
    n_flagged: int
    n_wrong: float
    n_wrong_std: float
    n_sure: int
    rows: np.ndarray
    row_names: Any
    _columns: list
    _gain: tuple = field(default=(np.nan, np.nan), kw_only=True)  # and its standard error
    _of_classes: bool = field(default=True, kw_only=True)

    @property
    def gain_in_words(self):
        """Sentence on the flagger's `expected_gain_`; "" where it is not known."""
        gain, error = self._gain
        if not error > 0:  # unknown, or no prediction changes
            return ""
        size = f"{abs(gain):.3g} ± {error:.2g}"
        what, does = "mean absolute error", "lowers"
        if self._of_classes:
            size = f"{100 * abs(gain):.1f} ± {100 * error:.1f} percentage points"
            what, does = "accuracy on right labels", "raises"
        if gain <= CLEAR * error:
            sign = "-" if gain < 0 else "+"
            return f"Whether cleaning {does} the {what} is uncertain: {sign}{size}."
        return (
            f"Cleaning is expected to {does[:-1]} the {what} by {size}: models that count each row "
            "by the probability that it is right, compared with models of all rows as given, each "
            "without the row that it predicts."
        )

    @classmethod
    def _of(cls, n_rows, rows, rate, n_sure, columns, names, **more):
        """Of flagged rows in order, (rate, its standard error), and columns of all rows."""
        shown = [
            Column(name, values[rows], "percent" if name == "quality" else "any")
            for name, values in columns.items()
        ]
        wrong, row_names = (rate[0] * n_rows, rate[1] * n_rows), names.names(rows)
        return cls(n_rows, len(rows), *wrong, n_sure, rows, row_names, shown, **more)

    def _parts(self):
        digits = 1 if self.n_wrong_std < 10 else 0
        return [
            f"Flagged: {self.n_flagged:,} of {counted(self.n_rows, 'label')}. Estimated to be "
            f"wrong: {self.n_wrong:,.0f} +- {self.n_wrong_std:,.{digits}f}. Surely wrong: "
            f"{self.n_sure:,}.",
            Table(
                [Column("row", list(self.row_names), "name"), *self._columns],
                "Flagged rows, the most suspicious first:" if self.n_flagged else "",
                empty="No row is flagged.",
            ),
        ]


def summarize(flagger):
    """The LabelSummary of a fitted flagger."""
    n_rows = int(((flagger._weight > 0) & ~flagger.reviewed_).sum())
    return LabelSummary._of(
        n_rows,
        flagger.ranking_[flagger.flagged_[flagger.ranking_]],
        (flagger.noise_rate_, flagger.noise_rate_std_) if n_rows else (0.0, 0.0),
        flagger._judgement.n_sure,
        label_columns(flagger),
        flagger.training_rows_,
        _gain=(flagger.expected_gain_, flagger.expected_gain_std_),
        _of_classes=flagger.target_type_ == "classes",
    )


def label_columns(flagger):
    """What a flagger shows of each training row, by the name of the column."""
    return {
        "given": flagger._target.given,
        "suggested": flagger.suggested_,
        "quality": flagger.label_quality_,
    }


def verdicts(flagger, n_against, explain):
    """The frame of :meth:`LabelFlagger.report`.

    A row's label is contradicted by the training rows without which it would be predicted better:
    those of the most negative influence on its loss.
    """
    check_whole("n_against", n_against, least=0)
    target, n = flagger._target, len(flagger.flagged_)
    check_whole("explain", explain, words=("all",), least=0)
    explained = np.arange(n)
    if explain != "all":
        explained = np.sort(flagger.ranking_[flagger.flagged_[flagger.ranking_]][:explain])
    columns = {**label_columns(flagger), "flag": flagger.flagged_}
    if n_against and flagger._closed is not None:
        if target.classes is not None:  # the model knows no label that only absent rows have
            explained = explained[target.codes[explained] >= 0]
        found = np.full((n, n_against), -1, dtype=np.intp)
        if len(explained):
            tests = take_rows(flagger.X_train_, explained), target.given[explained]
            with ignore_last_of_class():  # the only row of a class contradicts none
                indices, values = flagger.explainer_.top_influences(
                    *tests, k=n_against, order="harmful", target="loss"
                )
            found[explained, : indices.shape[1]] = np.where(values < 0, indices, -1)
        names = np.append(flagger.training_rows_.array.astype(object), [None])  # None at -1
        columns.update({f"against_{j + 1}": names[found[:, j]] for j in range(n_against)})
    return flagger.training_rows_.frame(columns)
