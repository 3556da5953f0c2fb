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
    """What models that have not seen a row say about it.

    Attributes
    ----------
    value : ndarray
        Classification: shape (n, K), the normalised log-probability of each class for each
        training row, by the model fitted without that row, before any temperature. Regression:
        shape (n,), the value predicted without the row, in the target's unit.
    predict : callable
        Takes new rows as the user gave them; answers with log-probabilities of shape (m, K) or
        values of shape (m,).
    leverage : ndarray of shape (n,) or None
        How far a row's own target pulls its own prediction, in [0, 1]; None where unknown.
    description : str
        One sentence: which model, which damping.
    damping : float or None
        The damping of the model, in the unit that its source documents; None where it has none.
    are_probabilities : bool
        Whether the model means its numbers as probabilities; margins get a temperature always.
    """

    value: ndarray
    predict: Callable[[Any], ndarray]
    leverage: ndarray | None
    description: str
    damping: float | None
    are_probabilities: bool = True


class Source(Protocol):
    """Anything that gives an opinion for any row weights."""

    def fit(self, weight: ndarray) -> Opinion:
        """Fit with row weights of shape (n,), float64, none negative.

        Rows of weight zero influence nothing (no scaler, no landmark), but get an opinion as well.
        """
        ...
