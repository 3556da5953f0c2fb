"""Influences in blocks: the one loop behind influence, top_influences and explain."""

import warnings
from contextlib import closing
from functools import cached_property, partial

import numpy as np
from sklearn.utils import gen_batches

from skinfluence._utils.progress import progress
from skinfluence._utils.warnings import user_stacklevel
from skinfluence.effects import METHODS, first_order, newton_step, refit_rows
from skinfluence.effects._classes import last_of_class
from skinfluence.effects._first_order import linear_first_order
from skinfluence.explainer._health import warn_of_null_directions
from skinfluence.explainer._targets import joint_changes
from skinfluence.kernels import TopK, effective_threads, run_chunks
from skinfluence.linalg import CACHE_MIB, SOLVED_MIB, block_size
from skinfluence.objectives import check_curvature, is_second_derivative
from skinfluence.objectives._newton import to_optimum
from skinfluence.solvers import AutoSolver
from skinfluence.solvers._base import Once
from skinfluence.solvers._truncated import TruncatedSolver

#: Which influences come first: the largest absolute, the largest, the smallest.
ORDERS = ("magnitude", "helpful", "harmful")
#: Test rows that are taken together, at most: wider products gain nothing.
MOST_TESTS = 512


def resolve_method(method, linearization):
    """The effect that a method name stands for.

    "auto" takes the Newton step where it is cheap. Hinge machines are refitted: they have no
    curvature that a step could go by, and their exact refits are cheap.
    """
    if method == "auto":
        if linearization.objective.stands_in and linearization.curvature == "hessian":
            return "refit"
        inverse = linearization.inverse
        return "newton_step" if inverse.factorized and inverse.hessian.exact else "first_order"
    if method not in METHODS:
        raise ValueError(f"method={method!r} is not known. Expected one of {['auto', *METHODS]}.")
    if method == "newton_step" and not linearization.inverse.hessian.exact:
        raise ValueError(
            'method="newton_step" is a step by the second derivative, and this explainer inverts a '
            'Fisher matrix in its place. Use method="first_order" or "refit", or '
            'curvature="hessian".'
        )
    return method


def influence_blocks(linearization, predictor, target, method, rows, out=None):
    """Iterate over (slice of test rows, slice of `rows`, influences) until all pairs are covered.

    For one number of all test rows the first slice is ``slice(0, 1)``.

    Parameters
    ----------
    linearization : Linearization
    predictor : Predictor of the test rows
    target : Target of the test rows, see skinfluence.targets
    method : {"first_order", "newton_step", "refit"}
    rows : ndarray of int
        Training rows whose removal is asked about.
    out : ndarray of shape (n_test, n_rows) or None
        Where the influences are written; without it each block has an array of its own.
    """
    blocks = _blocks(linearization, predictor, target, method, rows, out)
    if method == "refit":  # which shows its own progress, and takes all of the time
        return blocks
    return progress(
        blocks,
        total=_n_values(predictor, target) * len(rows),
        what="influences",
        unit="pairs",
        verbose=linearization.verbose,
        size=lambda block: block[2].size,
    )


def _n_values(predictor, target):
    return 1 if target.joint else predictor.n_rows


def _blocks(linearization, predictor, target, method, rows, out):
    if method == "refit":
        yield from _all_blocks(linearization, predictor, target, method, rows, out)
        return
    # one right-hand side a test row; for the Newton step one an output, and leverages beside
    n_test, K = _n_values(predictor, target), linearization.objective.n_outputs
    many = n_test if method == "first_order" else K * (n_test + len(rows))
    inverse = linearization.inverse_for(method, many)
    blocks = _all_blocks(linearization, predictor, target, method, rows, out, inverse)
    yield from inverse.question().over(blocks)


def _all_blocks(linearization, predictor, target, method, rows, out, inverse=None):
    linearization.warn_of_last(method, rows)
    row_step = max(1, len(rows))
    held = method == "refit" or (target.joint and method != "first_order")
    if held or linearization.objective.cut is not None:
        row_step = min(row_step, linearization.refit_width())
    for start in range(0, len(rows), row_step):
        chunk = slice(start, min(start + row_step, len(rows)))
        part = {"part": (start, len(rows))} if method == "refit" else {}
        objective, changes = linearization.changes(method, rows[chunk], inverse, **part)
        if target.joint:
            linear = method == "first_order"
            for some, values in joint_changes(predictor, target, objective, changes, linear):
                place = slice(start + some.start, start + some.stop)
                if out is not None:
                    out[:, place] = values
                yield slice(0, 1), place, values
            continue
        for tests in _solved_together(predictor.n_rows, objective, method):
            part, mine = predictor.take(tests).with_coef(objective.coef), target.take(tests)
            raw = part.raw()
            slopes = mine.gradient(raw) if method == "first_order" else None
            block = _Block(changes.ask(part, slopes), mine, raw, slopes)
            wanted = None if out is None else out[tests, chunk]
            for some, values in _pieces(block, changes, wanted, objective.predictor.dtype):
                yield tests, slice(start + some.start, start + some.stop), values


