"""Report of a factorisation, and of the convergence of iterative solutions."""

from dataclasses import dataclass, field

import numpy as np


@dataclass
class SolverReport:
    """Report of a factorisation.

    Attributes
    ----------
    solver : str
        Name of the method that was used.
    rank : int
        Number of directions in which the Hessian has curvature.
    n_parameters : int
        p, the size of the Hessian.
    null_space : ndarray of shape (p, m)
        Orthonormal directions without curvature that come from the *data* (constant, duplicated
        or collinear columns); without the non-identifiable directions of the parametrisation.
    reason : str
        Why this solver, in a sentence.
    converged : bool
        Whether every column of the last solution reached the solver's tolerance; always True for
        factorisations.
    n_iter : int
        Iterations (Hessian products) of the last solution; 0 for factorisations.
    residual : float
        Largest ``||V - H X|| / ||V||`` over the columns of the last solution, where the solver
        measures it; NaN otherwise.
    standard_error : float
        Of the last solution relative to its size, for solvers that average random repeats; NaN
        otherwise.
    smallest_eigenvalue : float
        Of the damped Hessian of a network, estimated by Lanczos's method where it is not
        factorised; NaN otherwise.
    """

    solver: str
    rank: int
    n_parameters: int
    null_space: np.ndarray = field(repr=False)
    reason: str = ""
    converged: bool = True
    n_iter: int = 0
    residual: float = float("nan")
    standard_error: float = float("nan")
    smallest_eigenvalue: float = float("nan")


def report_of(name, hessian, null=None):
    """Report of a solver that found the null directions `null` (p, m) of the data, or none."""
    p, n_free = hessian.non_identifiable.shape
    null = np.zeros((p, 0)) if null is None else null
    return SolverReport(name, p - n_free - null.shape[1], p, null)
