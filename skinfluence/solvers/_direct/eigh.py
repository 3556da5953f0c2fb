"""Symmetric eigendecomposition with a pseudo-inverse for directions without curvature."""

from dataclasses import dataclass

import numpy as np

from skinfluence.solvers._base import IndefiniteHessianError
from skinfluence.solvers._direct.cholesky import singular_tolerance
from skinfluence.solvers._direct.root import RootSolver, equilibrate, project_out

#: An eigenvalue that is so far below zero is no rounding, relative to the largest.
NEGATIVE = 1e-8


@dataclass(frozen=True)
class EighSolver(RootSolver):
    """Moore-Penrose inverse H^+ from the eigenvectors of the unit-diagonal Hessian.

    Which directions are null is decided on the unit-diagonal matrix, where rounding is the same
    in every column; the result is projected so that it is the pseudo-inverse in the original
    coordinates, the one that belongs to the solution of least norm (as LinearRegression takes).
    """

    name = "eigh"

    @staticmethod
    def _root(matrix, non_identifiable):
        scaled, scale = equilibrate(matrix)
        values, vectors = np.linalg.eigh(scaled)  # numpy's, as the products are
        if values[0] < -NEGATIVE * max(values[-1], 1.0):
            raise IndefiniteHessianError(
                "The Hessian has a direction of negative curvature (smallest eigenvalue "
                f"{values[0]:.1e}, largest {values[-1]:.1e}, with a unit diagonal): the "
                "coefficients are at no minimum, and influence does not exist there. The loss is "
                "not convex: fit from another start or to a tighter tolerance, or add a penalty."
            )
        null = values <= singular_tolerance(len(values)) * max(values[-1], 1.0)
        root = vectors[:, ~null] / np.sqrt(values[~null]) / scale[:, None]
        space = np.zeros((len(values), 0))
        if null.any():
            space = orthonormal(vectors[:, null] / scale[:, None])
            root = project_out(space, root)
        if non_identifiable.size and null.any():
            # what is left of the null space without the non-identifiable directions is the data's
            left, size, _ = np.linalg.svd(project_out(non_identifiable, space), full_matrices=False)
            space = left[:, size > 1e-6]
        return root, space


def orthonormal(V):
    """Orthonormal basis of the span of V (p, m), accurate also where rows differ by many sizes.

    Householder's QR is so row by row where the largest rows come first (A. J. Cox and N. J. Higham,
    "Stability of Householder QR factorization for weighted least squares problems", 1998).
    """
    order = np.argsort(-np.abs(V).max(axis=1), kind="stable")
    out = np.empty_like(V)
    out[order] = np.linalg.qr(V[order])[0]
    return out
