"""Checks of solver settings, and of Hessians that a solver cannot take."""

import numpy as np
from sklearn.utils import check_random_state


def check_seed(value):
    """Raise ValueError unless `value` can seed the draws."""
    try:
        check_random_state(value)
    except (ValueError, TypeError) as error:
        raise ValueError(
            "random_state must be None, an integer from 0 to 2**32 - 1 or a "
            f"numpy.random.RandomState, got {value!r}."
        ) from error


def own_random_state(seed):
    """A RandomState; where None is given one of its own, since the global one is nobody's."""
    return np.random.RandomState() if seed is None else check_random_state(seed)


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


def require_diagonal_penalty(hessian, name):
    """Raise ValueError unless a Hessian is a diagonal matrix plus the rows of a design."""
    if not hessian.linear or hessian.penalty_term.matrix is not None:
        raise ValueError(
            f"solver={name!r} needs a linear predictor and a penalty with a diagonal matrix. Use "
            'solver="auto", "cholesky", "eigh" or "cg".'
        )
