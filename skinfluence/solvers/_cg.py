"""Block conjugate gradients: the inverse Hessian from Hessian products alone."""

import warnings
from dataclasses import dataclass

import numpy as np
from sklearn import get_config
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state, gen_batches

from skinfluence.solvers._base import InverseHessian, Solver, SolverReport
from skinfluence.solvers._block_cg import block_cg, column_norms
from skinfluence.solvers._preconditioners import (
    Preconditioner,
    nystroem_preconditioner,
    unit_diagonal_scale,
)

#: Right-hand sides that share a Krylov space. More would share more, but the small dense algebra
#: between the products grows with the square.
MAX_WIDTH = 128

#: Arrays of the size of a block of right-hand sides that exist at the same time.
ARRAYS = 12


@dataclass(frozen=True, kw_only=True)
class CGSolver(Solver):
    """H^-1 V by block conjugate gradients; H is never formed.

    All columns of a block search one Krylov space, so that a hundred right-hand sides need far
    fewer Hessian products than a hundred times one. Each column is controlled by itself: its
    residual ``||v - H x|| / ||v||``, measured in the units in which H has a unit diagonal (so that
    columns of very different scales count alike), is computed from x at the end, not taken from
    the recurrence. Columns that do not reach `tol` are marked in three places: a
    ConvergenceWarning, ``inverse.report`` and, one by one, ``inverse.residuals``.

    The gauge of multinomial coefficients is filled during the iteration and projected out of the
    result, which gives the pseudo-inverse exactly. Directions without curvature that come from
    the *data* are not known to the iteration: a right-hand side that has a part in them cannot
    converge, and is marked.

    Parameters
    ----------
    tol : float, default=1e-8
        Largest relative residual of a column.
    max_iter : int, default=1000
        Limit of Hessian products (of whole blocks) for each block of right-hand sides.
    preconditioner : {"jacobi", "nystroem"} or None, default="jacobi"
        Coordinates of the iteration: in units of the Hessian's diagonal, with the largest
        directions flattened by a random sketch too, or as they are.
    rank : int, default=100
        Directions of the Nystroem preconditioner, per output where outputs do not interact. It
        costs as many Hessian products.
    block_size : int, default=None
        Right-hand sides of a block; by default 128, or fewer where scikit-learn's
        `working_memory` asks for it.
    random_state : int, RandomState or None, default=None
        Seeds the sketch.
    verbose : int, default=0
        Print a line for each block of right-hand sides.

    References
    ----------
    Dubrulle (2001), "Retooling the method of block conjugate gradients", Electronic Transactions
    on Numerical Analysis 12.
    """

    tol: float = 1e-8
    max_iter: int = 1000
    preconditioner: str | None = "jacobi"
    rank: int = 100
    block_size: int | None = None
    random_state: object = None
    verbose: int = 0

    name = "cg"

    def __post_init__(self):
        if self.preconditioner not in (None, "jacobi", "nystroem"):
            raise ValueError(
                f"preconditioner={self.preconditioner!r} is not known. Expected None, 'jacobi' or "
                "'nystroem'."
            )
        if not self.tol > 0:
            raise ValueError(f"tol must be positive, got {self.tol!r}.")
        for setting in ("max_iter", "rank", "block_size"):
            value = getattr(self, setting)
            if value is not None and not value >= 1:
                raise ValueError(f"{setting} must be at least 1, got {value!r}.")

    def factorize(self, hessian):
        return CGInverse(hessian, self)


