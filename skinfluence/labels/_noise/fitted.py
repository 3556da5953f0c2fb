"""Shared by the fitted noise models of labels and of values."""

from abc import ABC, abstractmethod
from dataclasses import InitVar, dataclass, field
from typing import Any

import numpy as np

from skinfluence.labels._sources.prediction import OutOfSamplePrediction


@dataclass(kw_only=True)
class FittedNoise(ABC):
    """A fitted noise model of the training rows, and which of them are flagged.

    A subclass has, of the training rows, `quality` (the probability that each label is right),
    `tie_break` (for rows whose qualities have rounded to one number: higher is more suspicious),
    `suggested` (the most probable class, of a flagged row the most probable other one; or value)
    and `out_of_sample` (probabilities, or values), each of shape (n, ...). Of m rows that no model
    has seen it has `of_new_rows(X, codes)`, (quality, suggestion, prediction), and the
    `log_likelihood(X, codes)` of their labels, noise included, (m,). `attributes()` are those of a
    flagger that do not belong to rows.
    """

    prediction: OutOfSamplePrediction = field(repr=False)
    codes: np.ndarray = field(repr=False)  # of the given labels, or the values, shape: (n,)
    weight: np.ndarray = field(repr=False)
    certain: Any = field(default=False, repr=False)  # mask of labels that are known to be right
    row_weight: np.ndarray = field(repr=False)  # share of each row's weight in the fit
    with_noise: bool = True
    n_iter: int = 1  # number of fits
    # what the first fit, of all labels, predicts without the row, (n,); None where it is the last
    plain: np.ndarray | None = field(default=None, repr=False)
    before: InitVar[Any] = None  # a noise model of the same rows, to start from
    flagged: np.ndarray = field(init=False, repr=False)  # mask, shape: (n,)
    contamination: float = field(init=False)  # what `flag` says of it

    @property
    def left(self):
        """Row weights, zero where a label is known to be right, (n,)."""
        return np.where(self.certain, 0.0, self.weight)

    @abstractmethod
    def next_row_weight(self):
        """Share of each row's weight in the next fit, (n,); None where that would not help."""

    @abstractmethod
    def flag(self, contamination):
        """(flags of shape (n,), share of the weight of labels, or of values, that are wrong)."""

    @property
    def n_sure(self):
        """How many labels are surely wrong: what "strict" flags."""
        return int(self.flag("strict")[0].sum())

    @property
    @abstractmethod
    def predicted(self):
        """Class or value that is predicted without the row, (n,)."""

    @abstractmethod
    def rightness(self, predicted):
        """How right predictions (n,) of the training rows are, more is better, (n,)."""

    @abstractmethod
    def reason_to_doubt(self):
        """Sentences where labels are flagged and nothing predicts labels; None elsewhere."""

    def expected_gain(self):
        """(gain of the mean rightness by the row weights of the last fit, its standard error).

        All rows are predicted without themselves. NaN where there was one fit, no row counts, or
        there is a :meth:`reason_to_doubt`.
        """
        left = self.left
        if self.plain is None or not left.any() or self.reason_to_doubt():
            return np.nan, np.nan
        difference = self.rightness(self.predicted) - self.rightness(self.plain)
        return mean_and_error(difference, left / left.sum())


def mean_and_error(values, share):
    """(mean of values by shares that sum to one, its standard error)."""
    mean = float(share @ values)
    return mean, float(np.sqrt(share**2 @ (values - mean) ** 2))
