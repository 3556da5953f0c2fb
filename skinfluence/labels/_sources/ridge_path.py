"""Ridge regression on given columns, with its leave-one-out predictions for every damping.

With weights s that sum to one, the weighted mean z of the columns and the intercept left free,

    f(x) = m + (c(x) - z)' (G + lambda P)^-1 C' S (Y - m),      G = sum_i s_i (c_i - z)(c_i - z)'

One eigendecomposition of G, relative to the penalty's matrix P, serves every lambda: G V = P V D
with V' P V = I. Leaving row i out changes its own prediction to

    f_-i(x_i) = (f(x_i) - h_i y_i) / (1 - h_i),
    h_i = s_i (1 + (c_i - z)' (G + lambda P)^-1 (c_i - z))

(PRESS: Allen 1974, Technometrics 16(1); Cook & Weisberg 1982, equation 2.2.7), where ``lambda``
stays what it was, in units of the weights before the row went: this is the refit without the row at
the same penalty.
"""

from contextlib import nullcontext
from dataclasses import dataclass, field

import numpy as np
from scipy.linalg import eigh, get_blas_funcs

from skinfluence.kernels import single_threaded_blas

#: Directions with less than this share of the largest variance are dropped.
RANK_TOLERANCE = 1e-10
#: A row whose prediction is its own target alone cannot be left out; this bounds the division.
MAX_LEVERAGE = 1 - 1e-9
#: Up to so many columns, threads that factorise them wait for each other longer than they work.
ONE_THREAD = 1000


@dataclass
class RidgePath:
    """An eigendecomposition of the weighted Gram matrix: the fits of all dampings."""

    mean: np.ndarray = field(repr=False)  # of the columns, weighted, shape: (m,)
    rotation: np.ndarray = field(repr=False)  # centred columns to eigenvectors, shape: (m, rank)
    variances: np.ndarray = field(repr=False)  # eigenvalues, shape: (rank,)
    unit: float  # mean variance of a column: what a damping of 1 adds to each eigenvalue
    moment: np.ndarray = field(repr=False)  # rotated columns times centred targets, (rank, K)
    intercept: np.ndarray = field(repr=False)  # weighted mean of the targets, shape: (K,)
    triangular: bool = False  # whether the rotation is a lower triangle

    def at(self, damping):
        """The fit at one damping: its rotation is triangular, and costs half as much to apply."""
        root = np.sqrt(self._shrunk([damping])[:, 0])
        with _threads(len(root)):
            Q, R = np.linalg.qr((self.rotation / root).T)
        moment = Q.T @ (self.moment / root[:, None])
        square = R.shape[0] == R.shape[1]
        return RidgePath(self.mean, R.T, np.ones(len(root)), 0.0, moment, self.intercept, square)

    def rotate(self, columns):
        """Centred columns on the eigenvectors, in the precision of the columns."""
        mean, rotation = (part.astype(columns.dtype) for part in (self.mean, self.rotation))
        columns = columns - mean
        if not self.triangular:
            return columns @ rotation
        trmm = get_blas_funcs("trmm", (columns, rotation))
        return trmm(1.0, rotation, columns.T, lower=True, trans_a=True, overwrite_b=True).T

    def _shrunk(self, dampings):
        return self.variances[:, None] + self.unit * np.asarray(dampings)  # shape: (rank, L)

    def predict(self, columns, dampings):
        """For rows that the fit has not seen, shape (L, rows, K)."""
        return self._values(self.rotate(columns), dampings)

    def leave_one_out(self, columns, targets, weight, dampings):
        """Predictions for rows by the fits without them, (L, rows, K); and leverages (L, rows).

        Of some or all rows of the fit, with their weights as shares of its total weight.
        """
        rotated = self.rotate(columns)
        leverage = weight[:, None] * (1 + rotated**2 @ (1 / self._shrunk(dampings)))
        leverage = np.minimum(leverage, MAX_LEVERAGE).T
        values = self._values(rotated, dampings)
        values -= leverage[:, :, None] * targets
        values /= 1 - leverage[:, :, None]
        return values, leverage

    def _values(self, rotated, dampings):
        coefficients = self.moment[:, None, :] / self._shrunk(dampings)[:, :, None]
        values = np.tensordot(rotated, coefficients, 1).transpose(1, 0, 2)
        return values + self.intercept


def _threads(n_columns):
    return single_threaded_blas() if n_columns <= ONE_THREAD else nullcontext()


def ridge_path(blocks, penalty=None):
    """The RidgePath of blocks of (columns, targets, weights of any scale).

    Relative to the penalty's matrix (m, m) where there is one. Columns are taken relative to the
    first block's mean, so that centring afterwards costs no digits where a column is far from zero;
    sums have double precision.
    """
    total = gram = first = cross = target = 0.0
    origin = None
    for columns, targets, weight in blocks:
        kind = columns.dtype
        if origin is None:
            origin = columns.mean(axis=0, dtype=np.float64)
        root = np.sqrt(weight)
        columns = (columns - origin.astype(kind)) * root.astype(kind)[:, None]
        total += weight.sum()
        gram = gram + (columns.T @ columns).astype(np.float64)
        first = first + root @ columns
        cross = cross + columns.T @ (root[:, None] * targets)
        target = target + weight @ targets
    mean, intercept = first / total, target / total
    gram = gram / total - np.outer(mean, mean)
    with _threads(len(gram)):
        variances, vectors = eigh((gram + gram.T) / 2, penalty)
    kept = variances > RANK_TOLERANCE * max(variances[-1], np.finfo(float).tiny)
    variances, vectors = variances[kept], vectors[:, kept]
    return RidgePath(
        mean=mean + origin,
        rotation=vectors,
        variances=variances,
        # per column: how many directions are kept depends on the precision
        unit=variances.sum() / len(gram) if len(variances) else 1.0,
        moment=vectors.T @ (cross / total - np.outer(mean, intercept)),
        intercept=intercept,
    )
