"""Choose a solver for a Hessian by what each would cost."""

from dataclasses import dataclass

import numpy as np
from sklearn import get_config

from skinfluence.solvers._base import SingularHessianError, Solver
from skinfluence.solvers._cg import CGSolver
from skinfluence.solvers._checks import check_integer, check_positive, check_seed
from skinfluence.solvers._cholesky import CholeskySolver
from skinfluence.solvers._eigh import EighSolver
from skinfluence.solvers._woodbury import WoodburySolver

#: Multiplications a second, of a common machine: only their ratios matter. Square matrix products,
#: products with few columns, and products with sparse rows.
SQUARE, NARROW, SPARSE = 6e10, 1e10, 2e9

#: Products that one right-hand side is taken to need; a block of them shares its Krylov space.
ITERATIONS = 60

#: A factorisation answers more than a solution (leverages, Newton steps): iterating must be this
#: much cheaper, and the factorisation must take this many seconds at least.
CHEAPER, LONG = 3.0, 1.0

#: MiB that a factorisation may take whatever `working_memory` says: no machine is short of them.
SMALL = 64.0


@dataclass(frozen=True)
class Cost:
    """What a solver is reckoned to take: seconds of a common machine, and MiB."""

    seconds: float
    mebibytes: float


@dataclass(frozen=True, kw_only=True)
class AutoSolver(Solver):
    """The solver that a user who knows the Hessian would choose.

    - ``"woodbury"`` where every feature is penalised and the n x n side is smaller than the
      coefficients' side (per output for separable losses; n K against K q otherwise);
    - ``"cholesky"`` otherwise;
    - ``"cg"`` instead of these where the matrices that they factorise do not fit scikit-learn's
      `working_memory` (twice: the matrix and its factor), or where every feature is penalised and
      iterating is reckoned to be three times cheaper than a factorisation of a second or more;
    - ``"eigh"`` (pseudo-inverse) where Cholesky finds a direction without curvature.

    ``"nystroem"``, ``"neumann"`` and ``"lissa"`` are never chosen: their answers are
    approximations, which a user should have asked for.

    Parameters
    ----------
    n_right_hand_sides : int, default=100
        How many systems will be solved: about one a test row.
    tol : float, default=None
        Residual asked of an iterative solver; its own default by default.
    random_state : int, RandomState or None, default=None
        For solvers that draw samples.
    verbose : int, default=0
        Show the progress of solvers that take long.
    """

    n_right_hand_sides: int = 100
    tol: float | None = None
    random_state: object = None
    verbose: int = 0

    name = "auto"

    def __post_init__(self):
        check_integer("n_right_hand_sides", self.n_right_hand_sides)
        check_positive("tol", self.tol, other=(None,))
        check_seed(self.random_state)

    @classmethod
    def for_newton_steps(cls):
        """The choice for Newton's method: few systems a Hessian, and three digits are enough."""
        return cls(n_right_hand_sides=3, tol=1e-3)

    def costs(self, hessian):
        """What each exact solver is reckoned to cost.

        Parameters
        ----------
        hessian : Hessian

        Returns
        -------
        dict of str to Cost
            For "cholesky", "woodbury" and "cg".
        """
        size = _Sizes(hessian, self.n_right_hand_sides)
        return {"cholesky": size.cholesky(), "woodbury": size.woodbury(), "cg": size.cg()}

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
        direct: Solver = CholeskySolver()
        reason = f"{q} columns, {n} rows: the Hessian is factorised as it is"
        if n < q - free and free <= 1:
            direct = WoodburySolver()
            reason = f"{n} rows are fewer than {q} columns: invert on the row side"
        costs = self.costs(hessian)
        mine, iterated = costs[direct.name], costs["cg"]
        memory = max(SMALL, float(get_config()["working_memory"]))
        ratio = mine.seconds / iterated.seconds
        if mine.mebibytes > memory:
            reason = (
                f"a factorisation of {hessian.shape[0]} parameters needs {mine.mebibytes:,.0f} "
                f"MiB, {memory:,.0f} MiB are allowed (working_memory): conjugate gradients"
            )
        elif mine.seconds > LONG and ratio > CHEAPER and free <= 1:
            reason = (
                f"{self.n_right_hand_sides} right-hand sides by conjugate gradients are reckoned "
                f"to be {ratio:.0f} times cheaper than a factorisation of {hessian.shape[0]} "
                "parameters"
            )
        else:
            return direct, reason
        settings: dict = {} if self.tol is None else {"tol": self.tol}
        cg = CGSolver(random_state=self.random_state, verbose=self.verbose, **settings)
        return cg, reason

    def factorize(self, hessian):
        solver, reason = self.select_solver(hessian)
        try:
            inverse = solver.factorize(hessian)
        except SingularHessianError:
            inverse = EighSolver().factorize(hessian)
            reason = "the Hessian is singular: pseudo-inverse by eigendecomposition"
        inverse.report.reason = reason
        return inverse


class _Sizes:
    """Multiplications and memory of each solver for one Hessian and m right-hand sides."""

    def __init__(self, hessian, m):
        self.n, self.q, self.K = hessian.n_rows, hessian.n_columns, hessian.n_outputs
        self.m, self.p = m, hessian.shape[0]
        self.separable = hessian.separable
        X = hessian.design.X
        self.sparse = hessian.design.is_sparse
        self.entries = X.nnz if self.sparse else self.n * self.q
        self.pair_entries = self.n * self.q**2 / 2.0
        if self.sparse:
            self.pair_entries = float((np.diff(X.indptr).astype(float) ** 2).sum()) / 2.0
        equal = hessian.blocks_are_equal
        #: matrices to be made, factorised, and of which size
        self.factors = 1 if equal or not self.separable else self.K
        self.grams = self.factors if self.separable else self.K * (self.K - 1) / 2

    def cholesky(self):
        side = self.q if self.separable else self.p
        gram = self.grams * self.pair_entries / (SPARSE if self.sparse else SQUARE)
        factor = self.factors * side**3 / SQUARE
        solve = 2.0 * self.m * self.p * side / SQUARE
        return Cost(gram + factor + solve, 16.0 * self.factors * side**2 / 2**20)

    def woodbury(self):
        side = self.n if self.separable else self.n * self.K
        gram = self.n**2 * self.q / 2.0 / SQUARE
        factor = self.factors * side**3 / SQUARE
        solve = self.m * (self.K * self.entries + self.factors * side**2) * 2.0 / SQUARE
        table = 8.0 * self.n * self.q
        return Cost(gram + factor + solve, (16.0 * self.factors * side**2 + table) / 2**20)

    def cg(self):
        shared = min(self.m, 100) ** 0.35  # MNIST, 7,840 parameters: 67 products for 1, 13 for 100
        products = ITERATIONS * self.m / shared
        wide = self.K * min(self.m, 100) >= 16
        rate = SPARSE if self.sparse else SQUARE if wide else NARROW
        seconds = products * 2.0 * self.K * self.entries / rate
        return Cost(seconds, 8.0 * self.p * 12.0 * min(self.m, 128) / 2**20)
