"""Per-sample gradients r_i (x) z_i as an operator: the Khatri-Rao rows are never stored."""

import numpy as np
from scipy.sparse.linalg import LinearOperator


class PerSampleGradients(LinearOperator):
    """The (n, p) matrix whose row i is the gradient of row i's loss, per unit of weight.

    Parameters
    ----------
    design : Design of shape (n, q)
    residual : ndarray of shape (n, K)
        Derivative of the loss with respect to the raw prediction.
    """

    def __init__(self, design, residual):
        self.design = design
        self.residual = residual
        n, K = residual.shape
        super().__init__(dtype=np.float64, shape=(n, K * design.shape[1]))

    def _matmat(self, V):
        K, q = self.residual.shape[1], self.design.shape[1]
        V = V.reshape(K, q, -1)
        out = self.design.matmul(V[0]) * self.residual[:, :1]
        for k in range(1, K):
            out += self.design.matmul(V[k]) * self.residual[:, k, None]
        return out

    def _matvec(self, v):
        return self._matmat(v.reshape(-1, 1)).ravel()

    def _rmatmat(self, U):
        K = self.residual.shape[1]
        parts = [self.design.rmatmul(U * self.residual[:, k, None]) for k in range(K)]
        return np.concatenate(parts)

    def _rmatvec(self, u):
        return self._rmatmat(u.reshape(-1, 1)).ravel()

    def __getitem__(self, rows):
        return PerSampleGradients(self.design.take(rows), self.residual[rows])

    def to_dense(self):
        """The (n, p) matrix: for tests and small problems."""
        Z = self.design.to_dense()
        n = len(Z)
        return (self.residual[:, :, None] * Z[:, None, :]).reshape(n, -1)

    def row_norms(self):
        """Euclidean norm of each row, shape (n,): ||r_i|| ||z_i||."""
        return np.sqrt(self.design.square_norms() * (self.residual**2).sum(axis=1))
