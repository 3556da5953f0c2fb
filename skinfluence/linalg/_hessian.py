"""The Hessian of an objective, as an operator on the p = K q parameters."""

import numpy as np
from scipy.sparse.linalg import LinearOperator


class Hessian(LinearOperator):
    """sum_i (A_i (x) z_i z_i') + diag(penalty), with A_i row i's K x K weighted curvature.

    Parameters are ordered output by output: entry ``k * q + j`` belongs to output k, column j.

    Parameters
    ----------
    design : Design of shape (n, q)
    curvature : ndarray of shape (n, K) or (n, K, K)
        Weighted curvature of each row with respect to its K raw predictions. Two axes when the
        loss is separable: then H is block diagonal with K blocks of shape (q, q).
    penalty : ndarray of shape (K, q)
        Second derivative of the penalty, damping included.
    gauge : ndarray of shape (p, m) or None
        Orthonormal directions that the *parametrisation* leaves free (the common shift of
        multinomial coefficients). Every gradient is orthogonal to them.
    """

    def __init__(self, design, curvature, penalty, gauge=None):
        self.design = design
        self.curvature = curvature
        self.penalty = penalty
        self.gauge = gauge if gauge is not None and gauge.size else None
        self.n_outputs, self.n_columns = penalty.shape
        self.separable = curvature.ndim == 2
        p = penalty.size
        super().__init__(dtype=np.float64, shape=(p, p))

    @property
    def n_rows(self):
        return self.design.shape[0]

    @property
    def blocks_are_equal(self):
        """Whether the K blocks of a separable Hessian are one matrix (squared error)."""
        return self.separable and bool(
            (self.curvature == self.curvature[:, :1]).all()
            and (self.penalty == self.penalty[:1]).all()
        )

    def _matmat(self, V):
        K, q = self.n_outputs, self.n_columns
        V = V.reshape(K, q, -1)  # shape: (K, q, m)
        raw = np.stack([self.design.matmul(V[k]) for k in range(K)], axis=1)  # shape: (n, K, m)
        if self.separable:
            raw *= self.curvature[:, :, None]
        else:
            raw = self.curvature @ raw
        out = self.penalty[:, :, None] * V
        for k in range(K):
            out[k] += self.design.rmatmul(raw[:, k])
        return out.reshape(K * q, -1)

    def _matvec(self, v):
        return self._matmat(v.reshape(-1, 1)).ravel()

    def _adjoint(self):
        return self

    def block(self, k):
        """The (q, q) block of output k of a separable Hessian."""
        out = self.design.gram(self.curvature[:, k])
        out[np.diag_indices_from(out)] += self.penalty[k]
        return out

    def to_dense(self):
        """The (p, p) matrix."""
        K, q = self.n_outputs, self.n_columns
        out = np.zeros((K, q, K, q))
        if self.separable:
            for k in range(K):
                out[k, :, k] = self.block(k)
            return out.reshape(K * q, K * q)
        self._add_coupled_grams(out)
        for k in range(K):
            for j in range(k):
                out[k, :, j] = out[j, :, k]
            out[k, np.arange(q), k, np.arange(q)] += self.penalty[k]
        return out.reshape(K * q, K * q)

    def _add_coupled_grams(self, out):
        """Z' diag(A_kj) Z for j >= k, every block of rows being read once for all pairs."""
        pairs = [(k, j) for k in range(self.n_outputs) for j in range(k, self.n_outputs)]
        if self.design.is_sparse:
            for k, j in pairs:
                out[k, :, j] = self.design.gram(self.curvature[:, k, j])
            return
        for rows, Z in self.design.dense_blocks(cache_mib=16.0):
            scaled = np.empty_like(Z)
            for k, j in pairs:
                # p_k (1 - p_k) >= 0 on the diagonal, -p_k p_j <= 0 beside it: the root of its
                # size makes a symmetric product, half the multiplications of a general one
                weight = self.curvature[rows, k, j, None]
                np.multiply(Z, np.sqrt(np.abs(weight)), out=scaled)
                gram = scaled.T @ scaled
                out[k, :, j] += gram if k == j else np.negative(gram, out=gram)

    def diagonal(self):
        """Diagonal of the matrix, shape (p,)."""
        curvature = self.curvature
        if not self.separable:
            curvature = np.einsum("nkk->nk", curvature)
        return (self.design.weighted_square_sums(curvature) + self.penalty).ravel()
