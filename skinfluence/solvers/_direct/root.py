"""Inverse Hessians stored as roots: H^+ = W W', block by block."""

from collections.abc import Callable

import numpy as np
from scipy.linalg import lapack

from skinfluence.kernels import run_chunks
from skinfluence.linalg import row_blocks
from skinfluence.predictors._base import along
from skinfluence.solvers._base import InverseHessian, Solver
from skinfluence.solvers._checks import check_columns
from skinfluence.solvers._report import report_of
from skinfluence.solvers._shared import diagonal_root

#: Multiplications beyond which a sparse design takes the numba kernel: some seconds of matrix
#: products, so that small problems never wait for the compiler.
KERNEL_WORK = 2e9
#: What a pair of entries costs there, in multiplications of a product of dense blocks (4 to 12).
PAIR_COST = 10

#: Columns up to which the inverse of a triangle is put together from products of its parts: beyond,
#: LAPACK's own saves more than a change of BLAS costs.
SMALL = 1000
#: Columns up to which a triangle is inverted as if it were full.
TINY = 64


class RootInverse(InverseHessian):
    """H^+ = W W' with one root W of shape (q, r) per output, or a single (p, r) one.

    The root form serves the Cholesky factor (W = L^-T) and the eigendecomposition
    (W = Q Lambda^-1/2) alike: products are two matrix products, and leverages are sums of squares
    and so never negative.

    Parameters
    ----------
    hessian : Hessian
    roots : list of ndarray
        K roots if the Hessian is separable (they may be one object), else one.
    report : SolverReport
    """

    def __init__(self, hessian, roots, report):
        super().__init__(hessian, report)
        self.roots = roots
        self._half_blocks = None

    def moved_to(self, hessian):
        """The inverse of a Hessian that differs from its own by rounding only."""
        return RootInverse(hessian, self.roots, self.report)

    def solve(self, V):
        blocks = len(self.roots)
        V = check_columns(V, self.shape[0]).reshape(blocks, self.shape[0] // blocks, -1)
        out = np.zeros(V.shape)
        for k, W in enumerate(self.roots):
            if blocks == 1 or V[k].any():  # right-hand sides of one output are zero elsewhere
                np.matmul(W, W.T @ V[k], out=out[k])
        return out.reshape(self.shape[0], -1)

    def leverage_blocks_of(self, predictor):
        if not self.hessian.linear:
            return self._general_form(predictor)
        if self.hessian.separable:
            return self._separable_form(predictor.design)
        return self._coupled_form(predictor.design)

    def _general_form(self, predictor):
        n, K = predictor.n_rows, self.hessian.n_outputs
        out = np.empty((n, K, K))
        for rows in self._shown(row_blocks(n, 16 * K * self.shape[0]), n):
            half = along(predictor.take(rows).row_jacobian(), self.roots[0])  # (n_rows, K, rank)
            out[rows] = half @ half.transpose(0, 2, 1)
        return out

    def _coupled_form(self, design):
        K = self.hessian.n_outputs
        out = np.empty((design.shape[0], K, K))
        if self._half_blocks is None:
            self._half_blocks = self._make_half_blocks()
        if design.is_sparse and self._worth_compiling(design):
            for (k, j), half in self._half_blocks.items():
                form = design.quadratic_form(0.5 * (half + half.T))
                out[:, k, j] = out[:, j, k] = form
            return out

        blocks = list(row_blocks(len(out), 8 * design.shape[1], cache_mib=2.0))
        with self._bar(len(out)) as update:

            def fill(rows):
                Z = design.take(rows).to_dense()
                for (k, j), half in self._half_blocks.items():
                    out[rows, k, j] = out[rows, j, k] = half_form(Z, half)
                update(rows.start, rows.stop - rows.start)

            run_chunks(fill, blocks)
        return out

    def _worth_compiling(self, design):
        """Whether the pairs of entries of sparse rows cost less than products of dense blocks."""
        n, q = design.shape
        pairs = float((np.diff(design.X.indptr).astype(float) ** 2).sum())
        products = float(n) * q**2
        return products * len(self._half_blocks) > KERNEL_WORK and pairs * PAIR_COST < products

    def _make_half_blocks(self):
        """{(k, j): half of the symmetric part of block (k, j) of the inverse}, for j >= k.

        A third of the multiplications of a full product where the root is triangular: the rows of
        output j begin at its own columns then, except where non-identifiable directions were
        projected out.
        """
        K, q = self.hessian.n_outputs, self.hessian.n_columns
        root, shifts = self.roots[0], self.hessian.non_identifiable
        full = np.flatnonzero(shifts.reshape(K, q, -1).any(axis=(0, 2))) if shifts.size else []
        halves = {}
        for j in range(K):
            above, own = root[: (j + 1) * q], root[j * q : (j + 1) * q]
            begin = first_column(own, full)
            column = above[:, begin:] @ own[:, begin:].T
            if begin:
                column[:, full] = above @ own[full].T
            for k, block in enumerate(column.reshape(j + 1, q, q)):
                halves[k, j] = upper_half(0.5 * (block + block.T))
        return halves

    def _separable_form(self, design):
        K = self.hessian.n_outputs
        out = np.zeros((design.shape[0], K, K))
        if design.is_sparse and design.X.nnz * design.shape[1] > KERNEL_WORK:
            for k, W in enumerate(self.roots):
                if k == 0 or W is not self.roots[k - 1]:
                    form = design.quadratic_form(W @ W.T)
                out[:, k, k] = form
            return out
        n = design.shape[0]
        for rows in self._shown(row_blocks(n, 8 * self.hessian.n_columns, cache_mib=2.0), n):
            part = design.take(rows)
            previous = None
            for k, W in enumerate(self.roots):
                if W is not previous:
                    half = part.matmul(W)
                    form = np.einsum("ij,ij->i", half, half)
                out[rows, k, k] = form
                previous = W
        return out


def first_column(matrix, without):
    """The first column that is not zero in the rows but those of `without`; 0 where all are."""
    there = matrix != 0.0
    there[without] = False
    return int(there.any(axis=0).argmax())


#: Columns of a symmetric matrix that are multiplied at a time.
TILE = 128


def upper_half(matrix):
    """U, zero below its blocks on the diagonal, with z' U z = z' M z for a symmetric M."""
    out = 2.0 * matrix
    for start in range(0, len(matrix), TILE):
        own = slice(start, start + TILE)
        out[own, own] = matrix[own, own]
        out[start + TILE :, own] = 0.0
    return out


def half_form(Z, half):
    """z_i' U z_i of every row: half the multiplications that the full matrix would take."""
    out = np.zeros(len(Z))
    for start in range(0, len(half), TILE):
        stop = start + TILE
        out += np.einsum("ij,ij->i", Z[:, :stop] @ half[:stop, start:stop], Z[:, start:stop])
    return out


def equilibrate(matrix):
    """Scale a symmetric positive semi-definite matrix to a unit diagonal, in place.

    Returns the scaled matrix and the scale s, with matrix = diag(s) scaled diag(s). Rows without
    curvature keep scale 1.
    """
    scale = diagonal_root(np.diag(matrix))
    matrix /= scale[:, None]
    matrix /= scale
    return matrix, scale


def inverse_root(matrix):
    """(W, smallest pivot) with W W' = matrix^-1, from the Cholesky factor; pivot 0 if it fails.

    LAPACK is called through numpy, whose matrix products come before and after: numpy and scipy
    each bring a BLAS with threads of its own, and two pools that wait for each other's cores made
    a factorisation of 200 columns fifty times slower. Only large matrices go to scipy, whose
    triangular inverse saves more than that costs; then the factor is made there too.
    """
    if len(matrix) > SMALL:
        return _inverse_root_by_scipy(matrix)
    try:
        factor = np.linalg.cholesky(matrix)  # lower
    except np.linalg.LinAlgError:
        return matrix, 0.0
    pivot = float(np.diag(factor).min()) ** 2
    if pivot == 0.0:
        return matrix, 0.0
    return triangular_inverse(factor).T, pivot


def _inverse_root_by_scipy(matrix):
    # the transpose is in LAPACK's order: one copy, for the factor, and no other
    factor, failed = lapack.dpotrf(matrix.T, lower=0, clean=1)
    pivot = 0.0 if failed else float(np.diag(factor).min()) ** 2
    if pivot == 0.0:
        return matrix, 0.0
    return lapack.dtrtri(factor, lower=0, overwrite_c=1)[0], pivot


def triangular_inverse(lower):
    """Inverse of a lower triangle, by halves: most of the work is in products of matrices."""
    n = len(lower)
    if n <= TINY:
        return np.linalg.inv(lower)
    half = n // 2
    out = np.zeros_like(lower)
    first = out[:half, :half] = triangular_inverse(lower[:half, :half])
    last = out[half:, half:] = triangular_inverse(lower[half:, half:])
    out[half:, :half] = (last @ lower[half:, :half]) @ -first
    return out


def project_out(null_space, W):
    """(I - N N') W for orthonormal N, in the place of W: only rows that N has are written."""
    rows = np.flatnonzero(null_space.any(axis=1))
    N = null_space[rows]
    W[rows] -= N @ (N.T @ W[rows])
    return W


class RootSolver(Solver):
    """Base of solvers that find a root of the inverse of each independent block.

    ``_root(matrix, non_identifiable)`` of a subclass gives the root of one, and its null space.
    """

    _root: Callable

    def factorize(self, hessian):
        K, q = hessian.penalty.shape if hessian.separable else (1, hessian.shape[0])
        shifts = np.zeros((q, 0)) if hessian.separable else hessian.non_identifiable
        roots, nulls = [], []
        for k in range(K):
            if k == 0 or not hessian.blocks_are_equal:
                matrix = hessian.block(k) if hessian.separable else hessian.to_dense()
                root, null = self._root(matrix, shifts)
            roots.append(root)
            placed = np.zeros((K * q, null.shape[1]))
            placed[k * q : (k + 1) * q] = null
            nulls.append(placed)
        hessian.release()  # the roots take the place of the rows' curvature
        return RootInverse(hessian, roots, report_of(self.name, hessian, np.hstack(nulls)))
