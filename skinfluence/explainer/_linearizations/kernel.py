"""Linearisation of a kernel machine: influences of single rows by kernels, without columns."""

import numpy as np

from skinfluence.effects import EFFECTS
from skinfluence.effects._classes import leaves_no_model
from skinfluence.effects._residuals import AT_OPTIMUM
from skinfluence.explainer._linearizations.closed_form import NoInverse
from skinfluence.explainer._linearizations.linear import Linearization
from skinfluence.linalg import written
from skinfluence.objectives import is_second_derivative
from skinfluence.solvers import AutoSolver

#: Effects whose removals of single rows are known by kernels.
BY_KERNELS = ("first_order", "newton_step")


class KernelLinearization(Linearization):
    """Removals by some effects by kernels; all else on the columns, which are made for it."""

    @property
    def has_hessian(self):
        return is_second_derivative(self.objective, self.curvature)

    @property
    def factorizes_hessian(self):
        # the factors are at hand; gaps, or columns in their place, when a step is asked for
        if self.has_hessian and self._kernels_suffice("first_order"):
            return True
        return super().factorizes_hessian

    def edit_inverse(self, method, target, edits, n_right_hand_sides):
        known = method in BY_KERNELS and edits.new is None and not edits.factor.any()
        if known and not target.joint and self._kernels_suffice(method):
            return KernelInverse()
        return super().edit_inverse(method, target, edits, n_right_hand_sides)

    def _kernels_suffice(self, method):
        objective = self.objective
        if objective.predictor.space.has_columns or self.damping:
            return False
        plain = isinstance(self.solver, AutoSolver) and self.curvature != "empirical_fisher"
        coupled = objective.weights.balanced or objective.penalty_scaling == "mean"
        if not plain or coupled:
            return False
        try:
            factors = objective.inverse_factors
        except np.linalg.LinAlgError:
            return False
        return method == "first_order" or all(factor.gaps is not None for factor in factors)

    def changes(self, method, edits, inverse=None, **settings):
        if isinstance(inverse, KernelInverse):
            return self.objective, self._removals(method, edits)
        return super().changes(method, edits, inverse, **settings)

    def _removals(self, method, edits):
        objective = self.objective
        residual = _weighted_residual(objective)
        if method == "newton_step":
            gaps = [factor.gaps for factor in objective.inverse_factors]
            residual = residual / np.stack(gaps, axis=1)
        residual = residual[edits.row]
        if EFFECTS[method].edited_model:
            residual[leaves_no_model(objective, edits)] = np.nan
        return KernelChanges(objective, edits.row, residual)


class KernelInverse(NoInverse):
    """Says that the changes are those of kernels."""


class KernelChanges:
    """Changes of raw predictions by removals of rows of a kernel machine.

    Parameters
    ----------
    objective : KernelObjective
    rows : ndarray of int, shape (n_changes,)
    residual : ndarray of shape (n_changes, K)
        The weighted residuals of the rows, or their deleted residuals.
    """

    def __init__(self, objective, rows, residual):
        self.objective, self.rows, self.residual = objective, rows, residual
        self.n_changes = len(rows)

    def contract(self, predictor, slopes=None):
        """See :meth:`skinfluence.effects.Changes.contract`."""
        parts, everything = [], np.array_equal(self.rows, np.arange(self.objective.n_rows))
        for k, factor in enumerate(self.objective.inverse_factors):
            own = np.ones(predictor.n_rows) if slopes is None else slopes[:, k]
            values = factor.solved_values(predictor.kernels * own[:, None], own)
            values = values if everything else values[:, self.rows]
            values *= self.residual[:, k]
            parts.append(values)
        if slopes is None:
            return lambda some, out=None: np.stack([part[:, some] for part in parts], 2, out)
        total = parts[0] if len(parts) == 1 else np.sum(parts, axis=0)
        return lambda some, out=None: written(total[:, some], out)


def _weighted_residual(objective):
    """s_i r_i of all training rows (n, K): near the optimum of least squares by the duals.

    A difference of target and prediction has lost its digits where the penalty is weak.
    """
    if objective.loss.quadratic and objective.stationarity() <= AT_OPTIMUM:
        return -objective.penalty.strength * objective.predictor.dual
    return objective.weighted_residual()
