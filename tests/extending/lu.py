"""A solver of one's own: LU factors of the dense Hessian."""

import numpy as np
from scipy.linalg import lu_factor, lu_solve

from skinfluence.solvers import InverseHessian, SingularHessianError, Solver, SolverReport


class LUSolver(Solver):
    """H = P L U; knows nothing of null directions and says so."""

    name = "lu"

    def factorize(self, hessian):
        dense = hessian.to_dense()
        if np.linalg.matrix_rank(dense, hermitian=True) < len(dense):
            raise SingularHessianError(
                'solver="lu" needs a regular Hessian. Use solver="auto" or a positive damping.'
            )
        p = len(dense)
        report = SolverReport(self.name, rank=p, n_parameters=p, null_space=np.zeros((p, 0)))
        return LUInverse(hessian, report, lu_factor(dense))


class LUInverse(InverseHessian):
    """Products with H^-1; leverages and quadratic forms follow from `solve`."""

    def __init__(self, hessian, report, factors):
        super().__init__(hessian, report)
        self.factors = factors

    def solve(self, V):
        return lu_solve(self.factors, V)
