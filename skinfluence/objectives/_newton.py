"""Move an objective to its optimum by Newton steps."""

from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skinfluence._utils.progress import progress_bar
from skinfluence._utils.warnings import warn_user
from skinfluence.objectives._active_set import FOUND, active_optimum
from skinfluence.objectives._hinge.machines import at_hinge_optimum
from skinfluence.objectives._kernel.objective import KernelObjective
from skinfluence.objectives._kernel.optimum import kernel_optimum
from skinfluence.objectives._line_search import line_search

#: A stationarity at which float64 has nothing left to give.
OPTIMUM = 1e-13
#: Relative change of the rows' curvature that is rounding: solutions change by no more.
SAME_CURVATURE = 1e-11
#: Multiplications of a Hessian from which the first one is made with a few digits only.
LARGE = 1e8


@dataclass
class NewtonResult:
    """Result of Newton's method: the objective at the last step and its stationarity.

    `inverse` is that of the last Hessian, at or near the end; None where none was factorised. It
    was made at the coefficients of the objective `inverted`.
    """

    objective: Any
    stationarity: float
    n_iter: int
    converged: bool
    inverse: Any = None
    inverted: Any = None

    @property
    def inverse_of_end(self):
        """`inverse`, if it is that of the Hessian at the end but for rounding; else None.

        So it is where the curvature hardly depends on the coefficients (least squares), or the
        start was next to the optimum.
        """
        if not (hasattr(self.inverse, "moved_to") and self.objective.predictor.linear):
            return None
        if self.inverse.hessian.coarse:
            return None
        for rows in self.objective.row_blocks():
            there = self.objective.row_curvature(rows).values
            change = np.abs(there - self.inverted.row_curvature(rows).values)
            if change.max(initial=0.0) > SAME_CURVATURE * np.abs(there).max(initial=0.0):
                return None
        return self.inverse.moved_to(self.objective.hessian())


def minimize(objective, solver, *, max_iter=100, tol=OPTIMUM, verbose=0, select=True):
    """Minimise by Newton steps, with a line search (exact for linear predictors) far away.

    Where a predictor that is not linear has a Hessian of negative curvature, a step is taken by the
    Gauss-Newton matrix.

    A factorisation is kept as long as it reduces the gradient tenfold a step: near the optimum
    one factorisation serves several steps. An iterative solver has nothing to keep and takes the
    Hessian of every step; its own tolerance may be coarse (an inexact Newton method: each step
    reduces the gradient by about that factor). Where an l1 penalty selects the columns, see
    :func:`~skinfluence.objectives._active_set.active_optimum`.

    Parameters
    ----------
    objective : Objective
        The start; a loss that is not convex needs one near a minimum.
    solver : Solver
        Inverts the Hessian.
    max_iter : int
    tol : float
        Stationarity at which to stop. The smallest reached is returned in any case.
    verbose : int
        1 shows a progress bar over the decimal digits that the stationarity has to fall.
    select : bool
        Whether a sparse model selects its columns anew.

    Returns
    -------
    NewtonResult
    """
    if objective.selects and select:
        best, least = active_optimum(objective)
        return NewtonResult(best, least, 1, least <= FOUND)
    if objective.cut is not None:
        best = objective.with_coef(objective.truncated.coef)
        return NewtonResult(best, best.stationarity(), 1, True)
    if isinstance(objective, KernelObjective):
        with suppress(np.linalg.LinAlgError), _bar(1.0, tol, verbose) as reached:
            steps = kernel_optimum(objective, max_iter=max_iter, tol=tol, reached=reached)
            best, least, n_iter = steps
            return NewtonResult(best, least, n_iter, least <= max(tol, 1e-9))
    scale = objective.gradient_scale  # hardly moves; one pass over the data
    best, least = objective, objective.stationarity(scale)
    current, now = best, least
    inverse = last = inverted = None
    n_iter = stalled = 0
    with _bar(now, tol, verbose) as reached:
        while now > tol and n_iter < max_iter and stalled < 3:
            n_iter += 1
            fresh = inverse is None
            if fresh:
                last = None  # freed before the next is made
                settings = {"coarse": n_iter == 1 and _is_large(current), "verbose": verbose}
                inverse = last = factorize_upward(current, solver, **settings)
                inverted = current
            step = -_solve(inverse, current.gradient().ravel()).reshape(current.coef.shape)
            before, (current, now) = now, _stepped(current, step, now, scale)
            if now > 0.1 * before or not inverse.factorized:
                inverse = None
                # a stale factorisation is no reason to stop; a fresh one without progress is
                stalled += fresh and now > 0.5 * before and now < 1e-8
            if now < least:
                best, least = current, now
            reached(least)
    converged = least <= max(tol, 1e-9)
    moved = np.abs(objective.predictor.coef_change(best.predictor)).max(initial=0.0)
    if converged and moved > 0.1 * np.abs(objective.coef).max(initial=0.0):
        converged = is_optimum(best)
    if last is not None and not last.hessian.exact:
        last = None
    return NewtonResult(best, least, n_iter, converged, last, inverted)


