"""Block conjugate gradients: the inverse Hessian from Hessian products alone."""

from dataclasses import dataclass
from functools import partial

import numpy as np

from skinfluence._utils.checks import check_choice, check_number, check_whole
from skinfluence._utils.progress import progress_bar
from skinfluence.linalg import slices
from skinfluence.solvers._base import InverseHessian, Solver
from skinfluence.solvers._checks import check_columns, check_seed, column_sizes, require_convex
from skinfluence.solvers._costs import MAX_WIDTH
from skinfluence.solvers._iterative.block_cg import block_cg, column_norms
from skinfluence.solvers._iterative.coordinates import (
    PRECONDITIONERS,
    Coordinates,
    columns_in_memory,
)
from skinfluence.solvers._report import report_of
from skinfluence.solvers._shared import diagonal_root, project_identifiable, warn_unconverged


@dataclass(frozen=True, kw_only=True)
class CGSolver(Solver):
    """H^-1 V by block conjugate gradients; H is never formed.

    All columns of a block search one Krylov space, so that a hundred right-hand sides need far
    fewer Hessian products than a hundred times one. Each column is controlled by itself: its
    residual ``||v - H x|| / ||v||``, measured in the units in which H has a unit diagonal (so that
    columns of very different scales count alike), is computed from x at the end, not taken from
    the recurrence. Columns that do not reach `tol` are marked in three places: a
    ConvergenceWarning, ``inverse.report`` and, one by one, ``inverse.residuals``.

    The non-identifiable directions of multinomial coefficients are filled during the iteration and
    projected out of the result, which gives the pseudo-inverse exactly. Directions of the
    *data* without curvature are not known to the iteration: a right-hand side that has a part in
    them cannot converge, and is marked.

    For a right-hand side in the range of a singular H (as gradients of rows with curvature are)
    the result is a solution, and all that it is multiplied with agrees with the pseudo-inverse.

    Parameters
    ----------
    tol : float, default=1e-8
        Largest relative residual of a column.
    max_iter : int, default=1000
        Limit of Hessian products (of whole blocks) for each block of right-hand sides.
    preconditioner : {"auto", "jacobi", "nystroem", "kronecker"} or None, default="auto"
        Coordinates of the iteration:

        - ``"jacobi"``: units of the Hessian's diagonal. Four times fewer products where columns
          have different scales, but up to five times more where they have the same scale and
          many are rare (counts of words, pixels).
        - ``"nystroem"``: units of the penalty, or of a hundredth of the diagonal where that is
          larger; and the `rank` largest directions, which a random sketch finds, made flat.
        - ``"kronecker"``: for outputs that interact (softmax). The Hessian as it would be if all
          rows had the same curvature but for its size: one Gram matrix and two eigenproblems of
          the size of the columns. Half to two thirds of the products where the penalty is strong,
          a quarter where it is weak and classes are of different sizes.
        - ``"auto"``: "kronecker" where outputs interact and it costs less than `rank` products to
          make and a quarter of one to apply (so not for many columns of sparse text), made as soon
          as it is cheaper than a few solutions. Otherwise ten directions in units of the diagonal
          are computed: with them, where the rest is about as curved as each other (tables of
          measurements); else as "nystroem", once that is cheaper than going on without it.
        - None: the coordinates as they are.
    rank : int, default=50
        Directions of the sketch, per output where outputs do not interact; fewer with "auto" where
        `working_memory` needs it.
    block_size : int, default=None
        Right-hand sides of a block; by default 128, or fewer where scikit-learn's
        `working_memory` needs it.
    random_state : int, RandomState or None, default=None
        Seeds the sketch; None is a fixed seed, since the sketch changes the speed and not the
        result.
    verbose : int, default=None
        Progress of what takes long: None shows a bar in terminals and notebooks, 0 nothing, 1 also
        lines elsewhere.

    References
    ----------
    Dubrulle (2001), "Retooling the method of block conjugate gradients", Electronic Transactions
    on Numerical Analysis 12.

    Frangella, Tropp & Udell (2023), "Randomized Nystroem preconditioning", SIAM Journal on Matrix
    Analysis and Applications 44(2).
    """

    tol: float = 1e-8
    max_iter: int = 1000
    preconditioner: str | None = "auto"
    rank: int = 50
    block_size: int | None = None
    random_state: object = None
    verbose: int | None = None

    name = "cg"

    def __post_init__(self):
        check_choice("preconditioner", self.preconditioner, PRECONDITIONERS)
        check_number("tol", self.tol, above=0.0)
        check_whole("max_iter", self.max_iter)
        check_whole("rank", self.rank)
        check_whole("block_size", self.block_size, words=(None,))
        check_seed(self.random_state)

    def factorize(self, hessian):
        if hessian.predictor.moves_to_optimum:  # else only the damped sum is positive, if any
            require_convex(hessian, self.name)
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
        super().__init__(hessian, report_of(solver.name, hessian))
        self.solver = solver
        self.residuals = np.zeros(0)
        self.width = solver.block_size or min(MAX_WIDTH, columns_in_memory(p))
        # outputs that do not interact have a Krylov space each, of the same products
        blocks = hessian.n_outputs if hessian.separable and not hessian.non_identifiable.size else 1
        self._shape = (blocks, p // blocks)
        self._scale = _units(hessian, solver.preconditioner)
        if hessian.linear and not hessian.separable:
            # one unit for all outputs of a column: softmax gradients then stay orthogonal to the
            # common shift of all outputs. Up to 40 % fewer products where predictions are
            # saturated, but 3 to 9 % more on MNIST
            squares = (self._scale**2).reshape(hessian.penalty.shape).mean(axis=0)
            self._scale = np.tile(np.sqrt(squares), hessian.n_outputs)
        self._coordinates = Coordinates(hessian, solver, self._shape, self._scale, self.width)

    @property
    def accuracy(self):
        return self.solver.tol

    def solve(self, V, x0=None):
        """H^-1 V for V of shape (p, m).

        Parameters
        ----------
        V : ndarray of shape (p, m)
        x0 : ndarray of shape (p, m), default=None
            Where to start, such as the solution for another damping. Columns that are worse than
            zero, or not finite, start from zero.

        Returns
        -------
        ndarray of shape (p, m)

        Warns
        -----
        ConvergenceWarning
            When a column's residual stays above the tolerance.
        """
        out, outcome = self._solve(V, x0)
        self._record(outcome)
        return out

    def _solve(self, V, x0=None):
        V = check_columns(V, self.shape[0])
        if x0 is not None:
            x0 = check_columns(x0, self.shape[0])
            if x0.shape != V.shape:
                raise ValueError(
                    f"x0 has shape {x0.shape}; expected {V.shape}, that of the right-hand sides."
                )
        out = np.empty(V.shape)
        residuals = np.zeros(V.shape[1])
        n_iter = 0
        # of each block about as many as a Hessian takes by default
        self.hessian.n_products = type(self.hessian).n_products * -(-V.shape[1] // self.width)
        with progress_bar(
            total=V.shape[1],
            what="conjugate gradients",
            unit="right-hand sides",
            verbose=self.solver.verbose,
        ) as update:
            for columns in slices(V.shape[1], self.width):
                start = None if x0 is None else x0[:, columns]
                out[:, columns], residuals[columns], count = self._solve_block(
                    V[:, columns], start, partial(update, columns.start)
                )
                n_iter += count
        return out, (residuals, n_iter)

    def _solve_block(self, V, start, update):
        """(X, residuals, number of products) of one block of right-hand sides.

        `update` is called with how many of them are done, in parts: by the digits that they have.
        """
        scale, tol = self._scale[:, None], self.solver.tol
        V = project_identifiable(self.hessian, V)
        size = column_sizes(V / scale)
        X = np.zeros_like(V)
        residuals = np.where(np.isfinite(size), (size > 0).astype(float), np.inf)
        X[:, np.isinf(residuals)] = np.nan
        todo = np.flatnonzero((size > 0) & np.isfinite(size))
        R = V[:, todo] / size[todo]
        n_iter = 0
        if start is not None:
            begun = project_identifiable(
                self.hessian, np.where(np.isfinite(start).all(axis=0), start, 0.0)[:, todo]
            )
            R_begun = R - self.hessian @ (begun / size[todo])
            found = np.linalg.norm(R_begun / scale, axis=0)
            better = found < 1.0  # zero is better than a start that is not
            X[:, todo[better]], R[:, better] = begun[:, better], R_begun[:, better]
            residuals[todo[better]] = found[better]
            n_iter += 1
        while True:
            open_ = ~(residuals[todo] <= tol)
            todo, R = todo[open_], R[:, open_]
            if not len(todo) or n_iter >= self.solver.max_iter:
                break
            allowed = self._coordinates.allowance(len(todo), self.solver.max_iter - n_iter)
            progress = partial(self._count, update, V.shape[1] - len(todo), residuals[todo])
            step, count = self._iterate(R, allowed, progress)
            self._coordinates.spend(count, len(todo))
            tried = X[:, todo] + size[todo] * step
            # from the solution, not from the recurrence, which drifts away from it
            R_tried = project_identifiable(
                self.hessian, (V[:, todo] - self.hessian @ tried) / size[todo]
            )
            n_iter += count + 1
            found = np.linalg.norm(R_tried / scale, axis=0)
            better, halved = found < residuals[todo], found < 0.5 * residuals[todo]
            X[:, todo[better]] = tried[:, better]
            residuals[todo[better]] = found[better]
            R[:, better] = R_tried[:, better]
            if count < allowed:
                # what a fresh start did not halve has reached its rounding, or its null space
                todo, R = todo[halved], R[:, halved]
        update(V.shape[1])
        return project_identifiable(self.hessian, X), residuals, n_iter

    def _count(self, update, done, residuals, fallen):
        """Report the columns that are done and parts of the others, counted in digits."""
        tol = min(self.solver.tol, 0.1)
        update(done + (np.log(np.clip(residuals * fallen, tol, 1.0)) / np.log(tol)).sum())

    def _iterate(self, R, max_iter, progress):
        """(X, number of products) with H X ~ R, from zero."""
        shape, (preconditioner, filled) = self._shape, self._coordinates.current
        scale = self._scale.reshape(*shape, 1)
        p = self.shape[0]

        def product(S):
            image = self.hessian @ preconditioner.back(S).reshape(p, -1)
            image = preconditioner.into(image.reshape(*shape, -1))
            if filled is not None:
                image += filled @ (filled.transpose(0, 2, 1) @ S)
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
            progress=progress,
        )
        return preconditioner.back(X).reshape(p, -1), n_iter

    def _report(self, outcomes):
        self.residuals = residuals = np.concatenate([found for found, _ in outcomes])
        tol, max_iter = self.solver.tol, self.solver.max_iter
        failed = int((~(residuals <= tol)).sum())
        report = self.report
        report.converged = failed == 0
        report.residual = float(residuals.max(initial=0.0))
        report.n_iter = sum(count for _, count in outcomes)
        if failed:
            measured = f"largest relative residual {report.residual:.1e}, {tol=:.1e}, {max_iter=}"
            remedy = (
                "Use a larger max_iter; if residuals do not fall, the Hessian is singular or too "
                "ill-conditioned: use a stronger penalty, a positive damping, or "
                'solver="eigh" (pseudo-inverse).'
            )
            warn_unconverged("cg", failed, len(residuals), measured, remedy)


def _units(hessian, preconditioner):
    """Units of the parameters in which residuals are measured: the root of the diagonal.

    Where raw predictions are not linear the diagonal costs p products. It is computed where the
    preconditioner needs it; otherwise all parameters of a network have one unit.
    """
    if hessian.linear or preconditioner in ("jacobi", "nystroem"):
        return diagonal_root(hessian.diagonal())
    return np.ones(hessian.shape[0])
