"""The curvature of rows: K x K matrices, one per row, in the least memory that holds them."""

import numpy as np

from skinfluence.kernels import apply_curvature, curvature_of_rows


class RowCurvature:
    """Curvature A_i of each row's weighted loss in its K raw predictions.

    Parameters
    ----------
    values : ndarray of shape (n, K) or (n, K, K)
        The matrices themselves, or the diagonal of diagonal ones.
    factor : ndarray of shape (n, K), default=None
        b_i of ``A_i = diag(values_i) - b_i b_i'``, the form of the softmax: a K-th of the memory of
        full matrices. It may be `values` itself.

    Attributes
    ----------
    separable : bool
        Whether all A_i are diagonal: outputs do not interact.
    full : bool
        Whether `values` are K x K matrices.
    """

    def __init__(self, values, factor=None):
        self.values = values
        self.factor = factor
        self.full = values.ndim == 3
        self.separable = not self.full and factor is None

    def __len__(self):
        return len(self.values)

    @property
    def n_outputs(self):
        return self.values.shape[1]

    def take(self, rows):
        """Curvature of some rows, for a slice or an index array."""
        return RowCurvature(*curvature_of_rows(self.values, self.factor, rows))

    def apply(self, raw):
        """A_i raw_i for raw predictions of shape (n, K) or (n, K, m)."""
        if raw.ndim == 3:
            return apply_curvature(raw, self.values, self.factor)
        if self.separable:
            return self.values * raw
        return apply_curvature(raw[:, :, None], self.values, self.factor)[:, :, 0]

    def matrix(self):
        """A_i as full matrices, (n, K, K)."""
        if self.full:
            return self.values
        K = self.n_outputs
        out = np.zeros((len(self), K, K))
        if self.factor is not None:
            np.multiply(self.factor[:, :, None], -self.factor[:, None, :], out=out)
        out[:, np.arange(K), np.arange(K)] += self.values
        return out

    def scaled(self, ratio):
        """Curvature times a number for each row, (n, 1), or for each output of separable rows."""
        if self.factor is None:
            return RowCurvature(self.values * (ratio[:, :, None] if self.full else ratio))
        if (ratio < 0.0).any():
            return RowCurvature(self.matrix()).scaled(ratio)
        return RowCurvature(self.values * ratio, self.factor * np.sqrt(ratio))

    def diagonal(self):
        """Diagonal of each A_i, (n, K)."""
        if self.full:
            return np.einsum("nkk->nk", self.values)
        return self.values if self.factor is None else self.values - self.factor**2

    def entry(self, k, j):
        """Entry (k, j) of each A_i, (n,)."""
        if self.full:
            return self.values[:, k, j]
        if self.factor is None:
            return self.values[:, k] if k == j else np.zeros(len(self))
        out = -self.factor[:, k] * self.factor[:, j]
        return out + self.values[:, k] if k == j else out

    def traces(self, forms):
        """Trace of A_i M_i for symmetric M_i (n, K, K), or one M (K, K) of all rows: (n,)."""
        if self.full:
            forms = np.broadcast_to(forms, self.values.shape)
            return np.einsum("nkj,njk->n", self.values, forms)
        out = (self.values * np.einsum("...kk->...k", forms)).sum(axis=1)
        if self.factor is None:
            return out
        turned = (
            self.factor @ forms if forms.ndim == 2 else (forms @ self.factor[:, :, None])[..., 0]
        )
        return out - np.einsum("nk,nk->n", turned, self.factor)

    def total(self, weights):
        """sum_i weights_i A_i, (K, K)."""
        if self.full:
            return np.tensordot(weights, self.values, axes=1)
        out = np.diag(weights @ self.values)
        return out if self.factor is None else out - (self.factor.T * weights) @ self.factor

    def root(self, rows_cancel=False):
        """R with R R' = A_i, (n, K, rank); (n, K), its diagonal, for separable rows.

        Directions of negative curvature are left out.

        Parameters
        ----------
        rows_cancel : bool
            Whether A_i 1 = 0 for all rows, as for the softmax: the rank is then K - 1.
        """
        if self.separable:
            return np.sqrt(self.values.clip(min=0.0))
        if self.factor is not None and rows_cancel:
            return self._softmax_root()
        values, vectors = np.linalg.eigh(self.matrix())
        return vectors * np.sqrt(values.clip(min=0.0))[:, None, :]

    def _softmax_root(self):
        """Of diag(p) - p p' = D (I - u u') D with D = diag(p)^1/2 and u = D 1, of rank K - 1.

        The columns but the last of the reflection that takes the last axis to -u.
        """
        half = np.sqrt(self.values)
        unit = np.divide(self.factor, half, out=np.zeros_like(half), where=half > 0.0)
        towards, first = unit.copy(), unit[:, :-1]
        towards[:, -1] += 1.0
        out = -towards[:, :, None] * (first / towards[:, -1:])[:, None, :]
        every = np.arange(first.shape[1])
        out[:, every, every] += 1.0
        return half[:, :, None] * out

    @classmethod
    def gather(cls, form, n_rows, blocks):
        """Curvature of all rows, from a function that gives that of some, block by block."""
        values = factor = None
        for rows in blocks:
            part = form(rows)
            if values is None:
                values = np.empty((n_rows, *part.values.shape[1:]))
                factor = None if part.factor is None else values
            values[rows] = part.values
            if part.factor is None:
                continue
            if factor is values and part.factor is not part.values:
                factor = values.copy()  # one array served the rows before
            if factor is not values:
                factor[rows] = part.factor
        return cls(values, factor)
