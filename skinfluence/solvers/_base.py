"""The Solver noun: settings -> factorize(hessian) -> InverseHessian with a report."""

from abc import ABC, abstractmethod
from copy import copy
from difflib import get_close_matches
from inspect import signature
from threading import get_ident

import numpy as np
from scipy.sparse.linalg import LinearOperator

from skinfluence._utils.progress import progress, progress_bar
from skinfluence.linalg import row_blocks

#: Bytes of K x K matrices, one per training row, that an inverse keeps without being asked for all.
MOST_KEPT = 2**25

REGISTRY: dict[str, type["Solver"]] = {}


class InverseHessian(LinearOperator):
    """(Pseudo-)inverse of a Hessian as a (p, p) operator; made by a solver."""

    #: an exact factorisation, not an iterative solution: the Newton step is then almost free
    factorized = True
    #: whether to show the progress of what takes a solution for every training row
    verbose = 0

    def __init__(self, hessian, report):
        self.hessian = hessian
        self.report = report
        self._leverage_blocks = None
        self._near_one = None
        self._cache = {}
        self._asked = {}  # thread -> outcomes of the solutions of its open question
        super().__init__(dtype=np.float64, shape=hessian.shape)

    def cached(self, key, make):
        """``make()``, such as the inverse of a downdated Hessian; made once for each `key`."""
        if key not in self._cache:
            self._cache[key] = make()
        return self._cache[key]

    @abstractmethod
    def solve(self, V):
        """H^-1 V for V of shape (p, m)."""

    def question(self, *, quiet=False):
        """Context whose solutions are reported as one: one report and at most one warning.

        With `quiet` none of either. For generators there is :meth:`Question.over`.
        """
        return Question(self, quiet)

    def _conclude(self, outcome):
        """Tell of a solution's outcome, now or at the end of the question that it belongs to."""
        outcomes = self._asked.get(get_ident())
        if outcomes is None:
            self._tell([outcome])
        else:
            outcomes.append(outcome)

    def _tell(self, outcomes):
        """Report solutions, and warn of columns that failed; for iterative solvers."""

    def _matmat(self, V):
        return self.solve(V)

    def _matvec(self, v):
        return self.solve(v.reshape(-1, 1)).ravel()

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
        out = np.empty((n, K, K))
        with self.question():
            for rows in self._shown(row_blocks(n, 8 * K * self.shape[0]), n):
                part = predictor.take(rows)
                for k in range(K):
                    out[rows, :, k] = part.row_jvp(self.solve(part.output_vjp(k, K)))
        return out

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
        from skinfluence.solvers._leverage import leverage_system

        return leverage_system(self, rows, curvature, forms)

    def near_gaps(self, rows, curvature, forms):
        """(positions in `rows` of those near leverage one, their I - R' M R with R R' = A)."""
        from skinfluence.solvers._leverage import are_near_one, rows_near_one

        if not self.hessian.linear:  # what a row adds to the Hessian is more than J_i' A_i J_i
            return np.zeros(0, dtype=np.intp), None
        if not are_near_one(self.hessian, rows, curvature, forms).any():
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


class Question:
    """See :meth:`InverseHessian.question`; one inside another belongs to the outer one."""

    def __init__(self, inverse, quiet=False):
        self._asked, self._tell = inverse._asked, inverse._tell
        self._quiet = quiet
        self._outcomes: list = []

    def __enter__(self):
        self._thread = get_ident()
        self._inside = self._asked.setdefault(self._thread, self._outcomes) is not self._outcomes

    def __exit__(self, error, *_):
        self._close()
        if error is None:
            self._conclude()

    def _close(self):
        if not self._inside:
            del self._asked[self._thread]

    def _conclude(self):
        if self._outcomes and not self._quiet:
            self._tell(self._outcomes)

    def over(self, steps):
        """Yield from `steps`; their solutions are reported as one when they have ended.

        The question is open only while a step is computed. Whoever keeps the generator, as the
        traceback of an interrupted call does, keeps no question open.

        Parameters
        ----------
        steps : iterator
        """
        while True:
            self.__enter__()
            try:
                step = next(steps, _END)
            finally:
                self._close()
            if step is _END:
                break
            yield step
        self._conclude()


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
        """Settings by name, as scikit-learn asks for them.

        Parameters
        ----------
        deep : bool
            For scikit-learn; settings have no settings of their own.

        Returns
        -------
        dict
        """
        return {name: getattr(self, name) for name in signature(type(self)).parameters}

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

    def for_questions(self, hessian, main):
        """Solver for first-order influences, which counts their right-hand sides.

        Parameters
        ----------
        hessian : Hessian
        main : callable
            Gives the inverse that :meth:`factorize` made, and makes it if there is none.

        Returns
        -------
        Questions
        """
        return Questions(main)


class Once:
    """A function without arguments that is called at most once; its result is kept.

    What answers questions shares the main inverse with its owner through it, and holds no
    reference to the owner: an explainer that is dropped is freed at once, its table with it.

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


class Questions:
    """Gives the inverse for a question with so many right-hand sides: always the main one.

    Parameters
    ----------
    main : callable
        Without arguments; gives the InverseHessian that serves all other questions.
    """

    def __init__(self, main):
        self._main = main

    def inverse(self, m):
        """The InverseHessian that answers a question with `m` right-hand sides."""
        return self._main()


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
    """The Hessian has directions of negative curvature: the coefficients are at no minimum."""


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
        known = signature(REGISTRY[solver]).parameters
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
