"""Checks of solver settings, and of Hessians that a solver cannot take."""

from numbers import Integral, Real

import numpy as np
from sklearn.utils import check_random_state


def check_integer(name, value, *, least=1, other=()):
    """Raise ValueError unless `value` is a whole number, at least `least`, or one of `other`."""
    if _is_one_of(value, other):
        return
    if isinstance(value, bool | np.bool_) or not isinstance(value, Integral) or value < least:
        raise ValueError(
            f"{name} must be an integer of at least {least}{_or(other)}, got {_got(value)}."
        )


def check_positive(name, value, *, zero=False, other=()):
    """Raise ValueError unless `value` is a finite number above (or at) 0, or one of `other`."""
    if _is_one_of(value, other):
        return
    is_number = isinstance(value, Real) and not isinstance(value, bool | np.bool_)
    if not is_number or not np.isfinite(value) or value < 0 or (value == 0 and not zero):
        kind = "number of at least 0" if zero else "positive number"
        raise ValueError(f"{name} must be a {kind}{_or(other)}, got {_got(value)}.")


def check_choice(name, value, choices):
    """Raise ValueError unless `value` is one of `choices`."""
    if not _is_one_of(value, choices):
        known = ", ".join(map(repr, choices))
        raise ValueError(f"{name}={value!r} is not known. Expected one of {known}.")


def check_seed(value):
    """Raise ValueError unless `value` can seed the draws."""
    try:
        check_random_state(value)
    except (ValueError, TypeError) as error:
        raise ValueError(
            "random_state must be None, an integer from 0 to 2**32 - 1 or a "
            f"numpy.random.RandomState, got {_got(value)}."
        ) from error


def require_convex(hessian, name):
    """Raise ValueError for the Hessian of a loss that is not convex."""
    if not hessian.convex:
        raise ValueError(
            f"solver={name!r} needs a convex loss and a linear predictor, so that every row has "
            'positive curvature. Use solver="auto", "cholesky" or "eigh", which factorise the '
            'Hessian as a whole; or curvature="gauss_newton" for a predictor that is not linear.'
        )


def check_columns(V, p):
    """Right-hand sides as float64 of shape (p, m); ValueError for any other shape."""
    V = np.asarray(V, dtype=np.float64)
    if V.ndim != 2 or len(V) != p:
        raise ValueError(
            f"Right-hand sides have shape {V.shape}; expected ({p}, m), one column for each of m "
            "systems. Products with a vector are `inverse @ v`."
        )
    return V


def column_sizes(V):
    """Euclidean norms (m,) of columns whose squares may overflow or vanish."""
    largest = np.abs(V).max(axis=0, initial=0.0)
    unit = np.where((largest > 0) & np.isfinite(largest), largest, 1.0)
    return unit * np.linalg.norm(V / unit, axis=0)


def _is_one_of(value, choices):
    return (value is None or isinstance(value, str)) and value in choices


def _or(other):
    return "".join(f" or {choice!r}" for choice in other)


def _got(value):
    return f"{value!r} ({type(value).__name__})"


def require_diagonal_penalty(hessian, name):
    """Raise ValueError unless a Hessian is a diagonal matrix plus the rows of a design."""
    if not hessian.linear or hessian.penalty_term.matrix is not None:
        raise ValueError(
            f"solver={name!r} needs a linear predictor and a penalty with a diagonal matrix. Use "
            'solver="auto", "cholesky", "eigh" or "cg".'
        )
