"""The Neumann series: Taylor recursion with the full Hessian."""

from dataclasses import dataclass

import numpy as np

from skinfluence._utils.checks import check_choice, check_number, check_whole
from skinfluence._utils.progress import progress
from skinfluence.solvers._base import InverseHessian, Solver
from skinfluence.solvers._checks import (
    check_columns,
    check_seed,
    column_sizes,
    own_random_state,
    require_convex,
)
from skinfluence.solvers._report import report_of
from skinfluence.solvers._shared import (
    NOT_FINITE,
    diagonal_root,
    largest_eigenvalue,
    project_identifiable,
    warn_unconverged,
)

#: Power iteration comes from below. Convergence needs scale > lambda_max / 2 only.
SAFETY = 1.1


@dataclass(frozen=True, kw_only=True)
class NeumannSolver(Solver):
    r"""H^-1 b as the limit of v <- b / scale + (I - H / scale) v, from v = 0.

    After j + 1 steps v is the sum of the terms 0 to j of the Neumann series
    ``sum_i (I - H / scale)^i b / scale``; the error in the eigenvector of lambda falls as
    ``(1 - lambda / scale)^(j + 1)``. It needs many more products than conjugate gradients
    (condition number against its root) and is here to be compared with, and for teaching.

    The recursion runs in coordinates in which the Hessian has a unit diagonal, unless
    ``preconditioner=None``: columns of different scales would otherwise set the condition number.

    Parameters
    ----------
    max_iter : int, default=5000
        Largest number of steps (Hessian products), the depth of the recursion.
    tol : float, default=1e-6
        Stop a column when ``||b - H v|| <= tol ||b||``, both in unit-diagonal coordinates.
    scale : float or "auto", default="auto"
        What the Hessian (of unit diagonal) is divided by. More than half of its largest eigenvalue
        is needed. "auto" takes that eigenvalue by power iteration, plus a tenth.
    preconditioner : {"diagonal", None}, default="diagonal"
        None runs in the coordinates of the design, as in the papers.
    random_state : int or RandomState, default=0
        Start of the power iteration.
    verbose : int, default=None
        Progress of what takes long: None shows a bar in terminals and notebooks, 0 nothing, 1 also
        lines elsewhere.

    Warns
    -----
    ConvergenceWarning
        When a column has not reached `tol`; the largest residual is stated and reported.

    Notes
    -----
    The pseudo-code of Liu et al. (section 3.2) has ``curEstimate <- v + curEstimate + h``
    with h the Hessian product: the sign of h must be negative, as in their equation 12. Its loop
    also runs from 0 to m, which is m + 1 steps and the partial sum up to term m + 1 of their
    equation, not m. And when the Hessian is divided by a constant, the limit is that constant times
    the solution: here b is divided too.

    Non-identifiable directions (multinomial coefficients) are projected out. Directions without
    curvature that come from the *data* (duplicated columns, more columns than rows without penalty)
    are never inverted: their part of b stays in the residual and the column is not converged. A b
    without such a part, as every training gradient, converges to a solution, the one of least norm
    in the coordinates of the recursion; ``solver="eigh"`` gives the Moore-Penrose one.

    References
    ----------
    Koh & Liang (2017), Understanding Black-box Predictions via Influence Functions, section 3.

    Liu et al., Understanding Model Predictions via Influence Functions (reproduction),
    equation 12 and panel 3 of figure 1.
    """

    max_iter: int = 5000
    tol: float = 1e-6
    scale: float | str = "auto"
    preconditioner: str | None = "diagonal"
    random_state: object = 0
    verbose: int | None = None

    name = "neumann"

    def __post_init__(self):
        check_choice("preconditioner", self.preconditioner, ("diagonal", None))
        check_number("scale", self.scale, words=("auto",), above=0.0)
        check_number("tol", self.tol, above=0.0)
        check_whole("max_iter", self.max_iter)
        check_seed(self.random_state)

    def factorize(self, hessian):
        require_convex(hessian, self.name)
        p = hessian.shape[0]
        root = np.ones(p)
        if self.preconditioner is not None:
            root = 1.0 / diagonal_root(hessian.diagonal())
        scale = self.scale
        if isinstance(scale, str):
            rng = own_random_state(self.random_state)
            top = largest_eigenvalue(lambda v: root * (hessian @ (root * v)), p, rng)
            scale = SAFETY * top or 1.0
        return NeumannInverse(hessian, self, root, float(scale))


class NeumannInverse(InverseHessian):
    """Inverse Hessian whose products are Neumann series; see :class:`NeumannSolver`.

    Attributes
    ----------
    residual : ndarray of shape (m,)
        ``||b - H v|| / ||b||`` of each column of the last solution.
    """

    factorized = False

    def __init__(self, hessian, settings, root, scale):
        super().__init__(hessian, report_of(settings.name, hessian))
        self.settings = settings
        self.scale = scale
        self.residual = np.zeros(0)
        self._root = root[:, None]

    def solve(self, V):
        settings, hessian, root = self.settings, self.hessian, self._root
        V = check_columns(V, hessian.shape[0])
        b = root * project_identifiable(hessian, V)  # unit-diagonal coordinates
        size = column_sizes(b)
        out = np.zeros_like(b)
        finite = np.isfinite(size)
        residual = np.where(finite, (size > 0).astype(float), np.nan)
        out[:, ~finite] = np.nan
        active = np.flatnonzero(finite & (size > 0))
        b = b[:, active] / size[active]
        hessian.n_products = settings.max_iter
        u = np.zeros_like(b)
        left = b.copy()  # b - H u
        n_iter = 0
        first = left_size = residual[active]
        steps = progress(
            range(1, settings.max_iter + 1),
            total=settings.max_iter,
            what="Neumann series, at most",
            unit="steps",
            verbose=settings.verbose,
        )
        for step in steps:
            if not len(active):
                break
            n_iter = step
            u += left / self.scale
            left = b - root * (hessian @ (root * u))
            left_size = np.nan_to_num(np.linalg.norm(left, axis=0), nan=np.inf)
            out[:, active] = size[active] * u
            residual[active] = left_size
            diverging = ~(left_size <= 1e3 * first)
            if diverging.any():
                break
            going = left_size > settings.tol
            if not going.all():
                active, b, u, left = active[going], b[:, going], u[:, going], left[:, going]
                first = first[going]
        self._record((residual, n_iter))
        return project_identifiable(hessian, root * out)

    def _report(self, outcomes):
        settings = self.settings
        self.residual = np.concatenate([residual for residual, _ in outcomes])
        n_iter = max(count for _, count in outcomes)
        bad = ~(self.residual <= settings.tol)
        self.report.converged = not bad.any()
        self.report.n_iter = n_iter
        self.report.residual = float(np.max(self.residual, initial=0.0))
        if not bad.any():
            return
        measured = (
            f"the residual is {self.report.residual:.1e} of the right-hand side after {n_iter} "
            f"steps, tol={settings.tol:g}"
        )
        if np.isnan(self.residual).any():
            remedy = NOT_FINITE
        elif self.report.residual > 1.0:
            remedy = (
                f"The recursion diverges: use a scale larger than {self.scale:.3g}, or "
                'scale="auto".'
            )
        else:
            remedy = (
                'Use a larger max_iter, solver="cg", a positive damping, or solver="eigh" if '
                "directions of the data have no curvature."
            )
        warn_unconverged("neumann", bad.sum(), len(bad), measured, remedy)
