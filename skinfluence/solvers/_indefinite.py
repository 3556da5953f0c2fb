"""Directions of negative curvature: the smallest eigenvalue, and the damping that lifts it."""

import numpy as np
from scipy.sparse.linalg import ArpackNoConvergence, eigsh

from skinfluence.solvers._base import IndefiniteHessianError

#: Matrices up to this size are formed.
SMALL = 100
#: Vectors that Lanczos's method keeps. With half of them it starts again before it has found the
#: eigenvalue, and takes up to five times as many products where damping has moved it near zero.
N_VECTORS = 80


def smallest_eigenvalue(hessian):
    """Smallest eigenvalue, by Lanczos's method from a fixed start; to about two digits.

    The residual of its vector is at most a tenth of it; the error is about the square of that.

    Parameters
    ----------
    hessian : Hessian

    Returns
    -------
    float
        Where Lanczos's method does not converge, a number that it is not above.
    """
    p = hessian.shape[0]
    if p <= SMALL:
        return float(np.linalg.eigvalsh(hessian.to_dense())[0])
    start = np.random.default_rng(0).standard_normal(p)
    try:
        found = eigsh(
            hessian, k=1, which="SA", v0=start, ncv=N_VECTORS, tol=0.1, return_eigenvectors=False
        )
    except ArpackNoConvergence as error:
        found = error.eigenvalues
        if not len(found):
            unit = start / np.linalg.norm(start)
            return float(unit @ (hessian @ unit))
    return float(found[0])


def require_positive_curvature(hessian, total_weight):
    """Raise IndefiniteHessianError, with a damping that is enough, for a negative eigenvalue.

    Parameters
    ----------
    hessian : Hessian
        Of a predictor that is not linear.
    total_weight : float
        Sum of the weights, which the damping is multiplied by.

    Returns
    -------
    float
        The smallest eigenvalue.
    """
    smallest = smallest_eigenvalue(hessian)
    if smallest > 0.0:
        return smallest
    damping = hessian.damping / total_weight
    enough = damping + 2.0 * abs(smallest) / total_weight
    digit = 10.0 ** np.floor(np.log10(enough)) if enough > 0.0 else 1e-6
    suggested = np.ceil(enough / digit) * digit
    error = IndefiniteHessianError(
        f"The Hessian has directions of negative curvature (smallest eigenvalue {smallest:.2g} in "
        f"sum form, {smallest / total_weight:.2g} a row, at damping={damping:g}): the parameters "
        f"are at no minimum. Pass damping={suggested:g} or more, or "
        'curvature="gauss_newton" with some damping, whose matrix has no negative curvature.'
    )
    error.smallest_eigenvalue = smallest
    raise error
