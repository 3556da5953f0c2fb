"""What models say about rows that they have not seen: the noun between models and noise models.

A *source* knows the rows and their given labels and answers, for any row weights, with an
*opinion*: what a model fitted without a row says about that row. Everything that judges labels (the
noise model, the counts, the scores) asks a source and never a model, so that the closed forms of
scikit-learn estimators, the library's own representations and plain cross-validation all feed the
same mathematics.

Sources are constructed with ``(X, target, n_classes or None, settings)``, where the target holds
the codes 0 ... K - 1 of the given labels, shape (n,), or the values of a regression, shape (n,).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from numpy import ndarray

__all__ = ["Opinion", "Source"]


@dataclass(frozen=True)
class Opinion:
    """What models that have not seen a row say about it."""

    #: Classification: shape (n, K), the normalised log-probability of each class for each row, by
    #: the model fitted without it, before any temperature. Regression: shape (n,), the value.
    value: ndarray
    #: The same of new rows as the user gave them, (m, K) or (m,).
    predict: Callable[[Any], ndarray]
    #: How far a row's own target pulls its own prediction, in [0, 1], (n,); None where unknown.
    leverage: ndarray | None
    description: str  # one sentence: which model, which damping
    damping: float | None  # in the unit that its source documents
    #: Whether the model means its numbers as probabilities; margins get a temperature always.
    are_probabilities: bool = True


class Source(Protocol):
    """Anything that gives an opinion for any row weights."""

    def fit(self, weight: ndarray) -> Opinion:
        """Fit with row weights of shape (n,), float64, none negative.

        Rows of weight zero influence nothing (no scaler, no landmark), but get an opinion as well.
        """
        ...
