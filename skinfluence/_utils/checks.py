"""Checks of what tasks are asked: each says what was got and what was expected."""

from numbers import Integral, Real

import numpy as np


def check_choice(name, value, allowed):
    """Raise ValueError unless `value` is one of the names in `allowed` (None may be among them)."""
    if not isinstance(value, str | None) or value not in list(allowed):
        raise ValueError(f"{name}={value!r} is not known. Expected one of {list(allowed)}.")


def check_whole(name, value, *, least=1):
    """Raise ValueError unless `value` is a whole number, at least `least`."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise ValueError(f"{name}={value!r}. Expected a whole number, at least {least}.")


def _is_finite(value):
    try:
        return bool(np.isfinite(float(value)))
    except OverflowError:  # a whole number that no float can hold
        return False


def check_number(name, value, *, words=(), least=None, above=None, most=None, below=None):
    """Raise ValueError unless `value` is a finite number in its range, or one of `words`."""
    if isinstance(value, str) and value in words:
        return
    number = not isinstance(value, bool | np.bool_) and isinstance(value, Real)
    inside = number and _is_finite(value)
    inside = inside and (least is None or value >= least) and (above is None or value > above)
    inside = inside and (most is None or value <= most) and (below is None or value < below)
    if not inside:
        bounds = [(">=", least), (">", above), ("<=", most), ("<", below)]
        bound = " and ".join(f"{sign} {limit:g}" for sign, limit in bounds if limit is not None)
        either = "".join(f"{word!r} or " for word in words)
        raise ValueError(f"{name}={value!r}. Expected {either}a finite number {bound}.")
