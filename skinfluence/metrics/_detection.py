"""Detection of wrong labels that are known or planted."""

import numpy as np
from sklearn.base import clone
from sklearn.metrics import average_precision_score
from sklearn.utils.validation import _num_samples

from skinfluence._utils.checks import check_choice, check_number
from skinfluence.datasets import flip_labels


def mislabel_detection_score(
    estimator,
    X,
    y,
    *,
    wrong=None,
    metric="average_precision",
    inspected=0.1,
    fraction=0.1,
    kind="symmetric",
    random_state=0,
):
    """Accuracy of a flagger on labels that are known to be wrong.

    The wrong labels are given by `wrong`, or planted: a fraction of the labels in `y` is flipped
    and a clone of the flagger fitted to (X, flipped y). The score can then be used as ``scoring=``
    in any cross-validation, without known errors. (Errors that `y` had before count as right
    labels, which lowers the scores of all candidates.)

    Parameters
    ----------
    estimator : estimator with `scores_`
        Such as :class:`~skinfluence.LabelFlagger`. With `wrong` it must be fitted to (X, y).
    X : {array-like, sparse matrix, data frame} of shape (n_samples, n_features)
        The rows.
    y : array-like of shape (n_samples,)
        Their labels.
    wrong : array-like of bool of shape (n_samples,), default=None
        True where the label is wrong; None plants wrong labels.
    metric : {"average_precision", "found", "both"}, default="average_precision"
        Average precision of the ranking by `scores_`; or the share of all wrong labels that is
        found among the first rows of it; or a dict of both, for a search with
        ``refit="average_precision"``.
    inspected : float, default=0.1
        Share of the rows that are inspected.
    fraction : float, default=0.1
        Share of the labels that is made wrong.
    kind : {"symmetric", "asymmetric"}, default="symmetric"
        Kind of the planted errors; see :func:`skinfluence.datasets.flip_labels`.
    random_state : int, RandomState instance or None, default=0
        Draws the labels that are made wrong.

    Returns
    -------
    float or dict
        In [0, 1], higher is better.

    Examples
    --------
    >>> import numpy as np
    >>> from types import SimpleNamespace
    >>> from skinfluence.metrics import mislabel_detection_score
    >>> flagger = SimpleNamespace(scores_=np.array([0.9, 0.1, 0.8, 0.2]))
    >>> wrong = [True, False, False, True]
    >>> score = mislabel_detection_score(flagger, np.ones((4, 1)), [0, 1, 0, 1], wrong=wrong)
    >>> round(score, 3)
    0.833
    """
    check_choice("metric", metric, ("average_precision", "found", "both"))
    check_number("inspected", inspected, above=0.0, below=1.0)
    if wrong is None:
        check_number("fraction", fraction, above=0.0, below=1.0)
        y, wrong = flip_labels(y, fraction, kind=kind, random_state=random_state)
        estimator = clone(estimator).fit(X, y)
    scores, wrong = _suspicion(estimator, X, wrong)
    found = {
        "average_precision": float(average_precision_score(wrong, scores)),
        "found": _found_in_first(scores, wrong, inspected),
    }
    return found if metric == "both" else found[metric]


def _suspicion(estimator, X, wrong):
    """(scores of the rows, mask of the wrong labels), compared."""
    if not hasattr(estimator, "scores_"):
        raise TypeError(
            f"{type(estimator).__name__} has no scores_. Expected a fitted flagger of labels, such "
            "as LabelFlagger."
        )
    wrong, scores, n = np.asarray(wrong), np.asarray(estimator.scores_), _num_samples(X)
    if wrong.shape != (n,) or wrong.dtype != bool:
        raise ValueError(
            f"wrong has shape {wrong.shape} and type {wrong.dtype}; expected a boolean mask of "
            f"shape ({n},), True where the label is wrong."
        )
    if scores.shape != (n,):
        raise ValueError(
            f"The flagger was fitted to {len(scores)} rows and X has {n}: `wrong` belongs to the "
            "rows that it was fitted to. Leave `wrong` out for cross-validation: wrong labels are "
            "then planted."
        )
    if not 0 < wrong.sum() < n:
        raise ValueError(
            f"{wrong.sum()} of {n} labels are wrong; expected some wrong and some right ones."
        )
    return scores, wrong


def _found_in_first(scores, wrong, inspected):
    """Share of the wrong labels among the rows of largest score; ties in the order of the rows."""
    first = np.argsort(-scores, kind="stable")[: max(1, round(inspected * len(scores)))]
    return float(wrong[first].sum() / wrong.sum())
