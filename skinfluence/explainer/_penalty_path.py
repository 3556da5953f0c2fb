"""An explained model at other penalties, each optimum by Newton's method from the last one."""

import copy
from dataclasses import replace

import numpy as np

from skinfluence.explainer._linearizations.linear import Linearization
from skinfluence.objectives import minimize
from skinfluence.objectives._newton import OPTIMUM
from skinfluence.solvers import AutoSolver

#: Part of the last step by which the next one starts: the path is smooth.
FURTHER = 0.7
#: Stationarity of an optimum.
PATH_TOLERANCE = 1e-7


class PenaltyPath:
    """Explainers of the models that other values of the penalty would give.

    Neither the estimator is fitted again nor the table checked: the penalty is all that changes.
    Start at the largest one, where few steps lead to the optimum, and go down.

    Parameters
    ----------
    explainer : InfluenceExplainer
        At the first penalty; ``PenaltyPath.serves(explainer)``.
    name : str
        Parameter of the last step that sets the penalty and nothing else, such as "C".
    """

    def __init__(self, explainer, name):
        self.explainer, self.name = explainer, name
        self._last = explainer.objective_
        self._step = 0.0  # of the coefficients, from the last penalty but one to the last

    @staticmethod
    def serves(explainer):
        """Whether there is one smooth optimum, undamped, on columns that no penalty changes.

        Parameters
        ----------
        explainer : InfluenceExplainer

        Returns
        -------
        bool
        """
        objective = explainer.objective_
        if explainer.damping != 0:  # the path has none
            return False
        if objective.closed_form or objective.members or objective.selects or objective.stands_in:
            return False
        predictor = objective.predictor
        if not (objective.loss.convex and predictor.linear and predictor.columns is None):
            return False
        again = explainer.fitted_model_.with_settings(explainer._settings).penalty
        same = np.array_equal(again.times(objective.coef), objective.penalty.times(objective.coef))
        return same and objective.cut is None  # else samplers or singular values have their part

    def explain(self, value):
        """The explainer at another penalty; None where no optimum is found.

        Parameters
        ----------
        value : float
            Of the parameter.

        Returns
        -------
        InfluenceExplainer or None
            Its `estimator_` is that of the first penalty.
        """
        model = copy.copy(self.explainer.fitted_model_.model).set_params(**{self.name: value})
        fitted = replace(self.explainer.fitted_model_, model=model)
        penalty = fitted.with_settings(self.explainer._settings).penalty
        start = self._last.with_coef(self._last.coef + FURTHER * self._step)
        start, solver = start.replace(penalty=penalty), AutoSolver.for_newton_steps()
        # rows that are nearly met: what is left of a residual is divided by one minus leverage
        tol = OPTIMUM if start.quadratic else PATH_TOLERANCE
        found = minimize(start, solver, tol=tol)
        if not found.converged:
            return None
        self._step = found.objective.coef - self._last.coef
        self._last = fitted.objective = found.objective
        out = copy.copy(self.explainer)
        out.fitted_model_, out.objective_ = fitted, found.objective
        out._linearization = Linearization(
            fitted, AutoSolver(), 0.0, out.n_jobs, verbose=0, polished=found.inverse_of_end
        )
        out._linearization.optimum = found.objective
        return out
