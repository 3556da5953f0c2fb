"""Shared by several solvers: units of the diagonal, null directions, a bound on curvature."""

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skinfluence._utils.warnings import warn_user

#: Advice for right-hand sides that have no solution.
NOT_FINITE = "Right-hand sides with NaN or infinite entries have no solution."


def diagonal_root(diagonal):
    """Root of a Hessian's diagonal, with 1 where there is no curvature."""
    diagonal = diagonal.clip(min=0.0)
    # relative to the largest entry: a column of rounding noise must not be blown up to size 1
    tiny = diagonal.max(initial=0.0) * np.finfo(float).tiny
    return np.where(diagonal > tiny, np.sqrt(diagonal), 1.0)


def largest_eigenvalue(product, p, random_state, max_iter=50, rtol=0.01):
    """Power iteration on a symmetric positive semi-definite operator, from below.

    Parameters
    ----------
    product : callable
        Takes and gives arrays of shape (p,).
    p : int
    random_state : RandomState
    max_iter : int, default=50
    rtol : float, default=0.01
        Stop when an iteration changes the estimate by less.

    Returns
    -------
    float
        At most the largest eigenvalue, and within a few per cent of it.
    """
    v = random_state.standard_normal(p)
    v /= np.linalg.norm(v)
    size = 0.0
    for _ in range(max_iter):
        v = product(v)
        previous, size = size, float(np.linalg.norm(v))
        if size == 0.0 or not np.isfinite(size):
            return 0.0 if size == 0.0 else size
        v /= size
        if abs(size - previous) <= rtol * size:
            break
    return size


def project_identifiable(hessian, V):
    """V without its part along the directions that are not identifiable."""
    N = hessian.non_identifiable
    return V - N @ (N.T @ V) if N.size else V


def warn_unconverged(solver, bad, n_columns, measured, remedy):
    """One ConvergenceWarning for all columns that did not reach the tolerance."""
    warn_user(
        f'solver="{solver}": {bad} of {n_columns} right-hand sides did not reach the tolerance: '
        f"{measured}. {remedy}",
        ConvergenceWarning,
    )
