"""The leverage systems I - A M of training rows, formed where they lose no digits.

``A_i`` is a row's weighted K x K curvature and ``M_i = E_i' H^-1 E_i`` its leverage block. Near
leverage one the difference ``I - A_i M_i`` has no digits left. It is the inverse of something large
instead: with ``A = R R'``, for any set of rows U and the Hessian ``H_V`` of all other rows,

    I - R' E_U' H^-1 E_U R = Q (Q' (I + R' E_U' H_V^+ E_U R) Q)^-1 Q',

where Q spans what is orthogonal to ``R' E_U' N``, with N the null space of ``H_V`` (what the rows U
alone determine). Nothing is subtracted on the right. Woodbury's identity takes all rows for U, so
that ``H_V`` is the penalty; other inverses take the rows whose leverage is near one.
"""

from copy import copy

import numpy as np

from skinfluence.linalg import RowCurvature
from skinfluence.solvers._base import SingularHessianError
from skinfluence.solvers._direct.cholesky import CholeskySolver
from skinfluence.solvers._direct.eigh import EighSolver
from skinfluence.solvers._direct.root import inverse_root

#: Below this a gap is not taken from 1 - leverage: three digits of the leverage are lost there.
NEAR_ONE = 1e-3
#: A gap, relative to the largest, that is zero: the square of a rounding error of 1e-9.
ZERO_GAP = 1e-18
#: A gap that is zero where nothing is known of it but the difference.
ZERO_DIFFERENCE = 1e-10
#: Singular values, in units in which rows have length one, that count as zero.
INDEPENDENT = 1e-7