def _solved_together(n_test, objective, method):
    """Slices of test rows whose right-hand sides are solved together."""
    K = objective.n_outputs
    at_once = 3 if method == "first_order" or K == 1 else K + 2
    size = block_size(8 * at_once * objective.n_parameters, SOLVED_MIB)
    return gen_batches(n_test, min(size, MOST_TESTS))


def _pieces(block, changes, wanted, dtype):
    """(slice of changes, values) for all changes: pieces that stay in the cache, on threads.

    Only a few pieces exist at a time. Their widths do not depend on the number of threads, and
    neither do the values.
    """
    width = block_size(8 * block.n_tests * block.arrays, CACHE_MIB)
    pieces = list(gen_batches(changes.n_changes, width))

    def work(some):
        if wanted is None:
            values = np.empty((block.n_tests, some.stop - some.start), dtype)
        else:
            values = wanted[:, some]
        block.fill(some, values)
        return values

    wave = 2 * effective_threads() if len(pieces) > 1 else 1
    for i in range(0, len(pieces), wave):
        now = pieces[i : i + wave]
        yield from zip(now, run_chunks(work, now), strict=True)


class _Block:
    """Some test rows with their solved right-hand sides: fills in any piece of their influences."""

    def __init__(self, answer, target, raw, slopes):
        self.answer = answer
        self.target = target
        self.raw = raw  # shape: (n_tests, K)
        self.slopes = slopes
        self.n_tests, K = raw.shape
        # beside the influences: with several outputs, each one's change of the raw predictions
        self.arrays = 1 if slopes is not None or K == 1 else 2 * K

    def fill(self, some, values):
        """Write the influences of a slice of changes into `values`."""
        if self.slopes is not None:
            self.answer(some, values)
            return
        K = self.raw.shape[1]
        # with one output the changes of the raw predictions are written where the influences go
        moved = self.answer(some, values[:, :, None] if K == 1 else None)
        # a few test rows at a time, so that the elementwise work stays in the cache
        for piece in gen_batches(self.n_tests, block_size(8 * values.shape[1] * K, 0.5)):
            values[piece] = self.target.take(piece).change(self.raw[piece], moved[piece])


