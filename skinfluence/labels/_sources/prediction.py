"""Predictions of rows by models that have not seen them: the contract of all sources.

A source is constructed with ``(X, target, n_classes or None, settings)``, where the target holds
the codes 0 ... K - 1 of the given labels, shape (n,), or the values of a regression, shape (n,).
The noise model takes out-of-sample predictions and never a model, so that closed forms of
leave-one-out and cross-validation feed the same mathematics.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from numpy import ndarray

__all__ = ["OutOfSamplePrediction", "OutOfSamplePredictor"]


@dataclass(frozen=True)
class OutOfSamplePrediction:
    """Predictions for the training rows, each by a model fitted without that row."""

    #: Classification: normalised log-probabilities, shape (n, K), before any temperature.
    #: Regression: values, shape (n,).
    value: ndarray
    #: The same of new rows as the user gave them, (m, K) or (m,).
    predict: Callable[[Any], ndarray]
    #: Leverage of each row's target on its own prediction, in [0, 1], (n,); None where unknown.
    leverage: ndarray | None
    description: str  # one sentence: which model, which damping
    damping: float | None  # in the unit that its source documents
    #: False for margins, which always get a temperature.
    are_probabilities: bool = True


class OutOfSamplePredictor(Protocol):
    """Anything that predicts the training rows out of sample, for any row weights."""

    def fit(self, weight: ndarray) -> OutOfSamplePrediction:
        """Fit with row weights of shape (n,), float64, none negative.

        Rows of weight zero influence nothing (no scaler, no landmark), and have a prediction too.
        """
        ...
