"""Cholesky factorisation: the plain choice where the Hessian is positive definite."""

from dataclasses import dataclass

import numpy as np

from skinfluence.solvers._base import SingularHessianError
from skinfluence.solvers._direct.root import RootSolver, equilibrate, inverse_root, project_out


def singular_tolerance(p):
    """Pivots and eigenvalues of the unit-diagonal Hessian below this count as zero."""
    return 100 * p * np.finfo(float).eps


@dataclass(frozen=True)
class CholeskySolver(RootSolver):
    """H = L L' of the unit-diagonal Hessian; refuses a singular one.

    The non-identifiable directions of multinomial coefficients are known beforehand. They are
    filled before the factorisation and projected out after it, which gives the pseudo-inverse
    exactly.

    Raises
    ------
    SingularHessianError
        When a pivot vanishes: use ``solver="eigh"``, ``"auto"`` or a positive `damping`.
    """

    name = "cholesky"

    @staticmethod
    def _root(matrix, non_identifiable):
        scaled, scale = equilibrate(matrix)
        p = len(scaled)
        if non_identifiable.size:
            filled, _ = np.linalg.qr(
                scale[:, None] * non_identifiable
            )  # null space of the scaled matrix
            scaled += filled @ filled.T
        root, pivot = inverse_root(scaled)
        if not pivot >= singular_tolerance(p):
            raise SingularHessianError(
                "The Hessian is singular: some direction of the coefficients has no curvature. "
                'Use solver="auto" or "eigh" (pseudo-inverse), or a positive damping.'
            )
        root /= scale[:, None]
        if non_identifiable.size:
            root = project_out(non_identifiable, root)
        return root, np.zeros((p, 0))
