"""Checks of the scorers' settings."""

from numbers import Integral, Real


def check_count(name, value):
    whole = isinstance(value, Integral) and not isinstance(value, bool)
    if not whole or value < 2:
        raise ValueError(f"{name}={value!r}. Expected a whole number, at least 2.")


def check_share(name, value):
    if isinstance(value, bool) or not isinstance(value, Real) or not 0 < float(value) < 1:
        raise ValueError(f"{name}={value!r}. Expected a share of the rows, between 0 and 1.")


def check_choice(name, value, allowed):
    if not isinstance(value, str | None) or value not in allowed:
        raise ValueError(f"{name}={value!r} is not known. Expected one of {list(allowed)}.")
