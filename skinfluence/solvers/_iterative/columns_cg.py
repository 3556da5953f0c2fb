"""Preconditioned conjugate gradients, each column by itself, where curvature may be negative."""

import numpy as np

#: Products of a column: far more than a good preconditioner takes.
MAX_ITER = 200


def columns_cg(hessian, V, precondition, *, tol):
    """H^-1 V by conjugate gradients that start from zero.

    A column whose direction has no positive curvature stops: at the solution so far, or at the
    direction itself where that is the first (Nash, 1984). Blocks of columns with a common Krylov
    space, which need a positive semi-definite H, are in `block_cg.py`.

    Parameters
    ----------
    hessian : Hessian
        Of p parameters.
    V : ndarray of shape (p, m)
    precondition : callable
        Product of a positive definite matrix near H^-1 with residuals (p, m).
    tol : float
        Relative residual at which a column ends.

    Returns
    -------
    ndarray of shape (p, m)

    References
    ----------
    S. G. Nash, "Newton-type minimization via the Lanczos method", SIAM Journal on Numerical
    Analysis 21(4), 1984.
    """
    X, R = np.zeros_like(V), V.copy()
    P = precondition(R)
    power = np.einsum("pm,pm->m", R, P)
    aim = tol * np.linalg.norm(V, axis=0)
    running = (np.linalg.norm(R, axis=0) > aim) & (power > 0.0)
    for _ in range(MAX_ITER):
        if not running.any():
            break
        product = hessian.matmat(P)
        curved = np.einsum("pm,pm->m", P, product)
        flat = running & ~(curved > 0.0)
        first = flat & ~X.any(axis=0)
        X[:, first] = P[:, first]
        running &= ~flat
        length = np.where(running, power, 0.0) / np.where(running, curved, 1.0)
        X += length * P
        R -= length * product
        Z = precondition(R)
        before, power = power, np.einsum("pm,pm->m", R, Z)
        running &= (np.linalg.norm(R, axis=0) > aim) & (power > 0.0)
        P = Z + np.where(running, power / np.where(running, before, 1.0), 0.0) * P
    return X
