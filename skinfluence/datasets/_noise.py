"""Plant wrong labels, where the truth is known, to see what finds them."""

from numbers import Real

import numpy as np
from sklearn.utils import check_random_state


def _uniform_shifts(random_state, size, n_classes):
    return random_state.randint(1, n_classes, size=size)


def _next_class_shifts(random_state, size, n_classes):
    return np.ones(size, dtype=np.intp)


# How many classes further a flipped row moves, from 1 to n_classes - 1. shape: (size,)
_SHIFTS = {"symmetric": _uniform_shifts, "asymmetric": _next_class_shifts}


def flip_labels(y, fraction, *, kind="symmetric", random_state=None):
    """Give a fraction of the rows a wrong label.

    Exactly ``round(fraction * n)`` rows are flipped, drawn without replacement, and every one of
    them ends with a label that differs from its own.

    Parameters
    ----------
    y : array-like of shape (n,)
        Class labels: numbers, strings or booleans of at least two classes.
    fraction : float
        The fraction of rows to flip, in [0, 1]. Half a row is rounded to the even number.
    kind : {"symmetric", "asymmetric"}, default="symmetric"
        Which label a flipped row gets:

        - "symmetric": one of the other classes, each as likely as the next;
        - "asymmetric": always the class after its own in sorted order, and the first class after
          the last one (also called pair flipping).

        With two classes there is one other class and both do the same.
    random_state : int, RandomState instance or None, default=None
        Determines the flipped rows and their new classes. An int gives the same result at every
        call; the rows are the same for both kinds.

    Returns
    -------
    y_noisy : ndarray of shape (n,)
        A copy of `y` with the flipped labels, of the same dtype.
    flipped : ndarray of bool of shape (n,)
        True for the rows whose label was flipped.

    Raises
    ------
    TypeError
        If `fraction` is not a number.
    ValueError
        If `fraction` lies outside [0, 1], `kind` is unknown, or `y` is not one column of class
        labels of at least two classes without missing values.

    See Also
    --------
    flip_hard_labels : Wrong labels on rows that look like rows of another class.

    References
    ----------
    B. Frenay and M. Verleysen (2014), Classification in the Presence of Label Noise: a Survey,
    IEEE Transactions on Neural Networks and Learning Systems 25(5).

    Examples
    --------
    >>> from skinfluence.datasets import flip_labels
    >>> y = ["ham", "spam"] * 50
    >>> y_noisy, flipped = flip_labels(y, 0.1, random_state=0)
    >>> int(flipped.sum()), int((y_noisy != y).sum())
    (10, 10)
    """
    y, classes, codes = _checked(y, fraction, kind, _SHIFTS)
    random_state = check_random_state(random_state)

    n = len(y)
    rows = random_state.choice(n, size=round(fraction * n), replace=False)
    # Adding a shift of 1 to K - 1 modulo K reaches every other class once, and never its own.
    shifts = _SHIFTS[kind](random_state, len(rows), len(classes))

    y_noisy = y.copy()
    y_noisy[rows] = classes[(codes[rows] + shifts) % len(classes)]
    return y_noisy, np.isin(np.arange(n), rows)


def _checked(y, fraction, kind, kinds):
    """Labels as an array, their classes and codes; raises for what cannot be flipped."""
    if kind not in list(kinds):
        allowed = ", ".join(repr(name) for name in kinds)
        raise ValueError(f"kind must be one of {allowed}, got {kind!r}.")
    if isinstance(fraction, (bool, np.bool_)) or not isinstance(fraction, Real):
        raise TypeError(
            f"fraction must be a number in [0, 1], got {fraction!r} "
            f"of type {type(fraction).__name__}."
        )
    # Written so that NaN fails it too.
    if not 0 <= float(fraction) <= 1:
        percentage = 1 < float(fraction) <= 100
        hint = " Did you mean a percentage? Divide it by 100." if percentage else ""
        raise ValueError(f"fraction must lie in [0, 1], got {fraction!r}.{hint}")
    y = _check_labels(y)
    return y, *_classes_of(y)


def _check_labels(y):
    y = np.asarray(y)
    if y.ndim != 1:
        raise ValueError(
            f"y must be one column of class labels, of shape (n,), got shape {y.shape}. "
            "Flip the columns of a multi-output target one at a time."
        )
    if len(y) == 0:
        raise ValueError("y has no rows; there is nothing to flip.")
    missing = _missing(y)
    if missing.any():
        raise ValueError(
            f"y has missing labels in {missing.sum()} of {len(y)} rows, first in row "
            f"{missing.argmax()}. "
            "Leave these rows out first, for instance y[~pandas.isna(y)]."
        )
    if _is_continuous(y):
        raise ValueError(
            "y is continuous, and flip_labels needs class labels. For a regression target add "
            "noise to the values (y + random_state.normal(size=len(y))), or cut it into classes "
            "first (sklearn.preprocessing.KBinsDiscretizer)."
        )
    return y


def _is_continuous(y):
    """Whether floats, also those in an object array, are anything but finite whole numbers."""
    if y.dtype.kind == "O" and all(isinstance(v, Real) for v in y):
        y = y.astype(np.float64)
    return y.dtype.kind == "f" and not (np.isfinite(y) & (y == np.rint(y))).all()


def _missing(y):
    """Mark None, NaN, NaT and pandas.NA: the first by identity, the others differ from themselves.

    shape: (n,), bool
    """
    if y.dtype.kind != "O":
        return y != y if y.dtype.kind in "fcmM" else np.zeros(len(y), dtype=bool)
    # pandas.NA answers a comparison with itself, which has no truth value: it is known by name.
    return np.array([v is None or type(v).__name__ == "NAType" or v != v for v in y], dtype=bool)


def _classes_of(y):
    """Return the sorted classes, and for each row the position of its class among them."""
    try:
        classes, codes = np.unique(y, return_inverse=True)
    except TypeError as error:
        kinds = ", ".join(sorted({type(label).__name__ for label in y}))
        raise ValueError(
            f"y mixes labels that cannot be sorted: {kinds}. Make them all of one type first, "
            "for instance with y.astype(str)."
        ) from error
    if len(classes) == 1:
        raise ValueError(
            f"y has one class only ({classes.tolist()[0]!r}), so there is no other label to flip "
            "to. flip_labels needs at least two classes."
        )
    return classes, codes
