"""Choose a solver for a Hessian by what each would cost."""

from dataclasses import dataclass

from sklearn import get_config

from skinfluence.solvers._base import SingularHessianError, Solver
from skinfluence.solvers._cg import CGSolver
from skinfluence.solvers._checks import check_integer, check_positive, check_seed
from skinfluence.solvers._cholesky import CholeskySolver
from skinfluence.solvers._costs import Sizes
from skinfluence.solvers._eigh import EighSolver
from skinfluence.solvers._woodbury import WoodburySolver

#: A factorisation answers more than a solution (leverages, Newton steps): iterating must be this
#: much cheaper, and the factorisation must take this many seconds at least.
CHEAPER, LONG = 3.0, 1.0

#: MiB that a factorisation may take whatever `working_memory` says: no machine is short of them.
SMALL = 64.0


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
        size = Sizes(hessian, self.n_right_hand_sides)
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