class CGInverse(InverseHessian):
    """Inverse Hessian that solves anew for every right-hand side.

    Attributes
    ----------
    residuals : ndarray of shape (m,)
        Relative residual of every column of the last solution.
    width : int
        Right-hand sides of a block.
    """

    factorized = False

    def __init__(self, hessian, solver):
        p = hessian.shape[0]
        gauge = hessian.gauge
        found = 0 if gauge is None else gauge.shape[1]
        super().__init__(hessian, SolverReport(solver.name, p - found, p, np.zeros((p, 0))))
        self.solver = solver
        self.residuals = np.zeros(0)
        self.width = solver.block_size or _default_width(p)
        # outputs that do not interact have a Krylov space each, of the same products
        blocks = hessian.n_outputs if hessian.separable and gauge is None else 1
        self._shape = (blocks, p // blocks)
        self._scale = unit_diagonal_scale(hessian)
        self._preconditioner = self._make_preconditioner()
        self._filled = None
        if gauge is not None:
            null = self._preconditioner.null_back(gauge.reshape(1, p, -1))
            self._filled, _ = np.linalg.qr(null)

    def _make_preconditioner(self):
        solver, shape = self.solver, self._shape
        if solver.preconditioner == "nystroem":
            return nystroem_preconditioner(
                self.hessian,
                shape,
                self._scale,
                rank=solver.rank,
                width=self.width,
                random_state=check_random_state(solver.random_state),
            )
        scale = np.ones_like(self._scale) if solver.preconditioner is None else self._scale
        return Preconditioner(scale.reshape(*shape, 1))

    def solve(self, V, x0=None):
        """H^-1 V for V of shape (p, m).

        Parameters
        ----------
        V : ndarray of shape (p, m)
        x0 : ndarray of shape (p, m), default=None
            Where to start, such as the solution for another damping.

        Returns
        -------
        ndarray of shape (p, m)

        Warns
        -----
        ConvergenceWarning
            When a column's residual stays above the tolerance.
        """
        out, outcome = self._solve(np.asarray(V, dtype=float), x0)
        self._conclude([outcome])
        return out

    def _solve(self, V, x0=None):
        out = np.empty(V.shape)
        residuals = np.zeros(V.shape[1])
        n_iter = 0
        for columns in gen_batches(V.shape[1], self.width) if V.shape[1] else ():
            start = None if x0 is None else x0[:, columns]
            out[:, columns], residuals[columns], count = self._solve_block(V[:, columns], start)
            n_iter += count
            if self.solver.verbose:
                print(
                    f"[cg] right-hand sides {columns.stop} of {V.shape[1]}: {count} iterations, "
                    f"residual {residuals[columns].max():.1e}"
                )
        return out, (residuals, n_iter)

    def _solve_block(self, V, start):
        """(X, residuals, number of products) of one block of right-hand sides."""
        scale, tol = self._scale[:, None], self.solver.tol
        V = self._without_gauge(V)
        size = np.linalg.norm(V / scale, axis=0)
        X = np.zeros_like(V)
        residuals = np.where(np.isfinite(size), (size > 0).astype(float), np.inf)
        X[:, np.isinf(residuals)] = np.nan
        todo = np.flatnonzero((size > 0) & np.isfinite(size))
        R = V[:, todo] / size[todo]
        n_iter = 0
        if start is not None:
            X[:, todo] = self._without_gauge(start[:, todo])
            R -= self.hessian @ (X[:, todo] / size[todo])
            residuals[todo] = np.linalg.norm(R / scale, axis=0)
            n_iter += 1
        while True:
            open_ = residuals[todo] > tol
            todo, R = todo[open_], R[:, open_]
            if not len(todo) or n_iter >= self.solver.max_iter:
                break
            step, count = self._iterate(R, self.solver.max_iter - n_iter)
            tried = X[:, todo] + size[todo] * step
            # from the solution, not from the recurrence, which drifts away from it
            R_tried = self._without_gauge((V[:, todo] - self.hessian @ tried) / size[todo])
            n_iter += count + 1
            found = np.linalg.norm(R_tried / scale, axis=0)
            better = found < residuals[todo]
            halved = found < 0.5 * residuals[todo]
            X[:, todo[better]] = tried[:, better]
            residuals[todo[better]] = found[better]
            # a column that a fresh start did not halve has reached its rounding, or its null space
            todo, R = todo[halved], R_tried[:, halved]
        return self._without_gauge(X), residuals, n_iter

    def _iterate(self, R, max_iter):
        """(X, number of products) with H X ~ R, from zero."""
        shape, preconditioner = self._shape, self._preconditioner
        scale = self._scale.reshape(*shape, 1)
        p = self.shape[0]

        def product(S):
            image = self.hessian @ preconditioner.back(S).reshape(p, -1)
            image = preconditioner.into(image.reshape(*shape, -1))
            if self._filled is not None:
                image += self._filled @ (self._filled.transpose(0, 2, 1) @ S)
            return image

        X, n_iter = block_cg(
            product,
            preconditioner.into(R.reshape(*shape, -1)),
            # a little less: rounding separates the recurrence from the solution
            0.9 * self.solver.tol,
            lambda R: column_norms(preconditioner.residuals_back(R) / scale),
            max_iter=max_iter,
            # without rounding the Krylov space is whole after q / m products
            patience=50 + 2 * shape[1] // R.shape[1],
        )
        return preconditioner.back(X).reshape(p, -1), n_iter

    def _without_gauge(self, V):
        gauge = self.hessian.gauge
        return V if gauge is None else V - gauge @ (gauge.T @ V)

    def _conclude(self, outcomes):
        """Report what the solutions of one question found, and warn of columns that failed."""
        self.residuals = np.concatenate([residuals for residuals, _ in outcomes])
        tol, max_iter = self.solver.tol, self.solver.max_iter
        failed = int((self.residuals > tol).sum())
        report = self.report
        report.converged = failed == 0
        report.residual = float(self.residuals.max(initial=0.0))
        report.n_iter = sum(count for _, count in outcomes)
        if failed:
            warnings.warn(
                f"Conjugate gradients: {failed} of {len(self.residuals)} right-hand sides did not "
                f"converge (largest relative residual {report.residual:.1e}, tol={tol:.1e}, "
                f"max_iter={max_iter}). If residuals stay where they are with a larger max_iter, "
                "the Hessian is singular or too ill-conditioned: use a stronger penalty, a "
                'positive damping, or solver="eigh" (pseudo-inverse).',
                ConvergenceWarning,
                stacklevel=3,
            )


def _default_width(p):
    budget = float(get_config()["working_memory"]) * 2**20
    return int(np.clip(budget // (8 * p * ARRAYS), 1, MAX_WIDTH))
