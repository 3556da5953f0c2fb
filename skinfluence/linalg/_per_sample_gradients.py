"""Per-sample gradients J_i' r_i as an operator: the rows are never stored."""

import numpy as np
from scipy.sparse.linalg import LinearOperator


class PerSampleGradients(LinearOperator):
    """The (n, p) matrix whose row i is the gradient of row i's loss, per unit of weight.

    Parameters
    ----------
    predictor : Predictor of n rows
    residual : ndarray of shape (n, K)
        Derivative of the loss with respect to the raw prediction.
    """

    def __init__(self, predictor, residual):
        self.predictor = predictor
        self.residual = residual
        super().__init__(dtype=np.float64, shape=(len(residual), predictor.n_parameters))

    def _matmat(self, V):
        return np.einsum("nkm,nk->nm", self.predictor.jvp(V), self.residual)

    def _rmatmat(self, U):
        return self.predictor.vjp(self.residual[:, :, None] * U[:, None, :])

    def _rmatvec(self, u):  # older versions of scipy do not take it from _rmatmat
        return self._rmatmat(u.reshape(-1, 1)).ravel()

    def __getitem__(self, rows):
        return PerSampleGradients(self.predictor.take(rows), self.residual[rows])

    def to_dense(self):
        """The (n, p) matrix: for tests and small problems."""
        return self.predictor.row_vjp(self.residual).T

    def row_norms(self):
        """Euclidean norm of each row, shape (n,)."""
        return self.predictor.row_norms(self.residual)
