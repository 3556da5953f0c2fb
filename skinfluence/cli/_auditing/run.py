"""Audit of a prepared table: labels judged, other findings, timed."""

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from skinfluence.cli._files.checks import column_scores, find_leaks
from skinfluence.cli._files.records import DataError
from skinfluence.labels import LabelFlagger

from .duplicates import Duplicates, find_alike, find_duplicates
from .findings import find_groups, find_unlike
from .models import make_model
from .notes import noted_warnings
from .prepare import Prepared

#: Of so many rows more landmarks find hardly more, in a multiple of the time and the memory.
MANY_ROWS, FEW_LANDMARKS = 20_000, 300
#: Flagged rows whose opponents are computed for files.
EXPLAINED = 1000


@dataclass
class Suspect:
    """A row whose label looks wrong; `against` are rows of the file that oppose it."""

    row: int
    given: str
    suggested: str
    wrong: float
    against: list


@dataclass
class Audit:
    """Findings of an audit. `suspects` are the flagged rows, the most suspicious first."""

    prepared: Prepared
    flagger: Any
    classes: bool
    suspects: list[Suspect]
    duplicates: Duplicates
    unlike: list
    groups: list
    telling: list[str]  # columns that predict the target best by themselves
    seconds: float

    @property
    def share(self):
        """Share of the labels that are flagged."""
        return len(self.suspects) / len(self.prepared.labels.rows)


def run_audit(prepared, *, model, contamination="auto", explain=EXPLAINED, verbose=None):
    """The Audit of a prepared table; `explain` flagged rows get the rows against them."""
    begun = time.perf_counter()
    labels, columns = prepared.labels, prepared.columns
    alike = find_alike(columns)  # before the model takes memory
    flagger = fit_flagger(model, prepared, contamination=contamination, verbose=verbose)
    classes = flagger.target_type_ == "classes"
    scores = column_scores(columns, labels.y, classes)
    find_leaks(scores, classes, prepared.notes)
    spread = 0.0 if classes else 0.1 * np.std(labels.y)

    def differ(found):
        return len(np.unique(found)) > 1 if classes else np.ptp(found) > spread

    return Audit(
        prepared,
        flagger,
        classes,
        _suspects(prepared, flagger, explain),
        find_duplicates(alike, labels.rows, labels.y, differ),
        find_unlike(columns, labels.rows),
        find_groups(columns, errors(flagger, labels.y, classes)),
        sorted(scores, key=lambda name: -scores[name])[:3] or list(columns)[:3],
        time.perf_counter() - begun,
    )


def fit_flagger(choice, prepared, *, contamination="auto", verbose=None):
    """A LabelFlagger of the labels of a table; its warnings become notes."""
    settings: dict = {"contamination": contamination, "verbose": verbose}
    if len(prepared.labels.rows) > MANY_ROWS:
        settings["n_components"] = FEW_LANDMARKS
    if choice.is_own:
        settings |= {"representation": choice.name, "n_jobs": -1}  # threads
        flagger = LabelFlagger(**settings)
    else:
        flagger = LabelFlagger(make_model(choice, prepared), **settings)
    with noted_warnings(prepared.notes):
        try:
            return flagger.fit(prepared.X, prepared.labels.y)
        except ValueError as error:
            raise DataError(f"The model cannot be fitted: {error}") from error


def errors(flagger, y, classes):
    """Error of the prediction of each row without it: 0 or 1 for classes, distance for values."""
    if classes:
        return (flagger.classes_[flagger.loo_proba_.argmax(axis=1)] != y).astype(float)
    return np.abs(flagger.loo_prediction_ - y)


def _suspects(prepared, flagger, explain):
    """Suspects of a fitted flagger."""
    labels = prepared.labels
    flagged = flagger.ranking_[flagger.flagged_[flagger.ranking_]]
    report = flagger.report(n_against=3, explain=min(explain, len(flagged)))
    names = [name for name in _column_names(report) if str(name).startswith("against_")]
    against = [np.asarray(report[name], dtype=object) for name in names]
    out = []
    for place in flagged:
        named = [column[place] for column in against]
        named = [None if name is None or name != name else name for name in named]
        rows = [row for row in prepared.names_to_rows(named) if row is not None]
        out.append(
            Suspect(
                int(labels.rows[place]),
                labels.texts[place],
                labels.text(flagger.suggested_[place]),
                float(1 - flagger.label_quality_[place]),
                rows,
            )
        )
    return out


def _column_names(frame):
    if hasattr(frame, "column_names"):  # pyarrow
        return frame.column_names
    return frame.dtype.names if isinstance(frame, np.ndarray) else list(frame.columns)
