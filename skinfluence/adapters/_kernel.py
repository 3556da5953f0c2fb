"""Columns that make a kernel machine a linear model: a factor Z of the kernel matrix, K = Z Z'."""

from types import SimpleNamespace

import numpy as np
from scipy import sparse
from scipy.linalg import solve, solve_triangular
from scipy.linalg.lapack import dpstrf

from skinfluence._utils.warnings import warn_user
from skinfluence.adapters._kernel_space import KernelSpace
from skinfluence.adapters._linear import linear_objective, refuse
from skinfluence.linalg import row_blocks
from skinfluence.objectives._kernel.objective import KernelObjective, KernelPenalty
from skinfluence.predictors._kernel import KernelPredictor

#: Training rows whose kernel matrix is formed and factorised to rounding.
MOST_ROWS = 10_000
#: Columns of a basis of limited rank, for more rows.
MOST_COLUMNS = 2_000
#: Landmarks that are drawn at a time.
BLOCK = 200
#: What is left of the diagonal of the kernel matrix below this share of its largest is rounding.
ROUNDING = 1e-13
#: Largest error of a factor to rounding, relative to the largest entry of the diagonal.
INDEFINITE = 1e-6


class IndefiniteKernelError(ValueError):
    """The kernel matrix has negative eigenvalues: no factor is real."""


class RowKernel:
    """Kernel of any rows with some known rows.

    Parameters
    ----------
    function : callable
        ``function(A, B)`` gives the kernel matrix of two tables. It must be picklable.
    rows : array-like of shape (n, n_features)
    """

    def __init__(self, function, rows):
        self.function, self.rows = function, rows

    @property
    def n_rows(self):
        return self.rows.shape[0]

    def __call__(self, X):
        return np.asarray(self.function(_double(X), _double(self.rows)), dtype=np.float64)

    def diagonal(self):
        """Kernel of each known row with itself, (n,)."""
        parts = range(0, self.n_rows, BLOCK)
        return np.concatenate([np.diag(self._square(slice(a, a + BLOCK))) for a in parts])

    def _square(self, some):
        rows = _double(self.rows[some])
        return np.asarray(self.function(rows, rows), dtype=np.float64)

    def own(self, X):
        """Kernel of each row of a table with itself, (n_rows,)."""
        return RowKernel(self.function, X).diagonal()

    def take(self, some):
        """The kernel with some of the known rows."""
        return RowKernel(self.function, self.rows[some])


def _double(X):
    """float32 as float64: kernels of rounded differences may be indefinite."""
    return X.astype(np.float64) if X.dtype == np.float32 else X


class PrecomputedKernel:
    """The same where tables hold kernels: row i the kernels of i with all training rows.

    Parameters
    ----------
    matrix : ndarray of shape (n, n)
        Of the training rows.
    """

    def __init__(self, matrix):
        self.rows, self.n_rows = matrix, len(matrix)
        self._diagonal, self._some = np.diag(matrix).copy(), np.arange(len(matrix))

    def __call__(self, X):
        return np.asarray(X[:, self._some], dtype=np.float64)

    def diagonal(self):
        return self._diagonal

    def own(self, X):
        raise ValueError(
            "The kernel of a new row with itself is not known where kernels are precomputed. "
            'Fit the estimator with kernel="rbf" or a function.'
        )

    def take(self, some):
        out = object.__new__(PrecomputedKernel)
        out.n_rows, out._diagonal, out._some = len(some), self._diagonal[some], self._some[some]
        return out


