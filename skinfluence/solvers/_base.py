"""The Solver noun: settings -> factorize(hessian) -> InverseHessian with a report."""

from abc import ABC, abstractmethod
from contextlib import contextmanager
from copy import copy
from difflib import get_close_matches
from functools import cache, partial
from inspect import signature
from threading import get_ident

import numpy as np
from scipy.sparse.linalg import LinearOperator

from skinfluence._utils.progress import progress, progress_bar
from skinfluence.linalg import block_size, row_blocks, slices

#: Bytes of K x K matrices, one per training row, that an inverse keeps even if only some are
#: needed.
MOST_KEPT = 2**25

REGISTRY: dict[str, type["Solver"]] = {}


class InverseHessian(LinearOperator):
    """(Pseudo-)inverse of a Hessian as a (p, p) operator; made by a solver."""

    #: an exact factorisation, not an iterative solution: the Newton step is then almost free
    factorized = True
    #: whether to show the progress of what takes a solution for every training row
    verbose = 0
    #: right-hand sides that are solved together, where the solver has a limit
    width: int | None = None

    def __init__(self, hessian, report):
        self.hessian = hessian
        self.report = report
        self._leverage_blocks = None
        self._near_one = None
        self._cache = {}
        self._sessions = {}  # thread -> outcomes of the solutions of its open session
        super().__init__(dtype=np.float64, shape=hessian.shape)

    def cached(self, key, make):
        """``make()``, such as the inverse of a downdated Hessian; made once for each `key`."""
        if key not in self._cache:
            self._cache[key] = make()
        return self._cache[key]

    @abstractmethod
    def solve(self, V):
        """H^-1 V for V of shape (p, m)."""

    @contextmanager
    def session(self, *, quiet=False):
        """Context whose solutions are reported as one: one report and at most one warning.

        With `quiet` none of either. A session inside another belongs to the outer one.
        """
        outcomes: list = []
        with self._collecting(outcomes):
            yield
        if outcomes and not quiet:
            self._report(outcomes)

    def in_session(self, steps):
        """Yield from an iterator; its solutions are reported as one when it has ended.

        The session is open only while a step is computed: a reference to the generator, as in
        the traceback of an interrupted call, keeps no session open.
        """
        outcomes: list = []
        while True:
            with self._collecting(outcomes):
                step = next(steps, _END)
            if step is _END:
                break
            yield step
        if outcomes:
            self._report(outcomes)

    @contextmanager
    def _collecting(self, outcomes):
        thread = get_ident()
        if thread in self._sessions:
            yield
            return
        self._sessions[thread] = outcomes
        try:
            yield
        finally:
            del self._sessions[thread]

    def _record(self, outcome):
        """Report the outcome of a solution, now or at the end of its session."""
        outcomes = self._sessions.get(get_ident())
        if outcomes is None:
            self._report([outcome])
        else:
            outcomes.append(outcome)

    def _report(self, outcomes):
        """Write solutions into the report, and warn of columns that failed; if iterative."""

    def _matmat(self, V):
        return self.solve(V)

    def _adjoint(self):
        return self

    def leverage_blocks(self, rows=None):
        """Leverage blocks J_i H^-1 J_i' of training rows, (n_rows, K, K); once for all rows."""
        n = self.hessian.n_rows
        if rows is None or np.array_equal(rows, np.arange(n)):
            if self._leverage_blocks is None:
                self._leverage_blocks = self.leverage_blocks_of(self.hessian.predictor)
            return self._leverage_blocks
        if self._leverage_blocks is not None or len(rows) > n // 2:
            return self.leverage_blocks()[rows]
        return self.leverage_blocks_of(self.hessian.predictor.take(rows))

    #: whether the leverage blocks of all training rows are kept
    has_leverage_blocks = property(lambda self: self._leverage_blocks is not None)

    def iter_leverage_blocks(self, rows, bytes_per_row):
        """Iterate over (slice of `rows`, their :meth:`leverage_blocks`); all are kept if small."""
        n, K = self.hessian.n_rows, self.hessian.n_outputs
        keep = self._leverage_blocks is not None or 8 * n * K * K <= MOST_KEPT
        for made in [slice(0, len(rows))] if keep else row_blocks(len(rows), 8 * K * K):
            forms = self.leverage_blocks(rows[made])
            for some in row_blocks(len(forms), bytes_per_row, cache_mib=2.0):
                yield slice(made.start + some.start, made.start + some.stop), forms[some]

    def leverage_blocks_of(self, predictor):
        """Leverage blocks M_i = J_i H^-1 J_i' of any rows, with their Jacobians J_i: (n, K, K).

        The change of row i's K raw predictions per unit of its K residuals: z_i' H^-1 z_i for a
        linear predictor with one output.
        """
        n, K = predictor.n_rows, self.hessian.n_outputs
        width = self.width or block_size(8 * self.shape[0])
        separable, out = self.hessian.separable, np.zeros((n, K, K))
        size = max(1, width // (1 if separable else K))
        with self.session():
            for rows in self._shown(slices(n, size), n):
                part = predictor.take(rows)
                if separable:  # outputs do not reach each other: all at once
                    V = sum(part.output_vjp(k, K) for k in range(K))
                    out[rows, np.arange(K), np.arange(K)] = part.row_jvp(self.solve(V))
                    continue
                V = np.empty((self.shape[0], K, part.n_rows))
                for k in range(K):
                    V[:, k] = part.output_vjp(k, K)
                solved = self.solve(V.reshape(len(V), -1)).reshape(V.shape)
                out[rows] = np.stack([part.row_jvp(solved[:, k]) for k in range(K)], axis=2)
        return 0.5 * (out + out.transpose(0, 2, 1))

    def cross_solve(self, V):
        """J_i H^-1 V of all training rows for columns V (p, m): their raw predictions, (K, n, m).

        None where it is no more than a product of the rows with :meth:`solve`.
        """
        return None

    def solve_rows(self, rows, right):
        """H^-1 J_i' right_i of training rows, one column each: (p, n_rows).

        `right` has shape (n_rows, K).
        """
        return self.solve(self.hessian.predictor.take(rows).row_vjp(right))

    @property
    def nearly_interpolates(self):
        """Whether 1 - leverage is so small that updates of the inverse lose their digits."""
        return False

    @property
    def accuracy(self):
        """Relative error of solutions, as far as it is known; 0 for factorisations."""
        known = (self.report.residual, self.report.standard_error)
        return 0.0 if self.factorized else max(np.nan_to_num(known))

    def leverage_system(self, rows, curvature=None, forms=None):
        """The systems I - A M of training rows, without cancellation where leverage is near one.

        Parameters
        ----------
        rows : ndarray of int
        curvature : RowCurvature, default=None
            A of these rows, as the Hessian has it, where it is known.
        forms : ndarray of shape (n_rows, K, K), default=None
            Their :meth:`leverage_blocks`, where they are known.

        Returns
        -------
        LeverageSystem
        """
        from skinfluence.solvers._direct.leverage import leverage_system

        return leverage_system(self, rows, curvature, forms)

    def near_gaps(self, rows, curvature, forms):
        """(positions in `rows` of those near leverage one, their I - R' M R with R R' = A)."""
        from skinfluence.solvers._direct.leverage import are_near_one, rows_near_one

        # of other predictors, what a row adds to the Hessian is more than J_i' A_i J_i
        linear = self.hessian.linear
        if not (linear and are_near_one(self.hessian, rows, curvature, forms).any()):
            return np.zeros(0, dtype=np.intp), None
        if self._near_one is None:
            self._near_one = rows_near_one(self)
        every, gaps = self._near_one
        near = np.flatnonzero(np.isin(rows, every))
        return near, gaps[np.searchsorted(every, rows[near])]

    def _shown(self, rows, n):
        """Slices of n rows whose quadratic forms are made, with a progress bar."""
        return progress(rows, **self._what(n), size=lambda part: part.stop - part.start)

    def _bar(self, n):
        """Context with the same progress bar, see :func:`progress_bar`."""
        return progress_bar(**self._what(n))

    def _what(self, n):
        return {"total": n, "what": "leverages", "unit": "rows", "verbose": self.verbose}


_END = object()


class Solver(ABC):
    """Settings of one inverse-Hessian method; registered by its `name`.

    They do not change, but for :meth:`set_params`: so a search reaches them in an explainer, as
    ``solver__tol``.
    """

    name: str = ""

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if cls.name:
            REGISTRY[cls.name] = cls

    def get_params(self, deep=True):
        """Settings by name.

        Parameters
        ----------
        deep : bool
            For scikit-learn; settings have no settings of their own.

        Returns
        -------
        dict
        """
        return {name: getattr(self, name) for name in _settings(type(self))}

    def set_params(self, **params):
        """Change settings, which are checked as when they were made.

        Returns
        -------
        Solver
            Itself.

        Raises
        ------
        ValueError
            For a setting that is unknown, or means nothing.
        """
        known = self.get_params()
        unknown = sorted(set(params) - set(known))
        if unknown:
            raise ValueError(
                f"{type(self).__name__} has no setting {unknown[0]!r}. Expected one of "
                f"{sorted(known)}."
            )
        vars(self).update(vars(type(self)(**known | params)))
        return self

    @abstractmethod
    def factorize(self, hessian) -> InverseHessian:
        """Factorise once; the result serves any number of right-hand sides."""

    def choose_inverse(self, hessian, main):
        """Function of a number of right-hand sides that gives the inverse for them.

        For first order, whose right-hand sides are known: an iteration may cost less.

        Parameters
        ----------
        hessian : Hessian
        main : callable
            Gives the inverse that :meth:`factorize` made, and makes it if there is none.

        Returns
        -------
        callable
        """
        return partial(_main_inverse, main)


@cache
def _settings(kind):
    """Names of the settings of a class of solvers."""
    return tuple(signature(kind).parameters)


def _main_inverse(main, n_right_hand_sides):
    return main()


class Cached:
    """A function without arguments that is called at most once; its result is kept.

    The inverse is shared with its owner through it, without a reference to the owner: an explainer
    that is dropped is freed at once, its table with it.

    Parameters
    ----------
    make : callable

    Attributes
    ----------
    made : object
        The result, or None before the first call.
    """

    def __init__(self, make):
        self._make = make
        self.made = None

    def __call__(self):
        if self.made is None:
            self.made = self._make()
        return self.made


class SingularHessianError(np.linalg.LinAlgError):
    """The Hessian has directions without curvature and the solver cannot work around them."""


def seeded(solver):
    """The solver with one seed in the place of a RandomState, drawn from it now.

    Whatever it factorises later, and however often, draws the same then.
    """
    state = getattr(solver, "random_state", None)
    if not isinstance(state, np.random.RandomState):
        return solver
    return copy(solver).set_params(random_state=int(state.randint(np.iinfo(np.int32).max)))


class IndefiniteHessianError(np.linalg.LinAlgError):
    """The Hessian has directions of negative curvature: the coefficients are at no minimum.

    Attributes
    ----------
    smallest_eigenvalue : float or None
        Of the Hessian in sum form, with the damping, where it was estimated.
    """

    smallest_eigenvalue: float | None = None


def get_solver(solver, **settings):
    """A Solver from its name, or the instance itself.

    Parameters
    ----------
    solver : str or Solver
    **settings : dict
        For a solver that is named: those of them that it knows, such as `random_state`.

    Returns
    -------
    Solver

    Raises
    ------
    ValueError
        For an unknown name; the message lists the known ones.
    """
    if isinstance(solver, Solver):
        return copy(solver)  # `set_params` of the one that was given changes nothing that is fitted
    if isinstance(solver, str) and solver in REGISTRY:
        known = _settings(REGISTRY[solver])
        return REGISTRY[solver](**{k: v for k, v in settings.items() if k in known})
    hint = ""
    if isinstance(solver, type) and issubclass(solver, Solver):
        hint = f" This is the class: pass {solver.__name__}()."
    elif isinstance(solver, str) and (close := get_close_matches(solver.lower(), REGISTRY, 1)):
        hint = f" Did you mean {close[0]!r}?"
    raise ValueError(
        f"solver={solver!r} is not known. Expected one of {sorted(REGISTRY)} or an instance of "
        f"skinfluence.solvers.Solver.{hint}"
    )
