"""Shared by the fitted noise models of labels and of values."""

import warnings
from abc import ABC, abstractmethod
from dataclasses import dataclass, field

import numpy as np

from skinfluence._utils.warnings import user_stacklevel
from skinfluence.labels._sources.prediction import OutOfSamplePrediction


@dataclass(kw_only=True)
class FittedNoise(ABC):
    """A fitted noise model of the training rows, and which of them are flagged.

    A subclass has, of the training rows, `quality`, `tie_break`, `out_of_sample`, `predicted` and
    `suggested(flagged)`, each of shape (n, ...); of new rows `of_new_rows(X, codes)` (quality,
    suggestion, prediction) and `log_likelihood(X, codes)`; and `attributes()` of a flagger.
    """

    prediction: OutOfSamplePrediction = field(repr=False)  # of the last fit
    codes: np.ndarray = field(repr=False)  # of the given labels, or the values, shape: (n,)
    row_weight: np.ndarray = field(repr=False)  # share of each row's weight in the last fit
    n_iter: int  # number of fits
    # what the first fit, of all labels, predicts without the row, (n,); None where it is the last
    plain: np.ndarray | None = field(default=None, repr=False)

    def judge(self, weight, contamination):
        """Flag rows; a weight is zero where a label is known to be right."""
        self.weight = weight
        self.flagged, self.contamination = self.flag(weight, contamination)

    @abstractmethod
    def flag(self, weight, contamination):
        """(flags of shape (n,), share of the weight that is flagged)."""

    @property
    def n_sure(self):
        """How many labels are surely wrong: what "strict" flags."""
        return int(self.flag(self.weight, "strict")[0].sum())

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

    def warn(self):
        """Warn where labels are flagged and nothing predicts the labels."""
        if reason := self.reason_to_doubt():
            warnings.warn(reason, UserWarning, stacklevel=user_stacklevel())

    def expected_gain(self):
        """(gain of the mean rightness by the row weights of the last fit, its standard error).

        All rows are predicted without themselves. NaN where there was one fit, no row counts, or
        there is a :meth:`reason_to_doubt`.
        """
        if self.plain is None or not self.weight.any() or self.reason_to_doubt():
            return np.nan, np.nan
        share = self.weight / self.weight.sum()
        difference = self.rightness(self.predicted) - self.rightness(self.plain)
        gain = share @ difference
        return float(gain), float(np.sqrt(share**2 @ (difference - gain) ** 2))