class KernelColumns:
    """Columns z(x) whose inner products are the kernel: ``z(a)' z(b) = k(a, b)``.

    With landmarks L among the training rows and the Cholesky factor R R' of their kernel matrix,
    ``z(x) = R^-1 k(L, x)``. The squared norm of coefficients on the columns is that of the
    function in the kernel's Hilbert space. By the representer theorem the optimum without a
    training row lies in the span of the columns too.

    Up to `MOST_ROWS` rows, landmarks are pivots of a Cholesky factorisation of the kernel matrix,
    until what is left is rounding. Beyond, `MOST_COLUMNS` of them are drawn in proportion to what
    is left of the diagonal ("randomly pivoted Cholesky", Chen, Epperly, Tropp and Webber, 2024),
    and no matrix is larger than the rows times the columns.

    Parameters
    ----------
    kernel : RowKernel or PrecomputedKernel
        Of the training rows.
    first : ndarray of int, default=()
        Rows that are landmarks in any case, where the rank is limited.
    matrix : ndarray of shape (n, n), default=None
        Of the training rows, where it is known.

    Attributes
    ----------
    residual_trace : float
        Share of the trace of the kernel matrix that the columns leave out.
    """

    def __init__(self, kernel, first=(), matrix=None):
        if kernel.n_rows <= MOST_ROWS:
            matrix = kernel(kernel.rows) if matrix is None else matrix
            self._factor, landmarks, self.residual_trace = _pivoted(matrix)
        else:
            self._factor, landmarks, self.residual_trace = _drawn(kernel, first)
        self.kernel = kernel.take(landmarks)
        self.root = self._factor[landmarks]  # lower triangular

    @property
    def is_limited(self):
        """Whether the columns leave out more than rounding."""
        return self.residual_trace > 0.0

    def take_training(self):
        """The columns of the training rows (n, r), which are forgotten here."""
        return self.__dict__.pop("_factor")

    def __call__(self, X):
        return solve_triangular(self.root, self.kernel(X).T, lower=True, check_finite=False).T

    def left_out(self, X):
        """``k(x, x) - z(x)' z(x)`` of each row of a table: what no column describes, (n_rows,)."""
        own = self.kernel.own(X)
        left = own - np.einsum("ij,ij->i", *[self(X)] * 2)
        return np.where(left > INDEFINITE * own, left, 0.0)


def kernel_objective(
    estimator,
    X,
    y,
    coding,
    loss,
    kernel,
    dual,
    *,
    intercept=None,
    penalty,
    weights,
    settings,
    offset=None,
    definite=False,
):
    """Objective of a kernel machine: linear on kernel columns.

    Parameters
    ----------
    estimator : fitted estimator
        For messages.
    X : ndarray or CSR of shape (n, n_features)
        The rows to explain: the kernel's own, unless the estimator is frozen.
    y : ndarray of shape (n, K)
        Encoded targets.
    coding : TargetCoding
    loss : Loss
    kernel : RowKernel or PrecomputedKernel
        Of the rows that the estimator was trained on.
    dual : ndarray of shape (n_trained, K)
        The functions are ``sum_j dual_j k(x_j, x)``.
    intercept : ndarray of shape (K,), default=None
        Their free intercepts; none by default.
    penalty : float or ndarray of shape (K,)
        Times half of their squared norm in the kernel's Hilbert space.
    weights : RowWeights
    settings : Settings
    offset : callable, default=None
        ``offset(X)`` gives what is added to the raw predictions, (n, K).
    definite : bool, default=False
        Whether the kernel is known to be positive semi-definite, so that columns need not be made.
    """
    definite = definite and np.min(penalty) > 0.0
    if definite and kernel.n_rows <= MOST_ROWS and _is_same(X, kernel.rows):
        K, centred = coding.n_outputs, settings.center and intercept is not None
        by = weights.base if centred else None
        space = KernelSpace(kernel, KernelColumns, intercept is not None, by)
        free = None if intercept is None else np.broadcast_to(np.ravel(intercept), (K,)).copy()
        known = None if offset is None else offset(X)
        return KernelObjective(
            loss,
            KernelPredictor(space, dual, free, offset=known, offset_of=offset),
            y,
            KernelPenalty(space, np.broadcast_to(np.asarray(penalty, dtype=float), (K,)).copy()),
            weights,
            coding,
            penalty_scaling=settings.penalty_scaling,
        )
    supports = np.flatnonzero(dual.any(axis=1))
    few = 2 * len(supports) <= MOST_COLUMNS  # then the machine itself is on the columns
    try:
        columns = KernelColumns(kernel, supports if few else ())
    except IndefiniteKernelError:
        refuse(
            estimator,
            True,
            f"a kernel (kernel={getattr(estimator, 'kernel', None)!r}) whose matrix of the "
            "training rows has negative eigenvalues",
            "Expected a positive semi-definite kernel: others have no penalty that is convex.",
        )
    Z = columns.take_training()
    coef = _limited_coef(estimator, kernel, columns, Z, dual) if columns.is_limited else dual.T @ Z
    return linear_objective(
        SimpleNamespace(
            coef_=coef,
            fit_intercept=intercept is not None,
            intercept_=0.0 if intercept is None else intercept,
        ),
        X,
        y,
        coding,
        loss,
        penalty=penalty,
        weights=weights,
        settings=settings,
        columns=columns,
        made=Z if _is_same(X, kernel.rows) else None,
        offset=offset,
    )


