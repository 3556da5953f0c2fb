"""EntriesPredictor: a linear model of several outputs, with some of its coefficients."""

import numpy as np

from skinfluence.linalg import Hessian
from skinfluence.predictors._linear import LinearPredictor
from skinfluence.predictors._selected import SelectedPredictor, Selecting


class EntriesPredictor(Selecting):
    """Raw predictions Theta z_i of a sparse model whose outputs have coefficients of their own.

    The parameters are the entries of Theta (K, q) that are selected, output by output. Changes may
    also be given for all entries, (..., K q): that of a model that has another selection.

    Parameters
    ----------
    everything : Design of shape (n, q)
        All columns.
    n_outputs : int
        K.
    selected : ndarray of int, shape (p,)
        Entries of Theta in C order, rising.
    coef : ndarray of shape (p,)
    """

    def __init__(self, everything, n_outputs, selected, coef):
        q = everything.shape[1]
        self.n_outputs, self.selected, self.coef = n_outputs, selected, coef
        columns, self._place = np.unique(selected % q, return_inverse=True)
        self._output = selected // q
        self._used = SelectedPredictor(everything, columns)

    @property
    def design(self):
        raise TypeError(
            "Each output of this sparse model selects coefficients of its own, and this method "
            "needs one design for all. Use influences of rows or of groups."
        )

    @property
    def everything(self):
        return self._used.everything

    @property
    def n_rows(self):
        return self._used.n_rows

    @property
    def dtype(self):
        return self._used.dtype

    @property
    def n_features(self):
        """Columns of X, also those without a coefficient."""
        return self._used.n_features

    @property
    def n_stored(self):
        return self.n_outputs * self._used.n_stored

    def take(self, rows):
        return self._replace(_used=self._used.take(rows))

    def of(self, X):
        return self._replace(_used=self._used.of(X))

    def followed_by(self, other):
        return self._replace(_used=self._used.followed_by(other._used))

    def uncentred(self):
        return self._replace(_used=self._used.uncentred())

    def uncentred_gradients(self, V):
        wide = self._used.uncentred_gradients(self._on_used(V))
        return wide[self._output, self._place]

    def select(self, selected, coef):
        """The same rows with other entries selected, at coefficients of all entries (K q,)."""
        if np.array_equal(selected, self.selected):
            return self.with_coef(coef[selected])
        return EntriesPredictor(self.everything, self.n_outputs, selected, coef[selected])

    def raw(self):
        return self.jvp(self.coef[:, None])[:, :, 0]

    def raw_at(self, coefs):
        return self.raw()[:, None] + self.raw_changes(coefs - self.coef)

    def selected_raw_changes(self, coef_changes):
        """Of the selected coefficients, (B, p): (n, B, K)."""
        return self.jvp(coef_changes.T).transpose(0, 2, 1)

    def selected_row_changes(self, coef_changes):
        """Of the selected coefficients, (n, p): (n, K)."""
        return self.row_jvp(coef_changes.T)

    def _on_used(self, V):
        """Numbers for the parameters (p, m) on all outputs of the used columns, (K, u, m)."""
        out = np.zeros((self.n_outputs, len(self._used.selected), V.shape[1]))
        out[self._output, self._place] = V
        return out

    @property
    def _linear(self):
        """All outputs on the columns that some of them use."""
        return LinearPredictor(self._used.design)

    def jvp(self, V):
        return self._linear.jvp(self._on_used(V).reshape(-1, V.shape[1]))

    def vjp(self, U):
        out = self._linear.vjp(U)
        return out.reshape(self.n_outputs, -1, U.shape[2])[self._output, self._place]

    def row_jacobian(self):
        Z = self._used.design.to_dense()
        p = len(self.selected)
        out = np.zeros((len(Z), self.n_outputs, p))
        out[:, self._output, np.arange(p)] = Z[:, self._place]
        return out

    def row_vjp(self, U):
        return self._used.design.to_dense().T[self._place] * U.T[self._output]

    def row_jvp(self, D):
        return self._linear.row_jvp(self._on_used(D).reshape(-1, D.shape[1]))

    def absolute_sums(self, weights):
        return self._linear.absolute_sums(weights)[self._output, self._place]

    def scaled_rows_reader(self, solved, outputs, shared):
        wide = self._on_used(solved).reshape(-1, solved.shape[1])
        return self._linear.scaled_rows_reader(wide, range(self.n_outputs), shared)

    def score_reader(self, solved, outputs):
        wide = self._on_used(solved).reshape(-1, solved.shape[1])
        return self._linear.score_reader(wide, range(self.n_outputs))

    def hessian(self, curvature, penalty, **settings):
        return EntriesHessian(self, curvature, penalty, **settings)

    def common_shifts(self, penalty):
        """Equal changes of all outputs that meet no penalty: of columns that all have, (p, m)."""
        free = penalty.diagonal == 0.0
        shared = np.bincount(self._place[free]) == self.n_outputs
        same = self._place[:, None] == np.flatnonzero(shared)
        return same / np.sqrt(self.n_outputs)

    def estimator_layout(self, coef):
        """Coefficients as `coef_`, zeros among them, then `intercept_`, flat."""
        wide = self.widened(coef)
        wide = wide.reshape(*wide.shape[:-1], self.n_outputs, -1)
        return LinearPredictor(self.everything).estimator_layout(wide)


class EntriesHessian(Hessian):
    """The Hessian on the selected entries, made as that of all outputs on the used columns."""

    def to_dense(self):
        mine, p = self.predictor, len(self.predictor.selected)
        if self.data is not None:
            return self.data + self.penalty_term.product(np.eye(p))
        wide = np.zeros((mine.n_outputs, len(mine._used.selected)))
        settings = {"non_identifiable": None, "exact": self.exact}
        data = mine._linear.hessian(self.curvature_of, wide, **settings).to_dense()
        place = mine._output * wide.shape[1] + mine._place
        out = data[np.ix_(place, place)]
        return out + self.penalty_term.product(np.eye(p))