class Linearization:
    """An objective with its inverse Hessian, and the optimum that refits start from.

    Everything is made at first use and kept: one factorisation serves every question.

    Parameters
    ----------
    fitted_model : FittedModel
        With the objective at the coefficients that are explained.
    solver : Solver
    damping : float
    n_jobs : int or None
    verbose : int
    curvature : {"hessian", "gauss_newton", "fisher", "empirical_fisher"}
        Which matrix `inverse` is the inverse of.
    polished : InverseHessian or None
        Of the undamped Hessian, which solver="auto" takes for its own where it is at hand.
    """

    def __init__(
        self, fitted_model, solver, damping, n_jobs, verbose=0, curvature="hessian", polished=None
    ):
        check_curvature(fitted_model.objective.loss, curvature)
        self.fitted_model = fitted_model
        self.objective = fitted_model.objective
        if self.objective.cut is not None and curvature == "empirical_fisher":
            raise ValueError(
                'curvature="empirical_fisher" is not known where LinearRegression drops singular '
                'values. Expected "hessian"; or scale the features (StandardScaler).'
            )
        # what was dropped stays dropped, whatever solver is asked for
        self.solver = solver if self.objective.cut is None else TruncatedSolver()
        self.damping = damping
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.curvature = curvature
        usable = damping == 0 and is_second_derivative(self.objective, curvature)
        self._polished = polished if usable and isinstance(self.solver, AutoSolver) else None
        self._hessian_inverse = self._optimum = self._optimum_inverse = None
        self._questions = None

    @property
    def inverse(self):
        """Inverse of the (damped) Hessian, or of the Fisher matrix that `curvature` asks for.

        Warns of null directions when it is made.
        """
        return self._main()

    @cached_property
    def _main(self):
        factorize = self.solver.factorize if self._polished is None else self._polished.moved_to
        return Once(partial(_invert, factorize, self._hessian, self.fitted_model, self.verbose))

    @property
    def hessian_inverse(self):
        """Inverse of the (damped) Hessian itself: what leverages and Newton steps are made of."""
        if is_second_derivative(self.objective, self.curvature):
            return self.inverse
        if self._hessian_inverse is None:
            hessian = self._make_hessian("hessian")
            self._hessian_inverse = _invert(
                self.solver.factorize, hessian, self.fitted_model, self.verbose
            )
        return self._hessian_inverse

    @cached_property
    def _hessian(self):
        """What `inverse` is the inverse of; one for all solvers, whose rows are formed once."""
        return self._make_hessian(self.curvature)

    def _make_hessian(self, curvature):
        hessian = self.objective.hessian(self.damping, curvature=curvature)
        hessian.verbose = self.verbose
        return hessian

    @property
    def optimum(self):
        """The objective at its optimum: what refitted models are compared with."""
        if self._optimum is None:
            solver = AutoSolver.for_newton_steps()
            self._optimum = to_optimum(self.objective, solver, verbose=self.verbose)
        return self._optimum

    @property
    def optimum_inverse(self):
        """Inverse of the undamped Hessian at the optimum; None for hinges, which have none."""
        if self.objective.stands_in:
            return None
        at_optimum = self.optimum is self.objective and self.damping == 0
        if at_optimum and self.inverse.factorized and self.inverse.hessian.exact:
            return self.inverse
        if self._optimum_inverse is None:
            self._optimum_inverse = AutoSolver().factorize(self.optimum.hessian())
        return self._optimum_inverse

    def inverse_for(self, method, n_right_hand_sides):
        """The inverse that answers a question.

        It is `inverse` (for Newton steps and leverages `hessian_inverse`), except where the solver
        has a better one for so many right-hand sides: "auto" iterates few of first order while
        nothing is factorised, and factorises for many whatever it takes for other questions.
        """
        if method == "first_order":
            at_hand = self._main.made is not None or self._polished is not None
            if at_hand and self.inverse.factorized:
                return self.inverse
        elif self.hessian_inverse.factorized or self.hessian_inverse is not self.inverse:
            return self.hessian_inverse
        if self._questions is None:
            self._questions = self.solver.for_questions(self._hessian, self._main)
        return self._questions.inverse(n_right_hand_sides)

    def changes(self, method, rows, inverse=None, part=None):
        """(reference objective, changes of the coefficients) for the removal of rows.

        By `inverse`, where another one than this linearisation's own is given. NaN for the last
        row of a class, except to first order; nothing is warned of. `part` is for the progress of
        refits: how many were made before these, and how many there are in all.
        """
        if method == "first_order":
            return self.objective, first_order(self.objective, inverse or self.inverse, rows)
        alone = self.last_of_class[rows]
        if method == "refit":
            return self.optimum, self._refits(rows, alone, part)
        inverse = inverse or self.hessian_inverse
        changes = newton_step(self.objective, inverse, rows)
        if alone.any():
            changes.forget(alone)
        return self.objective, changes

    def linear_changes(self, rows, inverse=None):
        """First-order changes as products with the inverse: what selection takes apart.

        Where LinearRegression drops singular values, the directions that it keeps count as fixed.
        """
        return self.objective, linear_first_order(self.objective, inverse or self.inverse, rows)

    def _refits(self, rows, alone, part):
        made = refit_rows(
            self.optimum,
            self.optimum_inverse,
            rows[~alone],
            solver=AutoSolver.for_newton_steps(),
            n_jobs=self.n_jobs,
            verbose=self.verbose,
            part=part,
        )
        return made.among(~alone) if alone.any() else made

    @cached_property
    def last_of_class(self):
        """Rows without which a class is gone, and with it the model that is explained, (n,)."""
        return last_of_class(self.objective)

    def warn_of_last(self, method, rows):
        """Tell of rows whose removal has no answer, if `method` is one that looks for it."""
        alone = rows[self.last_of_class[rows]] if method != "first_order" else rows[:0]
        if len(alone):
            warnings.warn(
                f"Training row(s) {self.objective.shown_rows(alone)} are the only one of their "
                "class: a refit without it would be another model. The effects of their removal "
                'are NaN; method="first_order" describes the model as it is and stays finite.',
                RuntimeWarning,
                stacklevel=user_stacklevel(),
            )

    @property
    def leave_one_out_method(self):
        """How rows are left out in closed form: the Newton step, which hinges do not have."""
        return "refit" if self.objective.stands_in else "newton_step"

    def own_changes(self, method, rows):
        """(reference objective, changes of each removed row's own raw predictions (n, K))."""
        self.warn_of_last(method, rows)
        if method == "refit":
            step = self.refit_width()
            n = len(rows)
            parts = [self._own_refits(rows[a : a + step], (a, n)) for a in range(0, n, step)]
            return self.optimum, np.concatenate(parts)
        K = 1 if method == "first_order" else self.objective.n_outputs
        inverse = self.inverse_for(method, K * len(rows))
        with inverse.question():
            objective, changes = self.changes(method, rows, inverse)
            return objective, changes.own_raw_prediction_changes()

    def _own_refits(self, rows, part):
        objective, changes = self.changes("refit", rows, part=part)
        return objective.predictor.take(rows).row_changes(changes.coef_changes())

    def refit_width(self):
        """Refits whose coefficients are held at a time."""
        return block_size(16 * self.objective.n_parameters)


def _invert(factorize, hessian, fitted_model, verbose):
    inverse = factorize(hessian)
    inverse.verbose = verbose
    warn_of_null_directions(fitted_model, inverse.report, exact=inverse.hessian.exact)
    return inverse


def top_k(blocks, n_test, n_rows, k, order):
    """Row numbers and values of the k strongest influences of each test row, block by block.

    The whole matrix never exists. The third result is the sum of absolute influences of each test
    row, over all rows; see :class:`skinfluence.kernels.TopK`.
    """
    ranking = TopK(n_test, k, order, n_scores=n_test * n_rows)
    with closing(blocks):  # and its progress bar, whatever happens
        for tests, some, block in blocks:
            ranking.add(tests, some.start, block)
    return ranking.result()
