"""Choose a solver for a Hessian."""

from skinfluence.solvers._base import SingularHessianError, Solver
from skinfluence.solvers._cholesky import CholeskySolver
from skinfluence.solvers._eigh import EighSolver
from skinfluence.solvers._woodbury import WoodburySolver


class AutoSolver(Solver):
    """The solver that a user who knows the Hessian would choose.

    - ``"woodbury"`` where every feature is penalised and the n x n side is smaller than the
      coefficients' side (per output for separable losses; n K against K q otherwise);
    - ``"cholesky"`` otherwise;
    - ``"eigh"`` (pseudo-inverse) where Cholesky finds a direction without curvature.
    """

    name = "auto"

    def select_solver(self, hessian):
        """The solver that is tried first, and why.

        Parameters
        ----------
        hessian : Hessian

        Returns
        -------
        solver : Solver
        reason : str
        """
        n, q = hessian.n_rows, hessian.n_columns
        free = int((hessian.penalty <= 0).any(axis=0).sum())
        if n < q - free and free <= 1:
            return WoodburySolver(), f"{n} rows are fewer than {q} columns: invert on the row side"
        return CholeskySolver(), f"{q} columns, {n} rows: the Hessian is factorised as it is"

    def factorize(self, hessian):
        solver, reason = self.select_solver(hessian)
        try:
            inverse = solver.factorize(hessian)
        except SingularHessianError:
            inverse = EighSolver().factorize(hessian)
            reason = "the Hessian is singular: pseudo-inverse by eigendecomposition"
        inverse.report.reason = reason
        return inverse
