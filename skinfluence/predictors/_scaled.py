"""ScaledPredictor: a linear prediction and one scale for all rows, as joint parameters."""

import numpy as np

from skinfluence.predictors._base import Predictor


class ScaledPredictor(Predictor):
    """Raw predictions (w' z_i, sigma) of the rows z_i of a design: K = 2, parameters (w, sigma).

    Parameters
    ----------
    design : Design of shape (n, q)
    coef : ndarray of shape (q + 1,)
        w, and sigma at the end.
    """

    def __init__(self, design, coef):
        super().__init__(design.X, coef)
        self._rows = design

    @property
    def dtype(self):
        return self._rows.dtype

    def take(self, rows):
        return self._of(self._rows.take(rows))

    def of(self, X):
        return self._of(self._rows.with_rows_of(X))

    def followed_by(self, other):
        return self._of(self._rows.with_rows_of(super().followed_by(other).X))

    def _of(self, design):
        return ScaledPredictor(design, self.coef)

    def raw(self):
        return self.raw_at(self.coef[None])[:, 0]

    def raw_at(self, coefs):
        return self.jvp(coefs.T).transpose(0, 2, 1)

    def raw_changes(self, coef_changes):
        return self.raw_at(coef_changes)

    def row_changes(self, coef_changes):
        return self.row_jvp(coef_changes.T)

    def jvp(self, V):
        out = np.empty((self.n_rows, 2, V.shape[1]))
        out[:, 0], out[:, 1] = self._rows.matmul(V[:-1]), V[-1]
        return out

    def vjp(self, U):
        return np.vstack([self._rows.rmatmul(U[:, 0]), U[:, 1].sum(axis=0)])

    def row_jacobian(self):
        Z = self._rows.to_dense()
        out = np.zeros((len(Z), 2, Z.shape[1] + 1))
        out[:, 0, :-1], out[:, 1, -1] = Z, 1.0
        return out

    def row_vjp(self, U):
        return np.vstack([self._rows.to_dense().T * U[:, 0], U[:, 1]])

    def row_jvp(self, D):
        return np.column_stack([np.einsum("nq,qn->n", self._rows.to_dense(), D[:-1]), D[-1]])

    def estimator_layout(self, coef):
        """`coef_`, `intercept_` and the scale, flat."""
        out = np.array(coef)
        if self._rows.center is not None:
            out[..., -2] -= coef[..., :-2] @ self._rows.center
        return out
