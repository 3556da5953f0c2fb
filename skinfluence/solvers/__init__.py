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
from skinfluence.solvers._costs import Sizes
from skinfluence.solvers._direct.cholesky import CholeskySolver
from skinfluence.solvers._direct.eigh import EighSolver
from skinfluence.solvers._direct.root import RootInverse
from skinfluence.solvers._direct.woodbury import WoodburySolver
from skinfluence.solvers._iterative.cg import CGSolver
from skinfluence.solvers._kfac import EKFACSolver, KFACSolver
from skinfluence.solvers._report import SolverReport
from skinfluence.solvers._stochastic.lissa import LissaSolver
from skinfluence.solvers._stochastic.lissa_run import DivergenceError
from skinfluence.solvers._stochastic.neumann import NeumannSolver

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
