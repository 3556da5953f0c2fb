"""Choice of a solver for a Hessian by estimated costs."""

from dataclasses import dataclass, replace
from functools import partial

from sklearn import get_config

from skinfluence._utils.checks import check_number, check_whole
from skinfluence.solvers._base import Cached, SingularHessianError, Solver
from skinfluence.solvers._checks import check_seed
from skinfluence.solvers._costs import MAX_WIDTH, Sizes
from skinfluence.solvers._direct.cholesky import CholeskySolver
from skinfluence.solvers._direct.eigh import EighSolver
from skinfluence.solvers._direct.truncated import TruncatedSolver
from skinfluence.solvers._direct.woodbury import WoodburySolver
from skinfluence.solvers._iterative.cg import CGInverse, CGSolver

#: A factorisation also gives leverages and Newton steps: where that counts,
#: iterating must be this much cheaper, and the factorisation must take this many seconds at least.
CHEAPER, LONG = 3.0, 1.0

#: Products that an iteration is allowed whatever it costs.
LEAST_PRODUCTS = 30

#: Tolerance of an iteration in place of a factorisation: influences then agree to 1e-8.
FIRST_ORDER_TOL = 1e-9

#: MiB that a factorisation may take whatever `working_memory` says: no machine is short of them.
SMALL = 64.0


