"""Moving the coefficients to the optimum, and the warning where they were far from it."""

from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from skinfluence.adapters._precision import beyond_tolerance, is_frozen, solves_directly
from skinfluence.explainer._health import curvature_range
from skinfluence.objectives import Objective, distance_to_optimum, minimize
from skinfluence.objectives._active_set import read_all_columns
from skinfluence.objectives._distance import distance_bound
from skinfluence.objectives._kernel.objective import KernelObjective
from skinfluence.solvers import AutoSolver, InverseHessian
from skinfluence.solvers._base import Cached

#: Distance from the optimum, in units of the sampling variation, that is warned of.
DISTANCE_TOLERANCE = 0.05
#: Raw predictions that move by less than this part of their spread have not moved.
ROUNDING = 1e-6
#: A gradient above this, relative to its terms, is no optimum.
STATIONARITY_TOLERANCE = 1e-6
#: Stationarity of a fit that has not diverged.
NEAR = 1e-2
#: Raw predictions that move by more may be diverging.
FAR = 0.05


@dataclass(frozen=True)
class Polished:
    """Result of polishing, and its distance from the coefficients as fitted.

    Attributes
    ----------
    objective : Objective
        At the coefficients that are explained.
    stationarity, polished_stationarity : float
        At the coefficients as fitted, and at those that are explained.
    moved : float
        Largest change of a training row's raw prediction, relative to their spread.
    distance : float or Cached
        As :func:`skinfluence.objectives.distance_to_optimum` has it; 0 where no prediction
        moved, NaN without polishing. A function that gives it, where that costs much.
    warning : str or None
        For the user, where the coefficients were far from the optimum.
    inverse : InverseHessian or None
        Of the undamped Hessian at these coefficients, where polishing ended with it.
    parts : tuple of Polished
        Of the members of a composed estimator.
    """

    objective: Objective
    stationarity: float
    polished_stationarity: float
    moved: float = 0.0
    distance: float | Cached = float("nan")
    warning: str | None = None
    inverse: InverseHessian | None = None
    parts: tuple = ()


def polish(fitted_model, estimator, *, verbose=0):
    """Move the coefficients to the optimum of the given rows.

    Parameters
    ----------
    fitted_model : FittedModel
        With the objective at the coefficients as fitted.
    estimator : estimator
        As the user gave it: a frozen one has other likely causes for being off its optimum.
    verbose : int

    Returns
    -------
    Polished
    """
    fitted, model = fitted_model.objective, fitted_model.model
    solver = AutoSolver.for_newton_steps()
    result = minimize(_start(fitted), solver, verbose=verbose)
    if not result.converged and fitted.quadratic:  # coefficients of which no digit is right
        result = minimize(fitted.at_zero(), solver, verbose=verbose)
    reached = result.stationarity
    change = np.abs(result.objective.raw_prediction - fitted.raw_prediction).max()
    spread = max(np.ptp(column) for column in fitted.raw_prediction.T)
    moved = float(change / spread) if spread > 0 else float(change)
    if moved > FAR:
        # relative to the gradients there: where the coefficients diverge they vanish together
        reached = result.objective.stationarity()
    distance: float | Cached = 0.0
    if moved > ROUNDING:
        distance = _distance(model, fitted, result, solver, moved)
    warning = None
    if reached > STATIONARITY_TOLERANCE:
        warning = (
            f"No optimum was found for {type(model).__name__}: stationarity {reached:.1e} after "
            f"polishing, expected below {STATIONARITY_TOLERANCE:g}. Influence assumes an optimum; "
            "separable classes without a penalty have none. Add a penalty or scale the features."
        )
    elif not isinstance(distance, Cached) and _is_far(model, fitted, result, moved, distance):
        warning = _far(model, fitted, is_frozen(estimator), moved, distance)
    found = reached, moved, distance, warning, result.inverse_of_end
    return Polished(result.objective, fitted.stationarity(), *found)