class LeverageSystem:
    """The systems I - A_i M_i of some rows, to be solved and downdated.

    Parameters
    ----------
    curvature : RowCurvature
        A_i.
    forms : ndarray of shape (n, K, K)
        M_i.
    near : ndarray of int, shape (m,), default=None
        Positions of the rows near leverage one.
    gaps : ndarray of shape (m, K) or (m, rank, rank)
        Their ``I - R' M R`` with ``R R' = A``, without cancellation; zero at leverage one.
    roots : ndarray of shape (m, K, rank), default=None
        Their R, where outputs interact.
    least : float
        Differences below this are zero.

    Attributes
    ----------
    gap : ndarray of shape (n, K)
        1 - leverage of each output, where outputs do not interact.
    """

    def __init__(
        self, curvature, forms, near=None, gaps=None, roots=None, *, least=ZERO_DIFFERENCE
    ):
        separable = curvature.separable
        self.curvature = curvature if separable else RowCurvature(curvature.matrix())
        self.forms = forms
        self._near, self._gaps, self._roots = near, gaps, roots
        self._least = least
        if separable:  # M_i is diagonal too
            self.gap = 1.0 - curvature.values * np.einsum("nkk->nk", forms)
            self._full = self.gap < least
            if near is not None:
                self.gap[near] = gaps
                self._full[near] = gaps <= 0.0

    def take(self, some):
        """The systems at some positions, for a slice or an array of distinct int."""
        out = copy(self)
        out.curvature, out.forms = self.curvature.take(some), self.forms[some]
        if self.curvature.separable:
            out.gap, out._full = self.gap[some], self._full[some]
        if self._near is not None:
            place = np.full(len(self.forms), -1)
            place[some] = np.arange(len(out.forms))
            inside = place[self._near] >= 0
            out._near, out._gaps = place[self._near[inside]], self._gaps[inside]
            out._roots = None if self._roots is None else self._roots[inside]
        return out

    def scaled(self, curvature):
        """The systems of a `curvature` that is this one times a positive number for each output."""
        before = self.curvature
        if self._near is None or not len(self._near):
            return LeverageSystem(curvature, self.forms, least=self._least)
        old, new = (part.take(self._near).diagonal() for part in (before, curvature))
        if not before.separable:
            old, new = (part.sum(axis=1, keepdims=True) for part in (old, new))
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.where(old > 0.0, new / old, 1.0)
        ratio = np.where(np.abs(ratio - 1.0) < 1e-12, 1.0, ratio)  # rounding of the same product
        if before.separable:
            gaps, roots = 1.0 - ratio + ratio * self.gap[self._near], None
            keep = np.ones(len(ratio), dtype=bool)
        else:
            keep = ratio[:, 0] > 0.5  # else the difference has its digits
            ratio = ratio[keep, :, None]
            gaps = ratio * self._gaps[keep] + (1.0 - ratio) * np.eye(self._gaps.shape[1])
            roots = np.sqrt(ratio) * self._roots[keep]
        return LeverageSystem(
            curvature, self.forms, self._near[keep], gaps, roots, least=self._least
        )

    def solve(self, right):
        """(I - A_i M_i)^-1 right_i for every row, and the mask of rows of leverage one (NaN).

        `right` has shape (n, K).
        """
        if self.curvature.separable:
            full = self._full.any(axis=1)
            with np.errstate(divide="ignore", invalid="ignore"):
                out = right / self.gap
            out[full] = np.nan
            return out, full
        out, full = self._solve_differences(right)
        if self._near is not None and len(self._near):
            near, forms = self._near, self.forms[self._near]
            inner, full[near] = self._inner(self._roots, self._gaps)
            out[near] = right[near] + np.einsum("nkj,njl,nl->nk", inner, forms, right[near])
            out[full] = np.nan
        return out, full

    def _solve_differences(self, right):
        K = right.shape[1]
        system = np.eye(K) - self.curvature.values @ self.forms
        full = np.zeros(len(right), dtype=bool)
        # no singular value is smaller than what the trace leaves of one
        doubtful = np.flatnonzero(K - np.einsum("nkk->n", system) > 1.0 - NEAR_ONE)
        if len(doubtful):
            smallest = np.linalg.svd(system[doubtful], compute_uv=False)[:, -1]
            full[doubtful] = smallest < self._least
        system[full] = np.eye(K)
        out = np.linalg.solve(system, right[:, :, None])[:, :, 0]
        out[full] = np.nan
        return out, full

    @staticmethod
    def _inner(roots, gaps):
        """(R G^-1 R', mask of singular G) of gaps (m, rank, rank) with their roots."""
        values, vectors = np.linalg.eigh(gaps)
        full = values[:, 0] <= np.maximum(1e-13 * values[:, -1], ZERO_GAP)
        half = roots @ vectors / np.sqrt(np.where(full[:, None], 1.0, values))[:, None, :]
        return half @ half.transpose(0, 2, 1), full

    def inner(self, row):
        """(I - A M)^-1 A of one row, (K, K): what its removal adds to the inverse Hessian.

        NaN at leverage one.
        """
        curvature = self.curvature.values[row]
        if self.curvature.separable:
            with np.errstate(divide="ignore", invalid="ignore"):
                out = np.where(self._full[row], np.nan, curvature / self.gap[row])
            return np.diag(out)
        found = [] if self._near is None else np.flatnonzero(self._near == row)
        if len(found):
            inner, full = self._inner(self._roots[found], self._gaps[found])
            return np.full(inner[0].shape, np.nan) if full[0] else inner[0]
        system = np.eye(len(curvature)) - curvature @ self.forms[row]
        if np.linalg.svd(system, compute_uv=False)[-1] < self._least:
            system = np.full(system.shape, np.nan)
        return np.linalg.solve(system, curvature)

    def downdate(self, added):
        """Add symmetric matrices (n, K, K) to M_i, in place."""
        self.forms += added
        if self.curvature.separable:
            self.gap -= self.curvature.values * np.einsum("nkk->nk", added)
            self._full |= self.gap <= 0.0
        elif self._near is not None:
            self._gaps = self._gaps - self._roots.transpose(0, 2, 1) @ added[self._near] @ (
                self._roots
            )


def curvature_roots(hessian, rows=slice(None)):
    """R with R R' = A of some rows: (n_rows, K), or (n_rows, K, rank) where outputs interact."""
    curvature = hessian.curvature_of(rows)
    return curvature.root(rows_cancel=curvature.factor is not None and hessian.rows_cancel)


def are_near_one(hessian, rows, curvature, forms):
    """Mask (n_rows,) of rows whose gap cannot be taken from a difference.

    `rows` is a slice or an array of int.
    """
    curvature = hessian.curvature_of(rows) if curvature is None else curvature
    if hessian.separable:
        return (curvature.values * np.einsum("nkk->nk", forms) > 1.0 - NEAR_ONE).any(axis=1)
    out = curvature.traces(forms) > 1.0 - NEAR_ONE
    if out.any():
        doubtful = np.arange(hessian.n_rows)[rows][out]
        out[out] = smallest_gaps(hessian, doubtful, forms[out]) < NEAR_ONE
    return out


def smallest_gaps(hessian, rows, forms):
    """Smallest eigenvalue of I - R' M R, from the difference: (n_rows,)."""
    R = curvature_roots(hessian, rows)
    gaps = np.eye(R.shape[2]) - R.transpose(0, 2, 1) @ forms @ R
    return np.linalg.eigvalsh(0.5 * (gaps + gaps.transpose(0, 2, 1)))[:, 0]


