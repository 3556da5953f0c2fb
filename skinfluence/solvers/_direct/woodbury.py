"""Woodbury's identity on the n x n side, for more columns than rows."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from skinfluence.solvers._base import InverseHessian, SingularHessianError, Solver
from skinfluence.solvers._checks import check_columns, require_convex, require_diagonal_penalty
from skinfluence.solvers._direct.leverage import (
    INDEPENDENT,
    are_near_one,
    complement_root,
    curvature_roots,
    without_noise,
)
from skinfluence.solvers._report import report_of
from skinfluence.solvers._shared import project_identifiable


@dataclass(frozen=True)
class WoodburySolver(Solver):
    """H^-1 = P^-1 - P^-1 Z' R (I + R' Z P^-1 Z' R)^-1 R' Z P^-1 with A = R R' the curvature.

    Columns without penalty (the intercept) are eliminated exactly on the row side, by what is
    orthogonal to them, so no small number has to stand in for their missing penalty.

    Raises
    ------
    SingularHessianError
        When as many columns as rows carry no penalty: there is nothing to invert on; or when
        the unpenalised columns have no curvature.
    """

    name = "woodbury"

    def factorize(self, hessian):
        require_convex(hessian, self.name)
        require_diagonal_penalty(hessian, self.name)
        free = (hessian.penalty <= 0).any(axis=0)
        if free.sum() >= max(2, hessian.n_rows):
            raise SingularHessianError(
                f'solver="woodbury" needs a penalty on the coefficients, but {free.sum()} of '
                f"{len(free)} columns have none. Use a smaller C or a larger alpha, a positive "
                'damping, or solver="eigh".'
            )
        return WoodburyInverse(hessian, free, self.name)


class WoodburyInverse(InverseHessian):
    """Inverse Hessian that factorises an (n, n) matrix per output, or one (nK, nK).

    With C = I + R' Z P^-1 Z' R, the capacitance matrix, and B the columns without penalty on the
    row side, the change mu = R' Z H^-1 v of the weighted raw predictions is the solution of

        C mu - B x_free = R' Z P^-1 v,        B' mu = v_free.

    Its part orthogonal to B comes from the inverse of C there, F F'. So 1 - leverage is a sum of
    squares of F, however weak the penalty: nothing is left over from a difference.
    """

    def __init__(self, hessian, free, name):
        self._free = np.flatnonzero(free)
        self._kept = np.flatnonzero(~free)
        K = hessian.n_outputs
        Z = hessian.design.to_dense()
        self._Z_free, self._Z_kept = Z[:, self._free], Z[:, self._kept]
        del Z
        self._penalty = hessian.penalty[:, self._kept]  # shape: (K, q_kept)
        self._root = curvature_roots(hessian)  # shape: (n, K) or (n, K, rank)
        self._separable = hessian.separable
        if hessian.separable:
            blocks: list[_Block] = []
            for k in range(K):
                if k and hessian.blocks_are_equal:
                    blocks.append(blocks[0])
                    continue
                r = self._root[:, k, None]
                gram = self._gram(k)
                gram *= r
                gram *= r.T
                blocks.append(_Block(gram, r * self._Z_free))
        else:
            blocks = [self._coupled_block(hessian)]
        self._blocks = blocks
        n_free = hessian.non_identifiable.shape[1]
        if sum(block.rank for block in blocks) + n_free < K * len(self._free):
            raise SingularHessianError(
                "The Hessian is singular in the columns without penalty (the intercept). Use "
                'solver="auto" or "eigh" (pseudo-inverse), or a positive damping.'
            )
        super().__init__(hessian, report_of(name, hessian))

    def _gram(self, k):
        """Z P^-1 Z' over the penalised columns of output k, (n, n)."""
        scaled = self._Z_kept / np.sqrt(self._penalty[k])
        return scaled @ scaled.T

    def _coupled_block(self, hessian):
        n, K, rank = self._root.shape
        out = np.zeros((n * rank, n * rank))
        for k in range(K):
            if k == 0 or (self._penalty[k] != self._penalty[k - 1]).any():
                gram = self._gram(k)
            R = self._root[:, k]  # shape: (n, rank)
            out += np.einsum("ia,ij,jb->iajb", R, gram, R).reshape(out.shape)
        free = np.einsum("nka,nm->nakm", self._root, self._Z_free)
        return _Block(out, free.reshape(n * rank, -1))

    def _to_rows(self, raw):
        """R' raw of raw predictions (K, n, m), one array for each block."""
        if self._separable:
            return [r[:, None] * part for r, part in zip(self._root.T, raw, strict=True)]
        return [np.einsum("nka,knm->nam", self._root, raw).reshape(-1, raw.shape[2])]

    def _from_rows(self, mu):
        """R mu, (K, n, m), of what each block has."""
        if self._separable:
            return [r[:, None] * part for r, part in zip(self._root.T, mu, strict=True)]
        n, _, rank = self._root.shape
        return np.einsum("nka,nam->knm", self._root, mu[0].reshape(n, rank, -1))

    def solve(self, V):
        return self._solve(V)[0]

    def _solve(self, V):
        """H^-1 V, (p, m), and R' Z H^-1 V, one array for each block."""
        K, q, m = self.hessian.n_outputs, self.hessian.n_columns, len(self._free)
        V = project_identifiable(self.hessian, check_columns(V, self.shape[0]))
        V = V.reshape(K, q, V.shape[1])
        kept = V[:, self._kept] / self._penalty[:, :, None]  # P^-1 V
        right = self._to_rows(np.stack([self._Z_kept @ part for part in kept]))
        out = np.empty_like(V)
        # sizes in full: with no free column (m = 0) a -1 could not be inferred
        free = V[:, self._free].reshape(len(right), -1 if m else 0, V.shape[2])
        solved = [b.solve(*part) for b, *part in zip(self._blocks, right, free, strict=True)]
        mu = [part for part, _ in solved]
        out[:, self._free] = np.stack([x for _, x in solved]).reshape(K, m, V.shape[2])
        for k, pull in enumerate(self._from_rows(mu)):
            out[k, self._kept] = kept[k] - (self._Z_kept.T @ pull) / self._penalty[k, :, None]
        out = out.reshape(K * q, -1)
        return project_identifiable(self.hessian, out), mu

    def leverage_blocks(self, rows=None):
        if not self._separable:
            return super().leverage_blocks(rows)
        if self._leverage_blocks is None:
            n, K = self._root.shape
            # small curvature: the leverage has digits, and the root is no divisor
            direct = np.flatnonzero(~self._by_rows.all(axis=1))
            out = np.zeros((n, K, K))
            if len(direct):
                out[direct] = self.leverage_blocks_of(self.hessian.predictor.take(direct))
            i, k = np.nonzero(self._by_rows)
            out[i, k, k] = (1.0 - self._gaps[i, k]) / self._root[i, k] ** 2
            self._leverage_blocks = out
        return self._leverage_blocks if rows is None else self._leverage_blocks[rows]

    def near_gaps(self, rows, curvature, forms):
        if self._separable:
            near = np.flatnonzero(self._by_rows[rows].any(axis=1))
            gaps = self._gaps[rows[near]]
            return near, gaps
        near = np.flatnonzero(are_near_one(self.hessian, rows, curvature, forms))
        n, _, rank = self._root.shape
        F = self._blocks[0].F.reshape(n, rank, -1)[rows[near]]
        return near, F @ F.transpose(0, 2, 1)

    @cached_property
    def _gaps(self):
        """1 - leverage of each row and output that does not interact, (n, K)."""
        own = [(block.F**2).sum(axis=1) for block in self._blocks]
        return without_noise(np.stack(own, axis=1))

    @property
    def nearly_interpolates(self):
        return self._separable and bool((self._gaps < 1e-4).any())

    @property
    def _by_rows(self):
        """Mask (n, K) of rows that go by their gap: not those of small curvature."""
        return self._gaps < 0.5

    def cross_solve(self, V):
        """E' H^-1 V for the columns V (p, m): all training rows' raw predictions, (K, n, m).

        On the row side, where it is no difference of large numbers. None where outputs interact.
        """
        if not self._separable:
            return None
        K, q = self.hessian.n_outputs, self.hessian.n_columns
        solved, mu = self._solve(V)
        out = np.stack(mu)
        by_rows = self._by_rows
        for k, coef in enumerate(solved.reshape(K, q, -1)):
            here = by_rows[:, k]
            out[k, here] /= self._root[here, k, None]
            if not here.all():
                out[k, ~here] = self.hessian.design.take(np.flatnonzero(~here)).matmul(coef)
        return out

    def solve_rows(self, rows, right):
        if not self._separable:
            return super().solve_rows(rows, right)
        K, q = self.hessian.n_outputs, self.hessian.n_columns
        by_rows = self._by_rows[rows]  # shape: (n_rows, K)
        out = np.zeros((K, q, len(rows)))
        if not by_rows.all():
            out += super().solve_rows(rows, np.where(by_rows, 0.0, right)).reshape(out.shape)
        with np.errstate(divide="ignore", invalid="ignore"):
            mu = np.where(by_rows, right / self._root[rows], 0.0)
        for k, (block, r) in enumerate(zip(self._blocks, self._root.T, strict=True)):
            left = block.F @ (block.F[rows].T * mu[:, k])  # of the right-hand side, for the penalty
            kept = self._Z_kept.T @ (r[:, None] * left) / self._penalty[k, :, None]
            out[k, self._kept] += kept
            moved = -left - r[:, None] * (self._Z_kept @ kept)
            moved[rows, np.arange(len(rows))] += mu[:, k]
            out[k, self._free] += block.inverse @ moved
        return out.reshape(K * q, len(rows))

    def stationary_residual(self, residual, coef):
        """Weighted residuals (n, K) at the optimum of a quadratic objective near by.

        Where the penalty is weak a residual is the small difference of target and prediction, and
        has lost its digits. At the optimum it is the dual variable, ``-F F'`` of the targets on the
        row side; with a start (`residual`, `coef`) it is one Newton step on the row side.

        None where outputs interact.
        """
        if not self._separable:
            return None
        out = residual.copy()
        for k, (block, r) in enumerate(zip(self._blocks, self._root.T, strict=True)):
            here = r > 0.0
            start = np.divide(residual[:, k], r, out=np.zeros(len(r)), where=here)
            start -= r * (self._Z_kept @ coef[k, self._kept])
            out[here, k] = (r * (block.F @ (block.F.T @ start)))[here]
        return out


class _Block:
    """The row side of one output, or of all together.

    Attributes
    ----------
    F : ndarray of shape (rows, rows)
        ``F F' = I - R' Z H^-1 Z' R``.
    rank : int
        Of the columns without penalty.
    inverse : ndarray of shape (m, rows)
        Pseudo-inverse of the columns without penalty, B.
    """

    def __init__(self, gram, B):
        size = np.linalg.norm(B, axis=0)
        size[size == 0.0] = 1.0
        left, values, right = np.linalg.svd(B / size, full_matrices=False)
        keep = values > INDEPENDENT
        self.rank = int(keep.sum())
        left = left[:, keep]
        self.inverse = (right[keep].T / values[keep]) @ left.T / size[:, None]
        gram[np.diag_indices_from(gram)] += 1.0
        self._turned = gram @ self.inverse.T  # C (B^+)'
        self.F = complement_root(gram, left)

    def solve(self, right, free):
        """(mu, x_free) with C mu - B x_free = right and B' mu = free."""
        mu = self.F @ (self.F.T @ (right - self._turned @ free))
        mu += self.inverse.T @ free
        return mu, self._turned.T @ mu - self.inverse @ right
