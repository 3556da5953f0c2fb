"""Rows drawn by LiSSA, their probabilities, and a bound on the curvature of a draw."""

import numpy as np

from skinfluence.linalg import row_blocks
from skinfluence.solvers._shared import largest_eigenvalue

#: Rows that stand for all where the Hessian's own norm is measured.
PROBE_ROWS = 500
#: On the largest eigenvalue of the sampled Hessian, found from below.
SAFETY = 1.1


def curvature_bounds(hessian, weights):
    """Upper bounds of the largest eigenvalue of each row's preconditioned curvature, (n,).

    That is of B_i A_i B_i, where B_i = diag_k(sqrt(sum_j weights_kj z_ij^2)).
    """
    square_norms = hessian.design.square_norms(weights)  # shape: (n, K) or (n, 1)
    out = np.empty(hessian.n_rows)
    for rows in row_blocks(hessian.n_rows, 64 * hessian.n_outputs**2, cache_mib=1.0):
        out[rows] = _largest_eigenvalues(hessian.curvature_of(rows), square_norms[rows])
    return out


def _largest_eigenvalues(curvature, square_norms):
    """The bounds of some rows."""
    if curvature.full:
        size = np.einsum(
            "nkl,nk,nl->n", curvature.values**2, square_norms, square_norms, optimize=True
        )
        return np.sqrt(size)
    # outputs first: sums over them are then vectorised over the rows
    c = np.ascontiguousarray((curvature.values * square_norms).T)
    if curvature.separable:
        return np.abs(c).max(axis=0)
    # diag(c) - f f': the smaller of the Frobenius norm and Gershgorin's discs
    square = np.ascontiguousarray((curvature.factor**2 * square_norms).T)
    f = np.sqrt(square)
    frobenius = (c * (c - 2.0 * square)).sum(axis=0) + square.sum(axis=0) ** 2
    discs = c - 2.0 * square + f * f.sum(axis=0)
    return np.minimum(np.sqrt(np.maximum(frobenius, 0.0)), discs.max(axis=0))


class RowSampler:
    """Draws rows so that the mean curvature of a draw is the Hessian's.

    Row i is drawn with probability p_i and counts 1 / p_i. Importance sampling takes p_i
    proportional to the bound ``lambda_max(A_i) ||z_i||^2``: then every draw has a curvature of the
    same size, their sum, where uniform draws reach n times the largest one.

    Parameters
    ----------
    hessian : Hessian
    weights : ndarray of shape (K, q) or (1, q)
        The preconditioner; one row for all outputs alike.
    sampling : {"importance", "uniform"}

    Attributes
    ----------
    row_scale : ndarray of shape (n,)
        1 / p_i; 0 for rows without curvature, which are never drawn.
    largest : float
        Bound on the scaled curvature of a drawn row.
    """

    def __init__(self, hessian, weights, sampling):
        bound = curvature_bounds(hessian, weights)
        chance = bound if sampling == "importance" else (bound > 0).astype(float)
        if not chance.any():
            chance = np.ones_like(bound)  # no curvature anywhere: any row does
        chance = chance / chance.sum()
        self.row_scale = np.divide(1.0, chance, out=np.zeros_like(chance), where=chance > 0)
        self.largest = float((bound * self.row_scale).max())
        self._drawn = np.flatnonzero(chance)
        self._cumulated = np.cumsum(chance[self._drawn])
        self._cumulated /= self._cumulated[-1]

    def draw(self, random_state, shape):
        """Row numbers of the given shape."""
        position = np.searchsorted(self._cumulated, random_state.random_sample(shape), side="right")
        return self._drawn[position]


class Probe:
    """The norm ``sqrt(v' H v)`` estimated on some rows: what a change of v does to predictions.

    It does not depend on the units of the columns, and the rows' influences are what v is for.

    Parameters
    ----------
    hessian : Hessian
    sampler : RowSampler
    random_state : RandomState
    """

    def __init__(self, hessian, sampler, random_state):
        n = hessian.n_rows
        if n <= PROBE_ROWS:
            self.rows, self._scale = np.arange(n), np.ones(n)
        else:
            self.rows = sampler.draw(random_state, PROBE_ROWS)
            self._scale = sampler.row_scale[self.rows] / PROBE_ROWS
        self._hessian = hessian
        self._design = hessian.design.take(self.rows)

    def _curved(self, V):
        """(Z V, scaled A Z V), both (n_probe, K, m), for V of shape (K, q, m)."""
        K, q, m = V.shape
        raw = self._design.matmul(V.transpose(1, 0, 2).reshape(q, K * m)).reshape(-1, K, m)
        curved = self._hessian.curvature_of(self.rows).apply(raw)
        return raw, self._scale[:, None, None] * curved

    def norm(self, V):
        """sqrt(v' H v) of each column of V (K, q, m), shape (m,)."""
        raw, curved = self._curved(V)
        square = np.einsum("nkm,nkm->m", raw, curved)
        square += np.einsum("kq,kqm->m", self._hessian.penalty, V**2)
        return np.sqrt(np.maximum(square, 0.0))

    def largest_curvature(self, weights, random_state):
        """Largest eigenvalue of the preconditioned Hessian of these rows, with some safety."""
        K, q = self._hessian.penalty.shape
        root = np.sqrt(weights)

        def product(u):
            v = (root * u.reshape(K, q))[..., None]
            _, curved = self._curved(v)
            out = self._design.rmatmul(curved[..., 0]).T + self._hessian.penalty * v[..., 0]
            return (root * out).ravel()

        return SAFETY * largest_eigenvalue(product, K * q, random_state)
