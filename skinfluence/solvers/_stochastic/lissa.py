"""LiSSA: the Taylor recursion on a few drawn rows per step."""

from dataclasses import dataclass

import numpy as np

from skinfluence._utils.checks import check_choice, check_number, check_whole
from skinfluence.linalg import Design, LinearHessian, block_size
from skinfluence.predictors import LinearPredictor
from skinfluence.solvers._base import InverseHessian, Solver
from skinfluence.solvers._checks import (
    check_columns,
    check_seed,
    column_sizes,
    own_random_state,
    require_convex,
    require_diagonal_penalty,
)
from skinfluence.solvers._report import report_of
from skinfluence.solvers._shared import (
    NOT_FINITE,
    diagonal_root,
    project_identifiable,
    warn_unconverged,
)
from skinfluence.solvers._stochastic.lissa_run import DivergenceError, run_until_stable
from skinfluence.solvers._stochastic.row_sampling import Probe, RowSampler

#: Largest batch that "auto" takes; beyond it the drawn rows cost more than the update.
LARGEST_BATCH = 64
#: How often scale="auto" is doubled when the recursion should diverge all the same.
RESTARTS = 6


@dataclass(frozen=True, kw_only=True)
class LissaSolver(Solver):
    r"""H^-1 b by the stochastic recursion of Agarwal et al. (2016), for many rows.

    ``v <- v + M (b - H_B v) / scale`` from v = 0, with H_B = P + the unbiased curvature of a batch
    B of drawn rows: no step reads more than `batch_size` rows, whatever n. The penalty P enters
    in full. With M = I and uniform draws this is Koh & Liang (2017), section 3, "stochastic
    estimation". What is different here, and why:

    - rows are drawn in proportion to a bound on their curvature, ``lambda_max(A_i) ||z_i||^2``,
      and weighted by the inverse, which is unbiased: all draws are then equally large, and the
      scale may be that of the mean row instead of the largest one;
    - each repeat returns the average of its iterates over the last half of its steps instead of the
      last iterate, whose noise does not fall with depth;
    - M is the inverse of the Hessian's diagonal: no column's units slow the others down.

    Parameters
    ----------
    depth : int, default=5000
        Largest number of steps of a repeat.
    repeats : int, default=10
        Independent runs that are averaged; their spread gives the standard error. One run has
        none (NaN), and is judged by its change alone.
    batch_size : int or "auto", default="auto"
        Rows a step. "auto" takes as many as still allow a smaller scale in proportion: largest
        curvature of a row over the largest eigenvalue of the Hessian, at most 64.
    scale : float or "auto", default="auto"
        What the Hessian (of unit diagonal, in sum form) is divided by. "auto" takes
        ``w / batch_size + (1 - 1 / batch_size) lambda_max``, with w the bound on a drawn row's
        curvature (penalty included): then the mean square of the error never grows.
    tol : float, default=0.1
        Stop a column when doubling the depth changed the estimate by less, and its standard error
        is below, both relative and in the norm ``sqrt(v' H v)``, that of the raw predictions. An
        error of 0.1 is a correlation of 0.995 with the exact influences. 0 runs the whole depth.
    sampling : {"importance", "uniform"}, default="importance"
        How rows are drawn; unbiased in both cases. Rows without weight are never drawn.
    preconditioner : {"diagonal", None}, default="diagonal"
    random_state : int, RandomState or None, default=0
        Seed of all draws. The same rows are drawn for every right-hand side and at every solve, so
        the estimate is linear in b and does not depend on how right-hand sides are grouped.
    verbose : int, default=None
        Progress of what takes long: None shows a bar in terminals and notebooks, 0 nothing, 1 also
        lines elsewhere.

    Raises
    ------
    DivergenceError
        As soon as the iterates grow beyond what a stable recursion could reach, for a `scale`
        that was set too small.

    Warns
    -----
    ConvergenceWarning
        When a column is not stable within `depth`: what is returned is marked in the report.

    Notes
    -----
    The gauge of multinomial coefficients is projected out. Directions of the data without curvature
    are not inverted: their part of b grows with the depth, the estimate does not become stable, and
    a warning says so. The standard error is that of noise; a depth too small for the directions of
    least curvature adds a bias, of which the change at the last doubling is the part that one
    doubling removes. Where curvatures spread over many orders (least squares without a penalty on
    collinear columns) the bias creeps, and columns that passed were off by three to four times
    `tol`: use a smaller `tol` there, or ``solver="cg"``.

    References
    ----------
    Agarwal, Bullins & Hazan (2016), Second order stochastic optimization in linear time.

    Koh & Liang (2017), Understanding Black-box Predictions via Influence Functions, section 3.

    Polyak & Juditsky (1992), Acceleration of stochastic approximation by averaging.
    """

    depth: int = 5000
    repeats: int = 10
    batch_size: int | str = "auto"
    scale: float | str = "auto"
    tol: float = 0.1
    sampling: str = "importance"
    preconditioner: str | None = "diagonal"
    random_state: object = 0
    verbose: int | None = None

    name = "lissa"

    def __post_init__(self):
        check_choice("sampling", self.sampling, ("importance", "uniform"))
        check_choice("preconditioner", self.preconditioner, ("diagonal", None))
        check_whole("batch_size", self.batch_size, words=("auto",))
        check_number("scale", self.scale, words=("auto",), above=0.0)
        check_number("tol", self.tol, least=0.0)
        check_whole("depth", self.depth)
        check_whole("repeats", self.repeats)
        check_seed(self.random_state)

    def factorize(self, hessian):
        require_convex(hessian, self.name)
        require_diagonal_penalty(hessian, self.name)
        return LissaInverse(hessian, self)


