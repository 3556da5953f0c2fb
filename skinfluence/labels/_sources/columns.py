"""Representations of the rows: linear, and radial basis functions seen from landmarks (Nystroem).

No representation looks at a label, so that leaving a row out of a fit needs no other columns.
Columns do not depend on row weights, and so stay the same through the refits of a noise model.

scikit-learn's `Nystroem` whitens its columns with a singular value decomposition and holds those of
all rows; here the penalty takes the kernel between landmarks instead, and columns come in blocks.
"""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from scipy import sparse
from sklearn.metrics.pairwise import euclidean_distances
from sklearn.preprocessing import StandardScaler
from sklearn.utils import gen_batches
from sklearn.utils.extmath import row_norms, safe_sparse_dot

from skinfluence._encoding import leading_directions, text_columns

#: Columns of a linear representation that are taken as they are.
MOST_COLUMNS = 300
#: Landmarks among which distances are measured.
FOR_WIDTH = 300
#: Entries of a block of columns.
BLOCK_ENTRIES = 2**22
#: Larger tables of columns are made in single precision, whose products take half the time.
MOST_DOUBLES = 10_000_000
#: What the kernel's diagonal gains, for each landmark, that a factorisation exists.
JITTER = 1e-8


def scaler_of(X, encoder=None):
    """Fitted to all rows, one scale for all of a text; sparse columns are only divided."""
    scaler = StandardScaler(with_mean=not sparse.issparse(X)).set_output(transform="default")
    for some in _batches(X):
        scaler.partial_fit(X[some])
    for text in text_columns(encoder, X.shape[1]):
        scaler.scale_[text] = np.sqrt(scaler.var_[text].mean()) or 1.0
    return scaler


def scaled_columns(scaler, X):
    """Scaled rows; of large dense tables in single precision, whatever X has."""
    if sparse.issparse(X) or X.size <= MOST_DOUBLES:
        return scaler.transform(X)
    out = np.empty(X.shape, np.float32)
    for some in _batches(X):
        out[some] = scaler.transform(X[some])
    return out


def _batches(X):
    """Slices of rows: all of them at once if they are few, or sparse."""
    n, width = X.shape
    return gen_batches(n, n if sparse.issparse(X) else max(1, BLOCK_ENTRIES // max(width, 1)))


@dataclass
class Linear:
    """The scaled columns themselves, or their leading directions where there are many."""

    directions: np.ndarray | None = field(repr=False)  # shape: (p, width)
    width: int
    name: str = "the scaled columns"
    penalty: None = field(default=None, repr=False)

    def columns(self, rows, kind):
        """Columns of scaled rows, always in double precision."""
        if self.directions is not None:
            rows = rows @ self.directions
        return np.asarray(rows.toarray() if sparse.issparse(rows) else rows, dtype=np.float64)


@dataclass
class RadialBasis:
    """``exp(-distance**2 / (2 length**2))`` to landmarks.

    With the kernel P between landmarks as penalty, theta' P theta, they are the Nystroem
    approximation of the kernel (Williams & Seeger 2001).
    """

    landmarks: np.ndarray = field(repr=False)  # scaled rows, also CSR, shape: (m, p)
    length: float  # in units of the scaled columns

    def __post_init__(self):
        self.width = self.landmarks.shape[0]
        self.name = f"{self.width} radial basis functions of width {self.length:.3g}"

    @cached_property
    def penalty(self):
        """The kernel between landmarks, (m, m)."""
        kernel = self.columns(self.landmarks, np.float64)
        kernel[np.diag_indices(self.width)] += JITTER * self.width
        return kernel

    def columns(self, rows, kind):
        """Columns of scaled rows, in a precision."""
        # scikit-learn's rbf_kernel takes four times as long in single precision
        rows, landmarks = (part.astype(kind) / self.length for part in (rows, self.landmarks))
        exponent = safe_sparse_dot(rows, landmarks.T, dense_output=True)
        exponent -= 0.5 * row_norms(rows, squared=True)[:, None]
        exponent -= 0.5 * row_norms(landmarks, squared=True)
        return np.exp(np.minimum(exponent, 0.0, out=exponent), out=exponent)


def blocks(representation, rows):
    """Pairs of a slice of scaled rows and their columns, shape (rows, width)."""
    n, width = rows.shape[0], max(representation.width, 1)
    kind = np.float32 if n * width > MOST_DOUBLES else np.float64
    for some in gen_batches(n, max(1, BLOCK_ENTRIES // width)):
        yield some, representation.columns(rows[some], kind)


def linear(rows, n_components, random_state):
    """The linear representation of scaled rows that count."""
    n, p = rows.shape
    if p <= max(n_components, MOST_COLUMNS):
        return Linear(None, p)
    rank = min(n_components, n, p)
    directions = leading_directions(rows, rank, random_state)
    return Linear(np.ascontiguousarray(directions), rank)


def radial_basis(rows, order, n_components):
    """Radial basis functions of the median distance between rows.

    Landmarks are the first `n_components` rows in a drawn order.
    """
    some = rows[order[:FOR_WIDTH]]
    squared = euclidean_distances(some, squared=True)[np.triu_indices(some.shape[0], 1)]
    apart = squared[squared > 0]
    median = np.median(apart) if len(apart) else 1.0
    return RadialBasis(rows[np.sort(order[:n_components])], float(np.sqrt(median / 2)))
