"""Networks: explained at the parameters as fitted, which are at no optimum."""

from functools import cached_property, partial

import numpy as np

from skinfluence.adapters._precision import is_frozen
from skinfluence.explainer._linearizations.linear import Linearization
from skinfluence.explainer._linearizations.polishing import DISTANCE_TOLERANCE, Polished
from skinfluence.objectives._distance import COARSE, newton_distance
from skinfluence.objectives._local import local_objective
from skinfluence.solvers import CGSolver, CholeskySolver, EKFACSolver
from skinfluence.solvers._indefinite import require_positive_curvature

#: Parameters up to which the matrix of a network without layers is factorised for its distance.
FACTORISED = 2000


def keep_network(fitted_model, estimator, damping):
    """:class:`Polished` with the parameters as fitted, and their distance from an optimum."""
    fitted, name = fitted_model.objective, type(fitted_model.model).__name__
    distance, warning = _distance(fitted, damping), None
    if distance > DISTANCE_TOLERANCE:
        others = "it was fitted on other rows, other labels or other weights, or "
        cause = f"{others if is_frozen(estimator) else ''}its training stopped before it converged"
        warning = (
            f"The parameters of {name} are not near an optimum of the given rows "
            f"(distance_to_optimum_ is {distance:.2g}): {cause}. Influences and refits describe "
            "the surroundings of these parameters, and not another training."
        )
    stationarity = fitted.stationarity()
    return Polished(fitted, stationarity, stationarity, distance=distance, warning=warning)


def _distance(fitted, damping):
    """First digits of the distance from an optimum, by the solver that has them soonest."""
    if fitted.predictor.has_layers:
        return newton_distance(fitted, EKFACSolver(), damping)
    if fitted.n_parameters <= FACTORISED:
        return newton_distance(fitted, CholeskySolver(), damping)
    return newton_distance(fitted, CGSolver(tol=COARSE), damping, n_sums=1)


def _positive_inverse(solver, total, hessian):
    """Inverse of the Hessian of rows of a total weight; raises where its curvature is negative."""
    try:
        inverse = solver.factorize(hessian)
    except np.linalg.LinAlgError:
        if hessian.exact:
            require_positive_curvature(hessian, total)
        raise
    if hessian.exact and not inverse.factorized:  # which would not see negative curvature
        inverse.report.smallest_eigenvalue = require_positive_curvature(hessian, total)
    return inverse


class NetworkLinearization(Linearization):
    """The linearisation of a network: refits stay near the fitted parameters.

    Their reference is :func:`~skinfluence.objectives._local.local_objective`, whose Hessian is the
    damped one.
    """

    @property
    def _factorize(self):
        return partial(_positive_inverse, self.solver, self.objective.weights.base.sum())

    @property
    def hessian_inverse(self):
        """`inverse`: the Hessian itself may have negative curvature."""
        return self.inverse

    @cached_property
    def optimum(self):
        """The objective with the fitted parameters for its optimum."""
        return local_objective(self.objective, self.damping)

    @cached_property
    def optimum_inverse(self):
        """`inverse`, which refits take for their preconditioner."""
        if not (self.inverse.factorized and self.inverse.hessian.exact):
            hessian = self.objective.hessian(self.damping)
            require_positive_curvature(hessian, self.objective.weights.base.sum())
        return self.inverse
