"""Linearisation of a kernel machine: first-order influences by kernels, without columns."""

import numpy as np

from skinfluence.effects._residuals import AT_OPTIMUM
from skinfluence.explainer._linearizations.closed_form import NoInverse
from skinfluence.explainer._linearizations.linear import Linearization
from skinfluence.linalg import written
from skinfluence.solvers import AutoSolver


class KernelLinearization(Linearization):
    """First-order removals by kernels; all else on the columns, which are made for it."""

    def edit_inverse(self, method, target, edits, n_right_hand_sides):
        known = method == "first_order" and edits.new is None and not edits.factor.any()
        if known and not target.joint and self._kernels_suffice():
            return KernelInverse()
        return super().edit_inverse(method, target, edits, n_right_hand_sides)

    def _kernels_suffice(self):
        objective = self.objective
        if objective.predictor.space.has_columns or self.damping:
            return False
        plain = isinstance(self.solver, AutoSolver) and self.curvature != "empirical_fisher"
        coupled = objective.weights.balanced or objective.penalty_scaling == "mean"
        try:
            return plain and not coupled and bool(objective.inverse_factors)
        except np.linalg.LinAlgError:
            return False

    def changes(self, method, edits, inverse=None, **settings):
        if isinstance(inverse, KernelInverse):
            return self.objective, KernelChanges(self.objective, edits.row)
        return super().changes(method, edits, inverse, **settings)


class KernelInverse(NoInverse):
    """Says that the changes are those of kernels."""


class KernelChanges:
    """First-order changes of raw predictions by removals of rows of a kernel machine.

    Parameters
    ----------
    objective : KernelObjective
    rows : ndarray of int, shape (n_changes,)
    """

    def __init__(self, objective, rows):
        self.objective, self.rows, self.n_changes = objective, rows, len(rows)

    def _residual(self):
        """s_i r_i of all training rows (n, K): near the optimum of least squares by the duals.

        A difference of target and prediction has lost its digits where the penalty is weak.
        """
        objective = self.objective
        if objective.loss.quadratic and objective.stationarity() <= AT_OPTIMUM:
            return -objective.penalty.strength * objective.predictor.dual
        return objective.weighted_residual()

    def contract(self, predictor, slopes):
        """See :meth:`skinfluence.effects.Changes.contract`."""
        residual, parts = self._residual(), []
        for k, factor in enumerate(self.objective.inverse_factors):
            own = slopes[:, k]
            parts.append(factor.solved_values(predictor.kernels * own[:, None], own))
            parts[-1] *= residual[:, k]
        total = parts[0] if len(parts) == 1 else np.sum(parts, axis=0)
        if not np.array_equal(self.rows, np.arange(len(residual))):
            total = total[:, self.rows]

        return lambda some, out=None: written(total[:, some], out)
