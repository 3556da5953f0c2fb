"""Checks of arguments: what was got, and what was expected."""

from numbers import Integral, Real

import numpy as np
from sklearn.utils.validation import check_array


def check_choice(name, value, allowed):
    """Raise ValueError unless `value` is one of the names in `allowed` (None may be among them)."""
    if not isinstance(value, str | None) or value not in list(allowed):
        raise ValueError(f"{name}={value!r} is not known. Expected one of {list(allowed)}.")


def check_whole(name, value, *, words=(), least=1):
    """Raise ValueError unless `value` is a whole number, at least `least`, or one of `words`."""
    if isinstance(value, str | None) and value in words:
        return
    if isinstance(value, bool | np.bool_) or not isinstance(value, Integral) or value < least:
        either = "".join(f"{word!r} or " for word in words)
        raise ValueError(f"{name}={value!r}. Expected {either}a whole number, at least {least}.")


def _is_finite(value):
    try:
        return bool(np.isfinite(float(value)))
    except OverflowError:  # a whole number that no float can hold
        return False


def check_number(name, value, *, words=(), least=None, above=None, most=None, below=None):
    """Raise ValueError unless `value` is a finite number in its range, or one of `words`."""
    if isinstance(value, str | None) and value in words:
        return
    number = not isinstance(value, bool | np.bool_) and isinstance(value, Real)
    inside = number and _is_finite(value)
    inside = inside and (least is None or value >= least) and (above is None or value > above)
    inside = inside and (most is None or value <= most) and (below is None or value < below)
    if not inside:
        bounds = [(">=", least), (">", above), ("<=", most), ("<", below)]
        bound = " and ".join(f"{sign} {limit:g}" for sign, limit in bounds if limit is not None)
        either = "".join(f"{word!r} or " for word in words)
        expected = f"{either}a finite number {bound}".rstrip()
        raise ValueError(f"{name}={value!r}. Expected {expected}.")


def check_threshold(threshold, is_classification):
    """Raise ValueError unless predictions can cross it: a finite number for regressors, else None.

    Of classifiers, whose prediction flips where another class is predicted.
    """
    if is_classification:
        if threshold is not None:
            raise ValueError(
                f"threshold={threshold!r} is for regressors; a classifier's prediction flips where "
                "another class is predicted. Leave it out."
            )
        return
    number = isinstance(threshold, Real) and not isinstance(threshold, bool)
    if not number or not _is_finite(threshold):
        raise ValueError(
            f"threshold={threshold!r}; a regressor's prediction flips where it crosses a finite "
            "number. Pass threshold=0.0 for its sign."
        )


def passes_unchanged(values, dtypes=(np.float64,)):
    """Whether scikit-learn's check of a table or of values would return this object as it is.

    Of plain arrays of finite floats that is known in a tenth of the time that the check takes; of
    other objects, and where their sum overflows, it is not.
    """
    if type(values) is not np.ndarray or values.dtype not in dtypes:
        return False
    if values.ndim not in (1, 2) or not values.size:
        return False
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.isfinite(values.sum()))


def as_floats(values, name):
    """Finite numbers as float64 of shape (n,) or (n, K), in the words of scikit-learn's check."""
    if passes_unchanged(values):
        return values
    return check_array(values, ensure_2d=False, dtype=np.float64, input_name=name)


def check_weights(sample_weight):
    """Raise ValueError for negative weights, or weights that are all zero."""
    if sample_weight is None:
        return
    weights = np.asarray(sample_weight)
    if weights.dtype.kind not in "biuf":  # scikit-learn says what is wrong with these
        return
    if np.any(weights < 0):
        raise ValueError(
            "sample_weight has negative entries; expected weights >= 0 (0 leaves a row out)."
        )
    if not np.any(weights):
        raise ValueError(
            "sample_weight is zero for every row; expected at least one non-zero number."
        )


def check_verbose(verbose):
    """Raise ValueError for what says not how much is printed."""
    if verbose is not None and (not isinstance(verbose, Integral) or verbose < 0):
        raise ValueError(f"verbose={verbose!r}. Expected None, 0, 1 or a larger whole number.")


def check_workers(n_jobs):
    """Raise ValueError for an invalid number of jobs."""
    whole = isinstance(n_jobs, Integral) and not isinstance(n_jobs, bool)
    if n_jobs is not None and (not whole or n_jobs == 0):
        raise ValueError(
            f"n_jobs={n_jobs!r}. Expected None, a positive integer, or -1 for all processors."
        )