def complement_root(capacitance, free):
    """F with F F' = Q (Q' C Q)^-1 Q' for a positive definite C (overwritten).

    Parameters
    ----------
    capacitance : ndarray of shape (m, m)
    free : ndarray of shape (m, r)
        Orthonormal; Q spans what is orthogonal to it.
    """
    if free.shape[1] == len(capacitance):
        return np.zeros_like(capacitance)
    if free.shape[1]:
        # projected before it is inverted: afterwards the large part would have to be subtracted
        capacitance -= free @ (free.T @ capacitance)
        capacitance -= (capacitance @ free) @ free.T
        capacitance += (np.trace(capacitance) / len(capacitance)) * (free @ free.T)
    root = inverse_root(capacitance)[0]
    if free.shape[1]:
        root -= free @ (free.T @ root)
    return root


def without_noise(gaps):
    """Gaps (m, K) with zeros in the place of rounding errors, in place."""
    gaps[gaps <= ZERO_GAP * gaps.max(initial=0.0)] = 0.0
    return gaps


def leverage_system(inverse, rows, curvature, forms):
    """See :meth:`skinfluence.solvers.InverseHessian.leverage_system`."""
    hessian = inverse.hessian
    curvature = hessian.curvature_of(rows) if curvature is None else curvature
    forms = inverse.leverage_blocks(rows) if forms is None else forms
    # where solutions have errors, half of the digits that a leverage has must be left
    least = max(ZERO_DIFFERENCE, inverse.accuracy**0.5)
    if not inverse.factorized:
        return LeverageSystem(curvature, forms, least=least)
    near, gaps = inverse.near_gaps(rows, curvature, forms)
    if not len(near):
        return LeverageSystem(curvature, forms)
    roots = None if curvature.separable else curvature_roots(hessian, rows[near])
    return LeverageSystem(curvature, forms, near, gaps, roots)


def rows_near_one(inverse):
    """(training rows near leverage one, their gaps)."""
    hessian = inverse.hessian
    blocks = inverse.iter_leverage_blocks(np.arange(hessian.n_rows), 32 * hessian.n_outputs**2)
    found = [
        some.start + np.flatnonzero(are_near_one(hessian, some, None, forms))
        for some, forms in blocks
    ]
    found = np.concatenate(found)
    gaps = gaps_near_one(hessian, found)
    hessian.release()
    return found, gaps


def gaps_near_one(hessian, rows):
    """I - R' M R of rows near leverage one by the Hessian of all other rows.

    Parameters
    ----------
    hessian : Hessian
    rows : ndarray of int, shape (m,)
        All rows near leverage one.

    Returns
    -------
    ndarray of shape (m, K), or (m, rank, rank) where outputs interact
        Zero at leverage one.
    """
    K, q, m = hessian.n_outputs, hessian.n_columns, len(rows)
    rest = np.ones(hessian.n_rows, dtype=bool)
    rest[rows] = False
    left = hessian.take(np.flatnonzero(rest))
    try:
        inverse = CholeskySolver().factorize(left)
    except SingularHessianError:
        inverse = EighSolver().factorize(left)
    null = inverse.report.null_space
    scale = np.sqrt(hessian.diagonal().clip(min=0.0))
    scale[scale == 0.0] = 1.0
    # in units of the whole Hessian's diagonal a row has at most length one
    null = np.linalg.qr(scale[:, None] * null)[0] / scale[:, None]
    Z = hessian.design.take(rows).to_dense()  # only linear predictors come here
    R = curvature_roots(hessian, rows)
    if hessian.separable:
        out = np.empty((m, K))
        for k, W in enumerate(inverse.roots):
            own = null.reshape(K, q, -1)[k]
            own = own[:, np.abs(own).max(axis=0, initial=0.0) > 0.0]
            scaled = R[:, k, None] * Z
            root = _row_side(scaled @ W, scaled @ own)
            out[:, k] = (root**2).sum(axis=1)
        return without_noise(out)
    half, free = (
        np.einsum("mka,mq,kqr->mar", R, Z, part.reshape(K, q, -1), optimize=True).reshape(
            m * R.shape[2], -1
        )
        for part in (inverse.roots[0], null)
    )
    root = _row_side(half, free).reshape(m, R.shape[2], -1)
    return root @ root.transpose(0, 2, 1)


def _row_side(half, free):
    left, size, _ = np.linalg.svd(free, full_matrices=False)
    return complement_root(np.eye(len(half)) + half @ half.T, left[:, size > INDEPENDENT])