def is_definite(kernel, degree, coef0):
    """Whether a kernel of scikit-learn is positive semi-definite for any rows, by its name."""
    if kernel in ("poly", "polynomial"):
        return float(degree).is_integer() and coef0 >= 0.0
    return kernel in ("rbf", "laplacian", "linear", "cosine")


def _is_same(X, rows):
    if X is rows or X.shape != rows.shape:
        return X is rows
    return (X != rows).nnz == 0 if sparse.issparse(X) else np.array_equal(X, rows)


def _limited_coef(estimator, kernel, columns, Z, dual):
    """Coefficients (K, r) by which few columns come nearest to the estimator; warns of the rest."""
    supports = np.flatnonzero(dual.any(axis=1))
    own, some = np.empty(dual.shape), kernel.take(supports)
    for rows in row_blocks(len(own), 8 * len(supports)):
        own[rows] = some(kernel.rows[rows]) @ dual[supports]
    gram = Z.T @ Z
    gram.flat[:: len(gram) + 1] += 1e-12 * np.trace(gram)
    coef = solve(gram, Z.T @ own, assume_a="pos").T
    off = np.abs(own - Z @ coef.T).max() / max(np.ptp(own), np.finfo(float).tiny)
    warn_user(
        f"{type(estimator).__name__} has {len(own):,} training rows, more than {MOST_ROWS:,}: it "
        f"is explained on {len(columns.root):,} kernel columns, which leave out "
        f"{columns.residual_trace:.2g} of the trace of the kernel matrix. Its own predictions of "
        f"the training rows are off by up to {off:.2g} of their spread there. Influences are those "
        "of the optimum on these columns.",
    )
    return coef


def _pivoted(matrix):
    """(factor (n, r), its pivots, share of the trace left out) of a kernel matrix, to rounding."""
    n = len(matrix)
    scale = np.diag(matrix).max(initial=0.0)
    if scale <= 0.0:
        raise ValueError("The kernel of every training row with itself is zero.")
    lower, pivots, rank, _ = dpstrf(matrix, tol=ROUNDING * scale, lower=1)
    pivots = pivots - 1
    factor = np.empty((n, rank))
    factor[pivots] = np.tril(lower)[:, :rank]
    some = np.unique(np.linspace(0, n - 1, min(n, 64)).astype(int))
    off = np.abs(factor @ factor[some].T - matrix[:, some]).max()
    if off > INDEFINITE * scale:
        raise IndefiniteKernelError
    return factor, pivots[:rank], 0.0


def _drawn(kernel, first):
    """The same at limited rank, with landmarks that are drawn block by block."""
    rng = np.random.default_rng(0)
    diagonal = kernel.diagonal()
    left, n = diagonal.copy(), len(diagonal)
    factor, landmarks = np.empty((n, 0)), np.empty(0, dtype=np.intp)
    queue = np.asarray(first, dtype=np.intp)[:MOST_COLUMNS]
    while len(landmarks) < MOST_COLUMNS and left.max() > ROUNDING * diagonal.max():
        size = min(BLOCK, MOST_COLUMNS - len(landmarks))
        block, queue = queue[:size], queue[size:]
        if not len(block):
            size = min(size, np.count_nonzero(left))
            block = rng.choice(n, size, replace=False, p=left / left.sum())
        new = kernel.take(block)(kernel.rows) - factor @ factor[block].T
        lower, pivots, rank, _ = dpstrf(new[block], tol=ROUNDING * diagonal.max(), lower=1)
        if rank == 0:
            left[block] = 0.0
            continue
        chosen = pivots[:rank] - 1
        root = np.tril(lower)[:rank, :rank]
        new = solve_triangular(root, new[:, chosen].T, lower=True, check_finite=False).T
        factor, landmarks = np.hstack([factor, new]), np.append(landmarks, block[chosen])
        left = np.maximum(left - (new**2).sum(axis=1), 0.0)
        left[block] = 0.0
    return factor, landmarks, float(left.sum() / diagonal.sum())
