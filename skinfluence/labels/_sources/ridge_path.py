"""Ridge regression on given columns: what every damping says of each row without that row.

With weights s that sum to one, the weighted mean z of the columns and the intercept left free,

    f(x) = m + (c(x) - z)' (G + lambda P)^-1 C' S (Y - m),      G = sum_i s_i (c_i - z)(c_i - z)'

One eigendecomposition of G, relative to the penalty's matrix P, serves every lambda: G V = P V D
with V' P V = I. Leaving row i out changes its own prediction to

    f_-i(x_i) = (f(x_i) - h_i y_i) / (1 - h_i),
    h_i = s_i (1 + (c_i - z)' (G + lambda P)^-1 (c_i - z))

(Allen's PRESS, 1974; Cook & Weisberg 1982, equation 2.2.7), where ``lambda`` stays what it was,
in units of the weights before the row went: this is the refit without the row at the same penalty.

References
----------
D. M. Allen (1974), The relationship between variable selection and data augmentation and a method
for prediction, Technometrics 16(1).
"""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from scipy.linalg import eigh

#: Directions with less than this share of the largest variance are dropped.
RANK_TOLERANCE = 1e-10
#: A row whose prediction is its own target alone cannot be left out; this bounds the division.
MAX_LEVERAGE = 1 - 1e-9


@dataclass
class RidgePath:
    """An eigendecomposition of the weighted Gram matrix: everything that the path needs."""

    mean: np.ndarray = field(repr=False)  # of the columns, weighted, shape: (m,)
    rotation: np.ndarray = field(repr=False)  # centred columns to eigenvectors, shape: (m, rank)
    variances: np.ndarray = field(repr=False)  # eigenvalues, shape: (rank,)
    unit: float  # mean variance of a column: what a damping of 1 adds to each eigenvalue
    moment: np.ndarray = field(repr=False)  # rotated columns times centred targets, (rank, K)
    intercept: np.ndarray = field(repr=False)  # weighted mean of the targets, shape: (K,)

    def rotate(self, columns):
        """Centred columns on the eigenvectors, in the precision of the columns."""
        single = columns.dtype == np.float32
        rotation = self._single_rotation if single else self.rotation
        return (columns - self.mean.astype(columns.dtype)) @ rotation

    @cached_property
    def _single_rotation(self):
        return self.rotation.astype(np.float32)

    def coefficients(self, dampings):
        """Of the rotated columns, shape (rank, L, K)."""
        shrunk = self.variances[:, None] + self.unit * np.asarray(dampings)
        return self.moment[:, None, :] / shrunk[:, :, None]

    def predict(self, columns, dampings):
        """For rows that the fit has not seen, shape (L, rows, K)."""
        return self._values(self.rotate(columns), dampings)

    def leave_one_out(self, columns, targets, weight, dampings):
        """What the fit without a row says of that row, (L, rows, K); and the leverages (L, rows).

        Of some or all rows of the fit, with their weights as shares of its total weight.
        """
        rotated = self.rotate(columns)
        shrunk = self.variances[:, None] + self.unit * np.asarray(dampings)
        leverage = weight[:, None] * (1 + rotated**2 @ (1 / shrunk))
        leverage = np.minimum(leverage, MAX_LEVERAGE).T
        values = self._values(rotated, dampings)
        values -= leverage[:, :, None] * targets
        values /= 1 - leverage[:, :, None]
        return values, leverage

    def _values(self, rotated, dampings):
        coefficients = self.coefficients(dampings)
        n_alternatives, n_targets = coefficients.shape[1:]
        flat = rotated @ coefficients.reshape(len(coefficients), n_alternatives * n_targets)
        values = flat.reshape(len(rotated), n_alternatives, n_targets).transpose(1, 0, 2)
        return values + self.intercept


class RidgeSums:
    """Weighted sums over blocks of rows, of which the path is made.

    Columns are taken relative to the first block's mean, so that centring afterwards costs no
    digits where a column is far from zero.
    """

    def __init__(self):
        self._weight = 0.0
        self._gram = self._first = self._cross = self._target = 0.0
        self._origin = None

    def add(self, columns, targets, weight):
        """Add rows with their targets and weights of any scale; sums have double precision."""
        kind = columns.dtype
        if self._origin is None:
            self._origin = columns.mean(axis=0, dtype=np.float64)
        root = np.sqrt(weight)
        columns = (columns - self._origin.astype(kind)) * root.astype(kind)[:, None]
        self._weight += weight.sum()
        self._gram = self._gram + (columns.T @ columns).astype(np.float64)
        self._first = self._first + root @ columns
        self._cross = self._cross + columns.T @ (root[:, None] * targets)
        self._target = self._target + weight @ targets

    def path(self, penalty=None):
        """The eigendecomposition, relative to the penalty's matrix (m, m) where there is one."""
        mean = self._first / self._weight
        intercept = self._target / self._weight
        gram = self._gram / self._weight - np.outer(mean, mean)
        cross = self._cross / self._weight - np.outer(mean, intercept)
        variances, vectors = eigh((gram + gram.T) / 2, penalty)
        kept = variances > RANK_TOLERANCE * max(variances[-1], np.finfo(float).tiny)
        vectors = vectors[:, kept]
        variances = variances[kept]
        return RidgePath(
            mean=mean + self._origin,
            rotation=vectors,
            variances=variances,
            # per column: how many directions are kept depends on the precision
            unit=variances.sum() / len(gram) if len(variances) else 1.0,
            moment=vectors.T @ cross,
            intercept=intercept,
        )
