"""LinearPredictor: raw predictions Theta z_i plus an offset, by the fast kernels of designs."""

import numpy as np
from scipy import sparse

from skinfluence.linalg import Design, LinearHessian, scaled_rows_reader, score_reader
from skinfluence.predictors._base import Predictor


class LinearPredictor(Predictor):
    """Raw predictions Theta z_i + offset_i of the rows z_i of a design.

    Kernel machines and spline bases are linear too, on columns that are made from X.

    Parameters
    ----------
    design : Design of shape (n, q)
    coef : ndarray of shape (K, q), default=None
        Theta.
    offset : ndarray of shape (n, K), default=None
        A known part of the raw predictions.
    columns : callable, default=None
        ``columns(X)`` gives the features of the design for rows as the estimator takes them.
        Without it they are X.
    offset_of : callable, default=None
        ``offset_of(X)`` gives their offset, (n, K); without it other rows have none.
    """

    linear = True

    def __init__(self, design, coef=None, *, offset=None, columns=None, offset_of=None):
        self._design = design
        self.coef = coef
        self.offset = offset
        self.columns = columns
        self.offset_of = offset_of

    @property
    def design(self):
        return self._design

    @property
    def everything(self):
        """The design of all columns of the model, also those without a coefficient."""
        return self._design

    @property
    def selected(self):
        """Columns of `everything` that have a coefficient, (q,)."""
        return np.arange(self.everything.shape[1])

    @property
    def n_rows(self):
        return self._design.shape[0]

    @property
    def dtype(self):
        """Of results that are as large as a table: that of X."""
        return self._design.dtype

    def take(self, rows):
        offset = None if self.offset is None else self.offset[rows]
        return self._replace(_design=self._design.take(rows), offset=offset)

    def of(self, X):
        offset = None if self.offset_of is None else self.offset_of(X)
        X = X if self.columns is None else self.columns(X)
        return self._replace(_design=self._design.with_rows_of(X), offset=offset)

    def followed_by(self, other):
        """These rows and then those of another predictor with the same columns."""
        mine, more = self._design, other.design
        if mine.is_sparse:
            X = sparse.csr_array(sparse.vstack([mine.X, sparse.csr_array(more.X)]))
        else:
            X = np.concatenate([mine.X, more.X.toarray() if more.is_sparse else more.X])
        offset = self.offset
        if offset is not None:
            offset = np.concatenate([offset, other.offset])
        return self._replace(_design=mine.with_rows_of(X), offset=offset)

    def uncentred(self):
        return self._replace(_design=Design(self._design.X, None, self._design.intercept))

    def raw(self):
        if self.coef.any():
            out = self._design.matmul(self.coef.T)
        else:
            out = np.zeros((self.n_rows, len(self.coef)))  # no pass over the rows
        return out if self.offset is None else out + self.offset

    def row_jacobian(self):
        K, q = self.coef.shape
        Z = self._design.to_dense()
        out = np.zeros((len(Z), K, K, q))
        for k in range(K):
            out[:, k, k] = Z
        return out.reshape(len(Z), K, K * q)

    def jvp(self, V):
        q, m = self._design.shape[1], V.shape[1]
        K = len(V) // q
        columns = V.reshape(K, q, m).transpose(1, 0, 2).reshape(q, K * m)
        return self._design.matmul(columns).reshape(-1, K, m)

    def vjp(self, U):
        n, K, m = U.shape
        out = self._design.rmatmul(U.reshape(n, K * m))
        return out.reshape(-1, K, m).transpose(1, 0, 2).reshape(-1, m)

    def row_vjp(self, U):
        Z = self._design.to_dense()
        return (U.T[:, None, :] * Z.T).reshape(-1, len(Z))

    def output_vjp(self, k, n_outputs):
        Z = self._design.to_dense()
        out = np.zeros((n_outputs, *Z.shape[::-1]))
        out[k] = Z.T
        return out.reshape(-1, len(Z))

    def row_jvp(self, D):
        Z = self._design.to_dense()
        return np.einsum("kqn,nq->nk", D.reshape(-1, Z.shape[1], len(Z)), Z)

    def raw_changes(self, coef_changes):
        B, K, q = coef_changes.shape
        return self._design.matmul(coef_changes.reshape(B * K, q).T).reshape(self.n_rows, B, K)

    def raw_at(self, coefs):
        out = self.raw_changes(coefs)
        return out if self.offset is None else out + self.offset[:, None]

    def row_changes(self, coef_changes):
        return np.einsum("nkq,nq->nk", coef_changes, self._design.to_dense())

    def score_reader(self, solved, outputs):
        parts = solved.reshape(-1, self._design.shape[1], solved.shape[1])
        return score_reader(self._design, [parts[k] for k in outputs])

    def scaled_rows_reader(self, solved, outputs, shared):
        parts = solved.reshape(-1, self._design.shape[1], solved.shape[1])
        return scaled_rows_reader(self._design, [parts[k] for k in outputs], shared)

    def row_norms(self, U):
        return np.sqrt(self._design.square_norms()[:, 0] * (U**2).sum(axis=1))

    def uncentred_gradients(self, V):
        if self._design.center is None:
            return V
        out = V.copy()
        out[:, :-1] += self._design.center[:, None] * V[:, -1:]
        return out

    def absolute_sums(self, weights):
        return self._design.absolute_sums(weights).T

    def on_features(self, slopes):
        """Numbers for the columns of the design (..., m) as ones for all features of X."""
        return slopes

    def hessian(self, curvature, penalty, *, residual=None, **settings):
        return LinearHessian(self, curvature, penalty, **settings)

    def common_shifts(self, penalty):
        free, K = penalty.free_directions(), len(penalty.diagonal)
        return np.tile(free, (K, 1)) / np.sqrt(K)

    def estimator_layout(self, coef):
        """Coefficients (..., K, q) as `coef_`, then `intercept_`, flat (..., p)."""
        design = self._design
        features = coef[..., : design.n_features]
        flat = features.reshape(*coef.shape[:-2], -1)
        if not design.intercept:
            return flat
        intercept = coef[..., -1]
        if design.center is not None:
            intercept = intercept - features @ design.center
        return np.concatenate([flat, intercept], axis=-1)
