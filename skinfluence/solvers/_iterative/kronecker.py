"""A Kronecker product in place of the data part of a Hessian: A (x) S + I (x) P."""

import numpy as np

#: Share of their mean that the eigenvalues of A get before it is inverted: no direction without
#: curvature (the common shift of a softmax) decides which rows count.
LEAST_CURVATURE = 1e-2

#: Eigenvalues of S + P, in units of a unit diagonal, that may be rounding.
ROUNDING = 1e-10

#: Values of M below this part of their column's largest belong to directions that are flat.
FLAT = 1e-8


class KroneckerPreconditioner:
    """M = A (x) S + I (x) P = E E' for a Hessian sum_i A_i (x) z_i z_i' + penalty.

    Were all rows' curvatures A_i of one shape, as those of a softmax are at coefficients of zero,
    M would be the Hessian. Otherwise A and S are one sweep of the fixed point
    A = sum_i (z_i' S^-1 z_i) A_i, S = sum_i trace(A^-1 A_i) z_i z_i' of Dutilleul (1999), "The MLE
    algorithm for the matrix normal distribution", Journal of Statistical Computation and Simulation
    64, begun at S = I, and scaled so that M has the trace of the Hessian. The inverse in the
    weights makes rare classes count as much as frequent ones. P is the penalty, as the mean over
    the outputs: it may be zero in some columns (the intercept).

    It takes one Gram matrix and two eigenproblems of size q, where the Hessian itself would take
    K (K - 1) / 2 and a factorisation of size K q. With A = U diag(alpha) U', W' S W = diag(mu) and
    W' P W = diag(pi), M = (U (x) W^-T) diag(alpha_k mu_j + pi_j) (U (x) W^-T)'.

    Parameters
    ----------
    hessian : Hessian
    shape : (int, int)
        Number and size of the blocks in which right-hand sides come.
    """

    def __init__(self, hessian, shape):
        self._shape = shape
        self._outputs = hessian.n_outputs, hessian.n_columns
        A, S = _factors(hessian)
        alpha, self._left = np.linalg.eigh(A)
        mu, pi, self._right, self._right_inverse = _common_directions(S, hessian.penalty.mean(0))
        values = alpha.clip(min=0.0)[:, None] * mu.clip(min=0.0) + pi
        top = values.max(axis=0)
        top[top < FLAT] = 1.0
        self._root = np.sqrt(np.where(values > FLAT * top, values, top))[:, :, None]

    def _turned(self, left, right, V):
        """(left (x) right) V, of shape (K, q, m)."""
        V = np.tensordot(right, V.reshape(*self._outputs, -1), axes=(1, 1))  # shape: (q, K, m)
        return np.tensordot(left, V, axes=(1, 1))

    def _block(self, V):
        return V.reshape(*self._shape, -1)

    def into(self, R):
        """E^-1 R: residuals, into the coordinates of the iteration."""
        return self._block(self._turned(self._left.T, self._right.T, R) / self._root)

    def back(self, X):
        """E^-T X: solutions, from the coordinates of the iteration."""
        X = X.reshape(*self._outputs, -1) / self._root
        return self._block(self._turned(self._left, self._right, X))

    def residuals_back(self, R):
        """E R: residuals, from the coordinates of the iteration."""
        R = R.reshape(*self._outputs, -1) * self._root
        return self._block(self._turned(self._left, self._right_inverse.T, R))

    def null_back(self, N):
        """E' N: null directions of H, as null directions of E^-1 H E^-T."""
        return self._block(self._turned(self._left.T, self._right_inverse, N) * self._root)


def _factors(hessian):
    """A (K, K) with a mean eigenvalue of 1, and S (q, q)."""
    K = hessian.n_outputs
    norms = hessian.design.square_norms()[:, 0]
    A, weights = np.zeros((K, K)), np.empty(hessian.n_rows)
    for rows in hessian.row_blocks():
        A += hessian.curvature_of(rows).total(norms[rows])
    size = np.trace(A) / K
    inverse = np.linalg.pinv(A + LEAST_CURVATURE * size * np.eye(K))
    for rows in hessian.row_blocks():
        weights[rows] = hessian.curvature_of(rows).traces(inverse)
    weights.clip(min=0.0, out=weights)  # rounding, where a softmax is saturated
    total = weights @ norms
    if total == 0:
        return A, hessian.design.gram(weights)
    return A / size, hessian.design.gram(weights * (size / total))


def _common_directions(S, P):
    """mu, pi, W and its inverse with W' S W = diag(mu) and W' diag(P) W = diag(pi)."""
    unit = np.sqrt(np.diag(S) + P)
    unit[unit == 0] = 1.0
    S = S / unit[:, None] / unit
    P = P / unit**2
    size, V = np.linalg.eigh(S + np.diag(P))
    # directions without curvature or penalty keep their length: 1 / size would be rounding
    size = np.sqrt(np.where(size > ROUNDING, size, 1.0))
    mu, Q = np.linalg.eigh((V / size).T @ S @ (V / size))
    W = (V / size) @ Q
    # pi as a sum: it has digits where 1 - mu has none
    return mu, P @ W**2, W / unit[:, None], Q.T @ (V * size).T * unit