class LissaInverse(InverseHessian):
    """Inverse Hessian whose products are averages of random recursions; see `LissaSolver`.

    Attributes
    ----------
    scale : float
    batch_size : int
    standard_error : ndarray of shape (m,)
        Of each column of the last solution, relative to it, in the norm ``sqrt(v' H v)``.
    change : ndarray of shape (m,)
        By how much the last doubling of the depth moved it, in the same units; where its
        coefficients keep growing, at least by how much of their own size they grew.
    """

    factorized = False

    def __init__(self, hessian, settings):
        super().__init__(hessian, report_of(settings.name, hessian))
        self.settings = settings
        self.seed = int(own_random_state(settings.random_state).randint(2**31 - 1))
        self.inner = inner = _without_center(hessian)
        weights = np.ones((1, inner.n_columns))
        if settings.preconditioner is not None:
            weights = diagonal_root(_diagonals(inner)) ** -2
        self.weights = weights
        self.sampler = RowSampler(inner, weights, settings.sampling)
        start = np.random.RandomState(self.seed)
        self.probe = Probe(inner, self.sampler, start)
        largest = self.sampler.largest + float((inner.penalty * weights).max())
        size, scale = settings.batch_size, settings.scale
        if size != 1:
            top = self.probe.largest_curvature(weights, start)
        if isinstance(size, str):
            size = int(np.clip(round(largest / top), 1, min(LARGEST_BATCH, inner.n_rows)))
        if isinstance(scale, str):
            scale = largest if size == 1 else largest / size + (1.0 - 1.0 / size) * top
        self.batch_size = size
        self.scale = float(scale) or 1.0
        self.standard_error = self.change = np.zeros(0)

    def solve(self, V):
        settings, hessian = self.settings, self.hessian
        b = project_identifiable(hessian, check_columns(V, hessian.shape[0]))
        length = column_sizes(b)
        finite = np.isfinite(length)
        out = np.zeros_like(b)
        out[:, ~finite] = np.nan
        error, change, n_iter = np.where(finite, 0.0, np.nan), np.where(finite, 0.0, np.nan), 0
        curved = np.flatnonzero(finite & (length > 0))
        size = block_size(16 * settings.repeats * hessian.shape[0], cache_mib=64.0)
        for start in range(0, len(curved), size):
            columns = curved[start : start + size]
            found = self._restarted(self._inwards(b[:, columns] / length[columns]))
            mean, error[columns], change[columns], depth = found
            out[:, columns] = length[columns] * self._outwards(mean)
            n_iter = max(n_iter, depth)
        self._record((error, change, n_iter))
        return project_identifiable(hessian, out)

    def _restarted(self, b):
        for attempt in range(RESTARTS):
            try:
                with np.errstate(over="ignore", invalid="ignore"):  # raised as a divergence
                    return run_until_stable(self, b)
            except DivergenceError:
                if self.settings.scale != "auto" or attempt == RESTARTS - 1:
                    raise
                self.scale *= 2.0
        raise AssertionError("unreachable")

    def _inwards(self, b):
        """Right-hand sides (p, m) in the coordinates of the rows without centre, (m, K, q)."""
        K, q = self.hessian.penalty.shape
        b = b.reshape(K, q, -1).transpose(2, 0, 1).copy()
        if self.inner is not self.hessian:
            b[..., :-1] += self.hessian.design.center * b[..., -1:]
        return b

    def _outwards(self, v):
        """Solutions (m, K, q) back in the coordinates of the centred rows, (p, m)."""
        if self.inner is not self.hessian:
            v[..., -1] += v[..., :-1] @ self.hessian.design.center
        return v.transpose(1, 2, 0).reshape(self.hessian.shape[0], -1)

    def _report(self, outcomes):
        settings, report = self.settings, self.report
        self.standard_error = np.concatenate([error for error, _, _ in outcomes])
        self.change = np.concatenate([change for _, change, _ in outcomes])
        report.n_iter = max(count for _, _, count in outcomes)
        error = np.fmax(self.standard_error, self.change)  # no standard error of one repeat
        bad = ~(error <= settings.tol)
        report.converged = not bad.any()
        report.standard_error = float(np.max(self.standard_error, initial=0.0))
        if report.converged:
            return
        measured = (
            f"at depth {report.n_iter} {self._noise()} and {_moved(self.change[bad])}, "
            f"tol={settings.tol:g}"
        )
        remedy = (
            NOT_FINITE
            if np.isnan(self.change).any()
            else (
                'Use a larger depth, batch_size or repeats, solver="cg", or a positive damping if '
                "directions of the data have no curvature."
            )
        )
        warn_unconverged("lissa", bad.sum(), len(bad), measured, remedy)

    def _noise(self):
        if self.settings.repeats == 1:
            return "one repeat has no standard error"
        found = np.nanmax(self.standard_error, initial=0.0)
        return (
            f"the standard error of {self.settings.repeats} repeats is {found:.2g} of the estimate"
        )


def _moved(change):
    most = np.nanmax(change, initial=0.0)
    if np.isinf(most):
        return "it was not compared with a smaller depth"
    return f"doubling the depth changed the estimate by {most:.2g}"


def _diagonals(hessian):
    """The Hessian's diagonal (K, q), or (1, q) where one bound will do for all outputs."""
    if (hessian.penalty != hessian.penalty[:1]).any():
        return hessian.diagonal().reshape(hessian.penalty.shape)
    top = np.empty((hessian.n_rows, 1))
    for rows in hessian.row_blocks():
        top[rows] = np.abs(hessian.curvature_of(rows).diagonal()).max(axis=1, keepdims=True)
    return hessian.design.weighted_square_sums(top) + hessian.penalty[:1]


def _without_center(hessian):
    """Hessian of sparse rows without their centre, where the intercept is not penalised.

    Then centring is a change of coordinates, which would make every step dense.
    """
    design = hessian.design
    if not design.is_sparse or design.center is None or (hessian.penalty[:, -1] != 0).any():
        return hessian
    rows = Design(design.X, None, design.intercept)
    return LinearHessian(LinearPredictor(rows), hessian.curvature, hessian.penalty)
