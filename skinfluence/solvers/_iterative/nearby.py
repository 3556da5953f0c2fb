"""Solutions for a Hessian that is near a factorised one: a few rows and curvatures differ."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from skinfluence.solvers._base import InverseHessian, Solver
from skinfluence.solvers._iterative.columns_cg import columns_cg


@dataclass(frozen=True, eq=False)
class NearbySolver(Solver):
    """Conjugate gradients, preconditioned by the inverse of the objective before rows changed.

    The preconditioner has the old rows replaced by the new ones (Woodbury's identity), so that only
    what the change of the coefficients does to the curvature of other rows is left to iterate.

    Parameters
    ----------
    base : InverseHessian
        Of `objective`, factorised.
    objective : Objective
        Before the rows changed.
    rows : ndarray of int
        The rows that change, in place.
    tol : float, default=1e-6
        Relative residual of each solution.
    """

    base: InverseHessian
    objective: Any
    rows: np.ndarray
    tol: float = 1e-6

    @staticmethod
    def serves(objective):
        """Whether this solver can serve for an objective."""
        return bool(
            objective.predictor.linear
            and objective.cut is None
            and not objective.selects
            and not objective.stands_in
        )

    def factorize(self, hessian):
        old, new = self.objective.predictor.take(self.rows), hessian.predictor.take(self.rows)
        K = hessian.n_outputs
        columns = [part.output_vjp(k, K) for part in (old, new) for k in range(K)]
        columns = np.concatenate(columns, axis=1)  # shape: (p, 2 K m)
        lost = self.objective.row_curvature(self.rows).matrix()
        gained = hessian.curvature_of(self.rows).matrix()
        m = len(self.rows)
        change = np.zeros((2, K, m, 2, K, m))
        for side, curvature in enumerate((-lost, gained)):
            for i in range(m):
                change[side, :, i, side, :, i] = curvature[i]
        return _NearbyInverse(hessian, self.base, columns, change.reshape(2 * K * m, -1), self.tol)


class _NearbyInverse(InverseHessian):
    """See :class:`NearbySolver`."""

    factorized = False

    def __init__(self, hessian, base, columns, change, tol):
        super().__init__(hessian, replace(base.report, solver="nearby", residual=np.nan))
        self._base, self._tol = base, tol
        self._solved = base.solve(columns)
        system = np.eye(len(change)) + change @ (columns.T @ self._solved)
        self._core = np.linalg.solve(system, change)

    def _precondition(self, V):
        return self._base.solve(V) - self._solved @ (self._core @ (self._solved.T @ V))

    def solve(self, V):
        return columns_cg(self.hessian, V, self._precondition, tol=self._tol)