def _distance(model, fitted, result, solver, moved):
    """Distance to the optimum; a function that gives it where it is known to be small enough."""
    if solves_directly(model, fitted):
        return distance_to_optimum(fitted, result, solver)
    most, share = np.inf, beyond_tolerance(model, fitted, moved)
    loss = result.objective.loss
    if share > 0.0 and isinstance(result.objective, KernelObjective) and loss.widened() is not loss:
        most = distance_bound(fitted, result.objective)
    if share == 0.0 or most * share <= DISTANCE_TOLERANCE:
        return Cached(partial(distance_to_optimum, fitted, replace(result, inverse=None), solver))
    return distance_to_optimum(fitted, result, solver)


def _start(fitted):
    """The objective as fitted, or at zero where that is better: after a fit that diverged."""
    if fitted.selects:
        read_all_columns(fitted)
    if not fitted.predictor.linear or (fitted.loss.convex and fitted.stationarity() <= NEAR):
        return fitted
    zero = fitted.at_zero()
    return zero if zero.value() < fitted.value() else fitted


def keep(fitted_model):
    """The coefficients as fitted, without polishing."""
    fitted, name = fitted_model.objective, type(fitted_model.model).__name__
    stationarity, warning = fitted.stationarity(), None
    if stationarity > STATIONARITY_TOLERANCE:
        warning = (
            f"{name} is explained away from an optimum (polish=False, stationarity "
            f"{stationarity:.1e}): influences describe a step from here, not a refit."
        )
    return Polished(fitted, stationarity, stationarity, warning=warning)


def _is_far(model, fitted, result, moved, distance):
    """Whether more than rounding or the solver's own tolerance lies between both coefficients."""
    columns = getattr(fitted.predictor, "columns", None)
    if moved <= ROUNDING or getattr(columns, "is_limited", False):
        return False  # a basis of limited rank warned of itself
    if solves_directly(model, fitted):
        inverse = result.inverse or AutoSolver().factorize(result.objective.hessian())
        low, high = curvature_range(inverse.hessian, inverse)
        # cross-validation in closed form inverts a Gram matrix that the penalty alone may hold up
        low = min(low, float(np.min(getattr(model, "alpha_", low))))
        rounding = 10.0 * np.finfo(model.coef_.dtype).eps * high / low if low > 0 else np.inf
        if moved > rounding:
            return True
    return distance * beyond_tolerance(model, fitted, moved) > DISTANCE_TOLERANCE


def _far(model, fitted, frozen, moved, distance):
    """The warning that the coefficients are not the optimum of the given rows: likely causes."""
    name = type(model).__name__
    measured = (
        f"(predictions move by {moved:.2g} of their spread, distance_to_optimum_ is {distance:.2g})"
    )
    if frozen:
        return (
            f"The coefficients of the frozen {name} are not the optimum of the given rows "
            f"{measured}. It was fitted on other rows, other labels or other weights"
            + (f", or stopped early, at max_iter={model.max_iter}" if _stopped(model) else "")
            + ". Pass the X, y and sample_weight that it was fitted on. Influences are those of "
            "the optimum of the given rows."
        )
    if solves_directly(model, fitted):
        return (
            f"The coefficients of {name} are not the optimum of the rows, labels and weights that "
            f"were read {measured}, although its equations were solved without iterations. A step "
            "before it which changes its input or draws at random gives other rows in fit than "
            "afterwards; nearly collinear columns leave few digits. The results are for the "
            "optimum of the rows that were read."
        )
    hinge = fitted.stands_in
    return (
        f"{name} had not converged"
        + (", or its hinge is far from the smooth hinge at this temperature" if hinge else "")
        + f" {measured}. The results are for the optimum. Increase max_iter, lower tol, "
        + ("lower temperature, " if hinge else "")
        + "or scale the features."
    )


def _stopped(model):
    """Whether an iterative solver used up its iterations."""
    n_iter, most = getattr(model, "n_iter_", None), getattr(model, "max_iter", None)
    return n_iter is not None and most is not None and np.max(n_iter) >= most
