"""Woodbury's identity on the n x n side, for more columns than rows."""

from dataclasses import dataclass

import numpy as np

from skinfluence.solvers._base import InverseHessian, SingularHessianError, Solver, SolverReport
from skinfluence.solvers._checks import check_columns
from skinfluence.solvers._root import inverse_root


@dataclass(frozen=True)
class WoodburySolver(Solver):
    """H^-1 = P^-1 - P^-1 Z' R (I + R' Z P^-1 Z' R)^-1 R' Z P^-1 with A = R R' the curvature.

    Columns without penalty (the intercept) are eliminated exactly by their Schur complement, so
    no small number has to stand in for their missing penalty.

    Raises
    ------
    SingularHessianError
        When as many columns as rows carry no penalty: there is nothing to invert on; or when
        the unpenalised columns have no curvature.
    """

    name = "woodbury"

    def factorize(self, hessian):
        free = (hessian.penalty <= 0).any(axis=0)
        if free.sum() >= max(2, hessian.n_rows):
            raise SingularHessianError(
                f'solver="woodbury" needs a penalty on the coefficients, but {free.sum()} of '
                f"{len(free)} columns have none. Use a smaller C or a larger alpha, a positive "
                'damping, or solver="eigh".'
            )
        return WoodburyInverse(hessian, free, self.name)


class WoodburyInverse(InverseHessian):
    """Inverse Hessian that factorises an (n, n) matrix per output, or one (nK, nK)."""

    def __init__(self, hessian, free, name):
        self._free = np.flatnonzero(free)
        self._kept = np.flatnonzero(~free)
        K, n = hessian.n_outputs, hessian.n_rows
        Z = hessian.design.to_dense()
        self._Z_free, self._Z_kept = Z[:, self._free], Z[:, self._kept]
        self._penalty = hessian.penalty[:, self._kept]  # shape: (K, q_kept)
        self._root = _curvature_root(hessian)  # shape: (K, n) or (K, n, K)
        grams = []
        for k in range(K):
            if k == 0 or (self._penalty[k] != self._penalty[k - 1]).any():
                gram = (self._Z_kept / self._penalty[k]) @ self._Z_kept.T
            grams.append(gram)
        if hessian.separable:
            cores = [np.eye(n) + r[:, None] * g * r for r, g in zip(self._root, grams, strict=True)]
        else:
            core = np.eye(n * K)
            for k in range(K):
                R = self._root[k]  # shape: (n, K)
                core += np.einsum("ia,ij,jb->iajb", R, grams[k], R).reshape(n * K, n * K)
            cores = [core]
        self._core_roots = [inverse_root(core)[0] for core in cores]  # pivots are at least 1
        m = len(self._free)
        ones = np.zeros((K, n, K * m))  # one column per free coefficient
        for k in range(K):
            ones[k, :, k * m : (k + 1) * m] = self._Z_free
        self._core_free = self._core_solve(ones, hessian.separable)
        schur = np.concatenate([self._Z_free.T @ part for part in self._core_free])
        self._schur_inverse, rank = _symmetric_pinv(schur)
        gauge = 0 if hessian.gauge is None else hessian.gauge.shape[1]
        p = hessian.shape[0]
        if rank + gauge < K * m:
            raise SingularHessianError(
                "The Hessian is singular in the columns without penalty (the intercept). Use "
                'solver="auto" or "eigh" (pseudo-inverse), or a positive damping.'
            )
        super().__init__(hessian, SolverReport(name, p - gauge, p, np.zeros((p, 0))))

    def _core_solve(self, F, separable):
        """R (I + R' G R)^-1 R' F for F of shape (K, n, m): the inverse of A^-1 + G."""
        if separable:
            out = [
                r[:, None] * (W @ (W.T @ (r[:, None] * part)))
                for r, W, part in zip(self._root, self._core_roots, F, strict=True)
            ]
            return np.stack(out)
        K, n, m = F.shape
        right = np.einsum("kna,knm->nam", self._root, F).reshape(n * K, m)
        W = self._core_roots[0]
        inner = (W @ (W.T @ right)).reshape(n, K, m)
        return np.einsum("kna,nam->knm", self._root, inner)

    def solve(self, V):
        K, q = self.hessian.n_outputs, self.hessian.n_columns
        m = len(self._free)
        V = check_columns(V, self.shape[0])
        V = V.reshape(K, q, V.shape[1])
        kept = V[:, self._kept] / self._penalty[:, :, None]  # P^-1 V
        raw = np.stack([self._Z_kept @ part for part in kept])  # shape: (K, n, m)
        out = np.empty_like(V)
        coupled = np.einsum("knc,knm->cm", self._core_free, raw)
        # sizes in full: with no free column (m = 0) a -1 could not be inferred
        right = V[:, self._free].reshape(K * m, V.shape[2]) - coupled
        free = (self._schur_inverse @ right).reshape(K, m, V.shape[2])
        out[:, self._free] = free
        raw += np.stack([self._Z_free @ part for part in free])
        pull = self._core_solve(raw, self.hessian.separable)
        back = np.stack([self._Z_kept.T @ part for part in pull])
        out[:, self._kept] = kept - back / self._penalty[:, :, None]
        out = out.reshape(K * q, -1)
        gauge = self.hessian.gauge
        return out if gauge is None else out - gauge @ (gauge.T @ out)


def _curvature_root(hessian):
    """R with A_i = R_i R_i': (K, n) for separable losses, else (K, n, K)."""
    if hessian.separable:
        return np.sqrt(hessian.curvature).T
    values, vectors = np.linalg.eigh(hessian.row_curvature())
    root = vectors * np.sqrt(values.clip(min=0.0))[:, None, :]
    return np.moveaxis(root, 1, 0)


def _symmetric_pinv(matrix):
    """Pseudo-inverse of a small symmetric matrix, and its rank."""
    if matrix.size == 0:
        return matrix, 0
    values, vectors = np.linalg.eigh(0.5 * (matrix + matrix.T))
    keep = values > 1e-11 * max(values[-1], np.finfo(float).tiny)
    return (vectors[:, keep] / values[keep]) @ vectors[:, keep].T, int(keep.sum())
