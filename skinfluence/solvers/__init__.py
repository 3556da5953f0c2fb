"""Inverse Hessians: one method a file, all from settings to factorisation to products.

Where to start: `_base.py` states the contract, `_auto.py` chooses.
"""

from skinfluence.solvers._auto import AutoSolver
from skinfluence.solvers._base import (
    REGISTRY,
    IndefiniteHessianError,
    InverseHessian,
    SingularHessianError,
    Solver,
    get_solver,
)
from skinfluence.solvers._cg import CGSolver
from skinfluence.solvers._cholesky import CholeskySolver
from skinfluence.solvers._costs import Sizes
from skinfluence.solvers._eigh import EighSolver
from skinfluence.solvers._kfac import EKFACSolver, KFACSolver
from skinfluence.solvers._lissa import LissaSolver
from skinfluence.solvers._lissa_run import DivergenceError
from skinfluence.solvers._neumann import NeumannSolver
from skinfluence.solvers._report import SolverReport
from skinfluence.solvers._root import RootInverse
from skinfluence.solvers._woodbury import WoodburySolver

__all__ = [
    "REGISTRY",
    "AutoSolver",
    "CGSolver",
    "CholeskySolver",
    "DivergenceError",
    "EKFACSolver",
    "EighSolver",
    "IndefiniteHessianError",
    "InverseHessian",
    "KFACSolver",
    "LissaSolver",
    "NeumannSolver",
    "RootInverse",
    "SingularHessianError",
    "Sizes",
    "Solver",
    "SolverReport",
    "WoodburySolver",
    "get_solver",
]


def __dir__():
    return __all__