def _is_large(objective):
    """Whether a Hessian of few digits, which serves no question, pays for the first steps."""
    if objective.quadratic or not objective.predictor.linear:
        return False
    n, q = objective.design.shape
    return not objective.design.is_sparse and float(n) * q**2 > LARGE


def factorize_upward(objective, solver, damping=0.0, *, coarse=False, verbose=0):
    """Inverse of the Hessian, or of the Gauss-Newton matrix where the Hessian bends downwards.

    That happens to predictors that are not linear, away from a minimum. A `coarse` matrix has six
    digits, which are enough for a step unless it is nearly singular.
    """
    for curvature in ("hessian", "gauss_newton"):
        hessian = objective.hessian(damping, curvature=curvature)
        hessian.coarse, hessian.verbose = coarse, verbose
        try:
            inverse = solver.factorize(hessian)
            if coarse and inverse.report.null_space.size:
                return factorize_upward(objective, solver, damping, verbose=verbose)
            return inverse
        except np.linalg.LinAlgError:
            if hessian.convex or objective.predictor.linear:
                raise


def to_optimum(objective, solver, *, verbose=0):
    """The objective at the optimum that the estimator is meant to reach.

    That of the hinge itself where a smooth hinge stands in for it.
    """
    objective = minimize(objective, solver, verbose=verbose).objective
    if not objective.stands_in:
        return objective
    objective = at_hinge_optimum(objective, verbose)
    if np.isnan(objective.coef).any():
        warn_user(
            "The exact optimum of the hinge was not found: refits are NaN. The machine has next to "
            "no penalty; scale the features, and lower C or raise nu.",
            ConvergenceWarning,
        )
    return objective


@contextmanager
def _bar(first, tol, verbose):
    """Context with a progress bar from one stationarity to another; called with what is reached."""
    last = max(tol, OPTIMUM)
    digits = np.log10(first / last) if first > last else 0.0
    total = int(digits)  # a bar shows whole digits
    with progress_bar(total=total, what="optimum", unit="digits", verbose=verbose) as update:
        yield lambda now: update(0, digits - np.log10(max(now, last) / last))


def _solve(inverse, gradient):
    if inverse.factorized:
        return inverse.matvec(gradient)
    with inverse.session(quiet=True):  # a step that fell short shows in the stationarity
        return inverse.matvec(gradient)


def is_optimum(objective):
    """Whether the gradient is small against its own terms *here*.

    On the way to infinity (separable classes without a penalty) the gradient vanishes too, but its
    terms vanish with it.
    """
    return objective.stationarity() <= 1e-6


def _stepped(objective, step, now, scale):
    """(objective, stationarity) after a step: a whole one near the optimum, or if it will do."""
    whole = objective.predictor.linear and objective.loss.convex
    if now <= 1e-6 or whole:
        moved = objective.with_coef(objective.coef + step)
        reached = moved.stationarity(scale)
        if now <= 1e-6 or reached <= 0.1 * now:
            return moved, reached
    length = line_search(objective, step)
    if length != 1.0 or not whole:
        moved = objective.with_coef(objective.coef + length * step)
        reached = moved.stationarity(scale)
    return moved, reached
