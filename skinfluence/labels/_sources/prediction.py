"""Out-of-sample predictions of rows.

A source has ``fit(weight)``, which returns an OutOfSamplePrediction for row weights of shape (n,),
all positive, and ``with_target(target)``, the source of the same rows with other labels or values.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from numpy import ndarray


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
