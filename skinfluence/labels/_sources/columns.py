"""Representations of the rows: linear, and radial basis functions seen from landmarks (Nystroem).

No representation looks at a label, so that leaving a row out of a fit needs no other columns, and
the closed forms of leave-one-out hold exactly for the model on these columns.

Rows of weight zero are absent: neither the scales, nor the landmarks, nor the widths see them. Of
the other weights nothing is used: columns depend on which rows count, not on how much, and so stay
the same through the reweighted fits of a noise model.
"""

from dataclasses import dataclass, field

import numpy as np
from scipy import sparse
from scipy.linalg import eigh
from sklearn.utils.extmath import randomized_svd

#: Widths of the radial basis functions, in units of the median distance between rows.
WIDTHS = (0.5, 1.0, 2.0)
#: Directions in which landmarks differ by less than this share of the largest are dropped.
RANK_TOLERANCE = 1e-8


@dataclass
class Scaling:
    """Columns with mean 0 and variance 1; sparse ones keep their zeros and are only divided.

    Attributes
    ----------
    mean : ndarray of shape (p,) or None
        None for sparse rows.
    scale : ndarray of shape (p,)
        Standard deviations; 1 where a column is constant.
    """

    mean: np.ndarray | None
    scale: np.ndarray

    def apply(self, X):
        if sparse.issparse(X):
            return sparse.csr_matrix(X) @ sparse.diags(1 / self.scale)
        return (X - self.mean) / self.scale


def scaling_of(X):
    """Learn the scaling from the rows that count."""
    if sparse.issparse(X):
        mean = np.asarray(X.mean(axis=0), dtype=np.float64).ravel()
        square = np.asarray(X.multiply(X).mean(axis=0), dtype=np.float64).ravel()
        scale = np.sqrt(np.maximum(square - mean**2, 0.0))
        scale[scale <= 1e-7 * np.sqrt(square)] = 1.0
        return Scaling(None, np.where(scale > 0, scale, 1.0))
    mean = X.mean(axis=0, dtype=np.float64)
    scale = X.std(axis=0, dtype=np.float64)
    # A constant column can have a standard deviation of rounding errors.
    scale[scale <= 1e-7 * np.abs(mean)] = 0.0
    return Scaling(mean, np.where(scale > 0, scale, 1.0))


@dataclass
class Linear:
    """The scaled columns themselves, or their leading directions where there are many.

    Attributes
    ----------
    directions : ndarray of shape (p, m) or None
        None: the columns themselves.
    width_of_columns : int
        m, or p.
    """

    directions: np.ndarray | None
    width_of_columns: int
    name: str = "the scaled columns"
    whitening: None = field(default=None, repr=False)

    def columns(self, block):
        """Raw columns of a block of scaled rows, shape (rows, m)."""
        if self.directions is not None:
            return np.asarray(block @ self.directions, dtype=np.float64)
        dense = block.toarray() if sparse.issparse(block) else block
        return np.asarray(dense, dtype=np.float64)


@dataclass
class Landmarks:
    """Scaled rows from which all others are seen; shared by the widths.

    Attributes
    ----------
    rows : ndarray or CSR of shape (m, p)
        The landmarks.
    squares : ndarray of shape (m,)
        Their squared norms.
    """

    rows: np.ndarray
    squares: np.ndarray = field(repr=False)

    def squared_distances(self, block):
        """From each row of a block to each landmark, shape (rows, m)."""
        product = block @ self.rows.T
        if sparse.issparse(product):
            product = product.toarray()
        distances = squared_norms(block)[:, None] + self.squares - 2 * product
        return np.maximum(distances, 0.0).astype(np.float64, copy=False)


@dataclass
class RadialBasis:
    """``exp(-distance**2 / (2 width**2))`` to the landmarks, whitened.

    The whitened columns are those of Williams & Seeger (2001): their inner products are the kernel
    where both rows are landmarks, and its Nystroem approximation elsewhere.

    Attributes
    ----------
    landmarks : Landmarks
    width : float
        In units of the scaled columns.
    whitening : ndarray of shape (m, rank)
        What turns kernel values into whitened columns.
    """

    landmarks: Landmarks
    width: float
    name: str
    whitening: np.ndarray = field(repr=False)

    @property
    def width_of_columns(self):
        """m, the number of landmarks."""
        return len(self.landmarks.squares)

    def columns(self, block):
        """Kernel values of a block of scaled rows, before whitening, shape (rows, m)."""
        return np.exp(self.landmarks.squared_distances(block) * (-0.5 / self.width**2))


def squared_norms(rows):
    if sparse.issparse(rows):
        return np.asarray(rows.multiply(rows).sum(axis=1), dtype=np.float64).ravel()
    return np.einsum("ij,ij->i", rows, rows, dtype=np.float64)


def linear(rows, n_components, random_state):
    """The linear representation of scaled rows that count."""
    n, p = rows.shape
    if p <= max(n_components, 300):
        return Linear(None, p)
    rank = min(n_components, n, p)
    directions = randomized_svd(rows, rank, n_iter=2, random_state=random_state)[2].T
    return Linear(np.ascontiguousarray(directions), rank)


def landmarks_of(rows, n_components, random_state):
    """Draw landmarks among the scaled rows that count."""
    n = rows.shape[0]
    chosen = np.sort(random_state.permutation(n)[:n_components])
    kept = rows[chosen]
    return Landmarks(kept, squared_norms(kept))


def radial_bases(landmarks, widths=WIDTHS):
    """One representation a width, in units of the median distance between landmarks."""
    squared = landmarks.squared_distances(landmarks.rows)
    between = squared[np.triu_indices(len(squared), 1)]
    between = between[between > 0]
    median = np.median(between) if len(between) else 1.0
    return [_radial_basis(landmarks, squared, median, factor) for factor in widths]


def _radial_basis(landmarks, squared, median, factor):
    # kernel = exp(-squared / (median * factor**2)): factor 1 is the median heuristic.
    width = factor * np.sqrt(median / 2)
    values, vectors = eigh(np.exp(squared * (-0.5 / width**2)))
    kept = values > RANK_TOLERANCE * values[-1]
    whitening = vectors[:, kept] / np.sqrt(values[kept])
    return RadialBasis(landmarks, width, f"radial basis functions of width {width:.3g}", whitening)