@dataclass(frozen=True, kw_only=True)
class AutoSolver(Solver):
    """Solver chosen by the estimated costs for a Hessian.

    - ``"woodbury"`` where every feature is penalised and the n x n side is no larger than the
      coefficients' side (per output for separable losses; n K against K q otherwise): the model
      may then nearly interpolate, and only the row side knows leverages near one to their digits;
    - ``"cholesky"`` otherwise;
    - ``"cg"`` instead of these where the matrices that they factorise do not fit scikit-learn's
      `working_memory` (twice: the matrix and its factor), or where every feature is penalised and
      iterating is estimated to be three times cheaper than a factorisation of a second or more
      (with ``prefer_factorized=False``: cheaper at all);
    - ``"eigh"`` (pseudo-inverse) where Cholesky finds a direction without curvature.

    ``"neumann"`` and ``"lissa"`` are never chosen, since their results are
    approximations.

    An explainer with ``solver="auto"`` chooses twice. What `method` "auto" stands for, leverages,
    Newton steps and health are decided by the Hessian alone, by the rules above: they are the same
    whatever was asked before. A question of first order with few right-hand sides (about one a test
    row) is iterated where the factorisation is not there yet and would cost more:
    ``prefer_factorized=False`` with the right-hand sides of all such questions so far. So many
    small questions, and a large one, end with the factorisation; so does an iteration that takes
    longer than estimated, and anything that needs a solution for every training row (leverages,
    self-influence), where that is cheaper and fits the memory. The same call has the same answer,
    but not to the last bit: iterated and factorised ones differ by less than 1e-8 of a test row's
    largest influence (residuals are 1e-9; hard problems, which take many iterations, end with the
    factorisation).

    Parameters
    ----------
    n_right_hand_sides : int, default=100
        How many systems will be solved: about one a test row.
    prefer_factorized : bool, default=True
        Whether a factorisation, which gives leverages and Newton steps too, may cost more.
    tol : float, default=None
        Residual of an iterative solver; None is its own default.
    random_state : int, RandomState or None, default=None
        For solvers that draw samples.
    verbose : int, default=None
        Progress of what takes long: None shows a bar in terminals and notebooks, 0 nothing, 1 also
        lines elsewhere.
    """

    n_right_hand_sides: int = 100
    prefer_factorized: bool = True
    tol: float | None = None
    random_state: object = None
    verbose: int | None = None

    name = "auto"

    def __post_init__(self):
        check_whole("n_right_hand_sides", self.n_right_hand_sides)
        if not isinstance(self.prefer_factorized, bool):
            raise ValueError(
                f"prefer_factorized={self.prefer_factorized!r} is not known. Expected True or "
                "False."
            )
        check_number("tol", self.tol, words=(None,), above=0.0)
        check_seed(self.random_state)

    @classmethod
    def for_newton_steps(cls):
        """The choice for Newton's method: few systems a Hessian, and three digits are enough."""
        return cls(n_right_hand_sides=3, tol=1e-3)

    def costs(self, hessian):
        """Estimated cost of each exact solver.

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
        return self.select_with_cost(hessian)[:2]

    def select_with_cost(self, hessian):
        """:meth:`select_solver`, and the Cost of the factorisation where that was estimated."""
        direct, reason = self.direct_solver(hessian)
        if not (hessian.convex and hessian.linear):
            check_size(hessian)
            return direct, reason, None
        costs = self.costs(hessian)
        mine, iterated = costs[direct.name], costs["cg"]
        ratio = mine.seconds / iterated.seconds
        cheaper, long = (CHEAPER, LONG) if self.prefer_factorized else (1.0, 0.0)
        if mine.mebibytes > allowed_memory():
            reason = (
                f"a factorisation of {hessian.shape[0]} parameters needs {mine.mebibytes:,.0f} "
                f"MiB, {allowed_memory():,.0f} MiB are allowed (working_memory): conjugate "
                "gradients"
            )
        elif mine.seconds > long and ratio > cheaper and _free(hessian) <= 1:
            m = self.n_right_hand_sides
            sides = "1 right-hand side" if m == 1 else f"{m} right-hand sides"
            reason = (
                f"{sides} by conjugate gradients {'is' if m == 1 else 'are'} estimated to be "
                f"{ratio:.{0 if ratio > 3 else 1}f} times cheaper than a factorisation of "
                f"{hessian.shape[0]} parameters"
            )
        else:
            return direct, reason, mine
        settings: dict = {} if self.tol is None else {"tol": self.tol}
        cg = CGSolver(random_state=self.random_state, verbose=self.verbose, **settings)
        return cg, reason, mine

    def direct_solver(self, hessian):
        """The factorisation that suits the Hessian, and why.

        Parameters
        ----------
        hessian : Hessian

        Returns
        -------
        solver : Solver
        reason : str
        """
        if not hessian.convex:
            return CholeskySolver(), "not convex: the Hessian is factorised as it is"
        if not hessian.linear or hessian.penalty_term.matrix is not None:
            return CholeskySolver(), f"{hessian.shape[0]} parameters: the Hessian is factorised"
        n, q, free = hessian.n_rows, hessian.n_columns, _free(hessian)
        if n <= q and free <= 1:
            reason = f"{n} rows are no more than {q} columns: invert on the row side"
            return WoodburySolver(), reason
        return CholeskySolver(), f"{q} columns, {n} rows: the Hessian is factorised as it is"

    def factorize(self, hessian):
        if hessian.truncated is not None:
            return TruncatedSolver().factorize(hessian)
        return _factorize(hessian, *self.select_solver(hessian))

    def choose_inverse(self, hessian, main):
        return InverseChoice(hessian, main, self)


def _factorize(hessian, solver, reason):
    try:
        inverse = solver.factorize(hessian)
    except SingularHessianError:
        inverse = EighSolver().factorize(hessian)
        reason = "the Hessian is singular: pseudo-inverse by eigendecomposition"
    inverse.report.reason = reason
    return inverse


def check_size(hessian):
    """Raise MemoryError where the Hessian of a network does not fit the memory."""
    needed = 16.0 * hessian.shape[0] ** 2 / 2**20
    if needed > allowed_memory() and not hessian.linear:
        raise MemoryError(
            f"A factorisation of {hessian.shape[0]} parameters needs {needed:,.0f} MiB, "
            f'{allowed_memory():,.0f} MiB are allowed (working_memory). Use solver="ekfac" or '
            '"cg" with curvature="gauss_newton" and a damping, or increase working_memory.'
        )


def allowed_memory():
    """MiB that a factorisation may take."""
    return max(SMALL, float(get_config()["working_memory"]))


def _free(hessian):
    """Columns that are not penalised in every output."""
    return int((hessian.penalty <= 0).any(axis=0).sum())


class InverseChoice:
    """Inverse for so many more right-hand sides: iterated while that is cheaper, then factorised.

    Parameters
    ----------
    hessian : Hessian
    main : callable
        Gives the InverseHessian that serves Newton steps and leverages.
    auto : AutoSolver
    """

    def __init__(self, hessian, main, auto):
        self._hessian, self._main, self._auto = hessian, main, auto
        self._n_solved = 0
        self._iterated = None
        self._direct = Cached(partial(_direct_inverse, hessian, main, auto))

    def __call__(self, m):
        hessian = self._hessian
        if self._direct.made is not None or not (hessian.convex and hessian.linear):
            self._iterated = None
            return self._direct()
        self._n_solved += m
        few = replace(self._auto, n_right_hand_sides=self._n_solved, prefer_factorized=False)
        solver, reason, direct = few.select_with_cost(hessian)
        if direct.mebibytes > allowed_memory():
            return self._main()
        if not isinstance(solver, CGSolver):
            return self._direct()
        # an iteration that takes longer than a factorisation was estimated wrongly, and ends
        one = Sizes(hessian, m).cg_product() * -(-m // MAX_WIDTH)
        solver = replace(
            solver,
            tol=FIRST_ORDER_TOL if self._auto.tol is None else self._auto.tol,
            max_iter=max(LEAST_PRODUCTS, int(direct.seconds / one)),
        )
        if self._iterated is None:
            self._iterated = IteratedInverse(hessian, solver, self._direct)
        self._iterated.solver = solver
        self._iterated.report.reason = reason
        return self._iterated


def _direct_inverse(hessian, main, auto):
    """The main inverse where it is factorised, else a factorisation for first order."""
    inverse = main()
    return inverse if inverse.factorized else _factorize(hessian, *auto.direct_solver(hessian))


class IteratedInverse(CGInverse):
    """Conjugate gradients that leave to a factorisation what they do not solve."""

    def __init__(self, hessian, solver, factorized):
        super().__init__(hessian, solver)
        self._factorized = factorized

    def solve(self, V, x0=None):
        out, outcome = self._solve(V, x0)
        if (outcome[0] <= self.solver.tol).all():
            self._record(outcome)
            return out
        return self._factorized().solve(V)
