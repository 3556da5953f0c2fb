"""The inverse Hessian of a kernel machine, by the rows that have curvature.

The Hessian of a function f, with an intercept b, is ``H (f, b) = (t f + sum_i a_i (f(x_i) + b)
k(x_i, .), sum_i a_i (f(x_i) + b))`` for curvatures a and the strength t of the penalty. Where only
some rows S have curvature it is t times the identity but for a rank of S: with R = diag(a)^1/2 and
the capacitance matrix ``C = I + R K R / t`` of these rows all is solved by Woodbury's identity.
"""

from functools import cached_property

import numpy as np
from scipy.linalg import cho_solve
from scipy.linalg.lapack import dpotrf, dtrtri

from skinfluence.linalg import row_blocks

#: Part of a step that is left to the next one.
LITTLE = 1e-4
#: Share of a gap without the intercept, below which the intercept's part leaves it few digits.
FEW_DIGITS = 1e-3


class KernelFactor:
    """Cholesky factor of the capacitance matrix of one output.

    Parameters
    ----------
    space : KernelSpace
        Of the n training rows.
    curvature : ndarray of shape (n,)
        a; not negative.
    strength : float
        t.
    free : bool
        Whether there is an intercept.
    left_out : float
        Rows of less curvature, relative to t, count as rows without.

    Raises
    ------
    LinAlgError
        Where the kernel matrix is not positive semi-definite, or no row determines the intercept.
    """

    def __init__(self, space, curvature, strength, free, left_out):
        self.space, self.strength, self.free = space, strength, free
        self.rows = np.flatnonzero(curvature * space.diagonal > left_out * strength)
        self.curvature = curvature[self.rows]
        self.root = np.sqrt(self.curvature)
        m = len(self.rows)
        capacitance = np.empty((m, m))
        for some in row_blocks(m, 16 * len(curvature), cache_mib=2.0):
            own = capacitance[some]
            np.take(space.gram[self.rows[some]], self.rows, axis=1, out=own, mode="clip")
            own *= self.root / strength
            own *= self.root[some, None]
        capacitance.flat[:: len(self.rows) + 1] += 1.0
        # symmetric: its transpose is in LAPACK's order, and is not copied
        self._factor, failed = dpotrf(capacitance.T, lower=1, clean=0, overwrite_a=1)
        if failed:
            raise np.linalg.LinAlgError("The kernel matrix has negative eigenvalues.")
        if free:
            self._solved_root = self._solve(self.root)
            self._total = self.root @ self._solved_root
            if not self._total > 0.0:
                raise np.linalg.LinAlgError("No row has curvature: the intercept has none.")

    def _solve(self, right):
        return cho_solve((self._factor, True), right, check_finite=False)

    @cached_property
    def gaps(self):
        """1 - leverage of each training row, (n,); None where it would lose its digits.

        On the rows with curvature it is the diagonal of ``C^-1 - u u' / (r' u)`` with ``u = C^-1
        r`` and the roots r of the curvatures, if there is an intercept, and of ``C^-1`` if there is
        none: sums of squares in place of a difference from one.
        """
        inverse, m = dtrtri(self._factor, lower=1)[0], len(self.rows)
        own = np.empty(m)
        for some in row_blocks(m, 8 * m):  # what stands above the diagonal is not the factor's
            block = inverse[some.start :, some]
            own[some] = (np.tril(block) ** 2).sum(axis=0)
        without = own
        if self.free:
            own = own - self._solved_root**2 / self._total
        if not (own > FEW_DIGITS * without).all():
            return None
        out = np.ones(len(self.space.diagonal))
        out[self.rows] = own
        return out

    def newton_step(self, dual, values, intercept):
        """Minus the inverse Hessian times a function: (dual coefficients (n,), intercept).

        Parameters
        ----------
        dual, values : ndarray of shape (n,)
            Dual coefficients of the function, and its values on the training rows.
        intercept : float
            What belongs to the intercept.
        """
        S, own, others = self.rows, dual[self.rows], dual.copy()
        others[S] = 0.0
        right = -own / self.root
        # what the rows without curvature do to these; a little of it is left to the next step
        if np.abs(others).sum() * self.space.diagonal.max() > LITTLE * np.abs(values).max():
            right += self.root * (self.space.gram @ others)[S] / self.strength
        moved, shift = self._solve(right), 0.0
        if self.free:
            shift = (self.root @ moved - (intercept - own.sum())) / self._total
            moved -= shift * self._solved_root
        step = -dual / self.strength
        step[S] = self.root * moved / self.strength
        return step, shift

    def solved_values(self, values, intercept):
        """Values, with the intercept, of the inverse Hessian times functions: (m, n).

        Parameters
        ----------
        values : ndarray of shape (m, n)
            Values of m functions on the training rows. Overwritten.
        intercept : ndarray of shape (m,)
            What belongs to the intercept.
        """
        S, t, n = self.rows, self.strength, values.shape[1]
        mu = self._solve((values[:, S] * (self.root / t)).T)  # shape: (rows with curvature, m)
        shift = np.zeros(len(values))
        if self.free:
            shift = (intercept - self.root @ mu) / self._total
            mu += np.outer(self._solved_root, shift)
        # where the curvature is large the values are known without a difference
        strong = self.curvature * self.space.diagonal[S] > t
        if not (strong.all() and len(S) == n):
            pulled = np.ascontiguousarray((mu * self.root[:, None]).T)
            for rows in row_blocks(len(S), 8 * n):
                values -= pulled[:, rows] @ self.space.gram[S[rows]]
            values /= t
            values += shift[:, None]
        values[:, S[strong]] = (mu[strong] / self.root[strong, None]).T
        return values
