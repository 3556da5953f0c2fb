"""The optimum of a kernel machine, by Newton steps on its dual coefficients."""

import numpy as np

from skinfluence.objectives._kernel.objective import LEFT_OUT, LEFT_OUT_OF_STEPS
from skinfluence.objectives._line_search import root_of_slope

#: Curvature that is left out of a step, in units of the stationarity before it.
FEW_DIGITS = 1e-2


def kernel_optimum(objective, *, max_iter, tol, reached):
    """(objective at its optimum, stationarity there, number of steps).

    A step costs the Cholesky factor of the rows that have curvature, and two products with the
    kernel matrix.

    Parameters
    ----------
    objective : KernelObjective
        The start.
    max_iter : int
    tol : float
        Stationarity at which to stop.
    reached : callable
        Called with the least stationarity so far.

    Raises
    ------
    LinAlgError
        Where a step is not determined.
    """
    quadratic = objective.loss.quadratic
    scale = objective.gradient_scale
    current = best = objective
    now = least = objective.stationarity(scale)
    factors, n_iter, stalled = None, 0, 0
    while now > tol and n_iter < max_iter and stalled < 3:
        n_iter += 1
        fresh = factors is None
        if fresh:  # far away fewer rows will do: a step brings as many digits
            left_out = LEFT_OUT if quadratic else max(LEFT_OUT_OF_STEPS, FEW_DIGITS * now)
            factors = current.factors(left_out)
        current = _after_step(current, factors, search=now > 1e-6)
        before, now = now, current.stationarity(scale)
        if now > 0.1 * before and not quadratic:
            factors = None
        stalled += fresh and now > 0.5 * before and now < 1e-8
        stalled += quadratic and now > 0.5 * before
        if now < least:
            best, least = current, now
        reached(least)
    if quadratic and factors is not None:  # whose curvature is the same everywhere
        vars(best)["inverse_factors"] = factors
    return best, least, n_iter


def _after_step(objective, factors, *, search):
    """The objective after a Newton step, as long as the least value along it has it."""
    predictor = objective.predictor
    dual, values = objective.dual_gradient
    free = predictor.intercept is not None
    step, shift = np.empty_like(dual), np.zeros(dual.shape[1])
    for k, factor in enumerate(factors):
        own = objective.intercept_gradient[k] if free else 0.0
        step[:, k], shift[k] = factor.newton_step(dual[:, k], values[:, k], own)
    moved = predictor.space.gram @ step
    length = _length(objective, step, moved, shift) if search else 1.0
    intercept = predictor.intercept + length * shift if free else None
    raw = objective.raw_prediction + length * (moved + shift)
    return objective.moved_to(predictor.dual + length * step, intercept, raw)


def _length(objective, step, moved, shift):
    """Length of the least value along a step; `moved` and `shift` are its values and intercept."""
    s, y, loss, raw = (
        objective.sample_weight,
        objective.y,
        objective.loss,
        objective.raw_prediction,
    )
    strength, change = objective.penalty.strength, moved + shift
    sloped = float(strength @ (objective.predictor.dual * moved).sum(axis=0))
    curved = float(strength @ (step * moved).sum(axis=0))

    def slope(length):
        data = s * loss.gradient(y, raw + length * change) * change
        return float(data.sum()) + sloped + length * curved

    return root_of_slope(slope)
