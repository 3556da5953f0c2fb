"""Influences in blocks: the one loop behind influence, top_influences and explain."""

from collections import deque
from functools import cached_property, partial

import numpy as np

from skinfluence._utils.progress import progress
from skinfluence._utils.warnings import warn_user
from skinfluence.effects import EFFECTS, CombinedChanges, RowEdits
from skinfluence.effects._classes import last_of_class, leaves_no_model
from skinfluence.effects._first_order import linear_first_order
from skinfluence.explainer._health import warn_of_null_directions
from skinfluence.explainer._selection import warn_of_selection
from skinfluence.explainer._targets import changed_blocks
from skinfluence.linalg import block_size, slices
from skinfluence.objectives import check_curvature, is_second_derivative
from skinfluence.objectives._newton import to_optimum
from skinfluence.solvers import AutoSolver
from skinfluence.solvers._base import Cached
from skinfluence.solvers._direct.truncated import TruncatedSolver

#: Which influences come first: the largest absolute, the largest, the smallest.
ORDERS = ("magnitude", "helpful", "harmful")


def influence_blocks(linearization, tests, method, rows, out=None):
    """Iterate over (slice of test rows, slice of `rows`, influences) until all pairs are covered.

    For a joint target, which has one number for all test rows, the first slice is slice(0, 1).

    Parameters
    ----------
    linearization : Linearization
    tests : TestRows
    method : str
        "first_order", "newton_step" or "refit".
    rows : ndarray of int
        Training rows to explain.
    out : ndarray of shape (n_test, n_rows), default=None
        Where the influences are written, block by block; they are yielded as views of it.
    """
    linearization.warn_of_last(method, rows)
    blocks = edit_blocks(linearization, tests, method, RowEdits.removals(rows), out)
    if EFFECTS[method].converges:  # which shows its own progress, and takes all of the time
        return blocks
    return progress(
        blocks,
        total=tests.n_values * len(rows),
        what="influences",
        unit="pairs",
        verbose=linearization.verbose,
        size=lambda block: block[2].size,
    )


def influences(linearization, tests, method, rows):
    """Influences of some training rows on all test rows, (n_values, n_rows)."""
    out = np.empty((tests.n_values, len(rows)), linearization.objective.predictor.dtype)
    blocks = influence_blocks(linearization, tests, method, rows, out)
    deque(blocks, maxlen=0)  # runs them; each is written in place
    return out


def edit_blocks(linearization, tests, method, edits, out=None):
    """Iterate over (slice of test rows, slice of edits, effects) until all pairs are covered.

    Parameters
    ----------
    linearization : Linearization
    tests : TestRows
    method : str
        Name of an effect.
    edits : RowEdits
        Of single rows.
    out : ndarray of shape (n_test, n_edits) or None
        Where the effects are written; without it each block has an array of its own.
    """
    if EFFECTS[method].converges:
        yield from _all_blocks(linearization, tests, method, edits, out)
        return
    # one right-hand side a test row; for the Newton step one an output, and leverages
    n_test, K = tests.n_values, linearization.objective.n_outputs
    many = n_test if EFFECTS[method].linear else K * (n_test + edits.n_edits)
    inverse = linearization.edit_inverse(method, tests.target, edits, many)
    yield from inverse.in_session(_all_blocks(linearization, tests, method, edits, out, inverse))


def _all_blocks(linearization, tests, method, edits, out, inverse=None):
    n, effect = edits.n_edits, EFFECTS[method]
    step, replaced = max(1, n), edits.new is not None
    stored = effect.converges or ((tests.target.joint or replaced) and not effect.linear)
    if stored or linearization.objective.cut is not None:
        step = min(step, linearization.refit_width())
    for start in range(0, n, step):
        chunk = slice(start, min(start + step, n))
        part = (start, n)
        objective, changes = linearization.changes(method, edits.take(chunk), inverse, part=part)
        wanted = None if out is None else out[:, chunk]
        blocks = changed_blocks(tests, objective, changes, linear=effect.linear, out=wanted)
        for rows, some, values in blocks:
            yield rows, slice(start + some.start, start + some.stop), values


class Linearization:
    """An objective with its inverse Hessian, and the optimum that refits start from.

    Everything is made at first use and kept: one factorisation serves all calls.

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
        # what was dropped stays dropped, whatever the solver
        self.solver = solver if self.objective.cut is None else TruncatedSolver()
        self.damping = damping
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.curvature = curvature
        usable = damping == 0 and is_second_derivative(self.objective, curvature)
        self._polished = polished if usable and isinstance(self.solver, AutoSolver) else None
        self.lengths = {}  # of changes, see change_lengths

    @property
    def inverse(self):
        """Inverse of the (damped) Hessian, or of the Fisher matrix that `curvature` names.

        Warns of null directions when it is made.
        """
        return self._main()

    @property
    def has_hessian(self):
        """Whether `inverse` is that of the second derivative itself, and of no Fisher matrix."""
        return self.inverse.hessian.exact

    @property
    def factorizes_hessian(self):
        """Whether Newton steps take no iterations: the second derivative itself is factorised."""
        return self.inverse.factorized and self.has_hessian

    @cached_property
    def _main(self):
        made = self._factorize, self._hessian, self.fitted_model, self.verbose
        return Cached(partial(_invert, *made))

    @property
    def _factorize(self):
        """Function from the Hessian to its inverse."""
        return self.solver.factorize if self._polished is None else self._polished.moved_to

    @cached_property
    def hessian_inverse(self):
        """Inverse of the (damped) Hessian itself, for leverages and Newton steps."""
        if is_second_derivative(self.objective, self.curvature):
            return self.inverse
        hessian = self._make_hessian("hessian")
        return _invert(self.solver.factorize, hessian, self.fitted_model, self.verbose)

    @cached_property
    def _hessian(self):
        """The matrix that `inverse` inverts; one for all solvers, whose rows are formed once."""
        return self._make_hessian(self.curvature)

    def _make_hessian(self, curvature):
        hessian = self.objective.hessian(self.damping, curvature=curvature)
        hessian.verbose = self.verbose
        return hessian

    @cached_property
    def optimum(self):
        """The objective at its optimum, for comparison with refitted models."""
        return to_optimum(self.objective, AutoSolver.for_newton_steps(), verbose=self.verbose)

    @cached_property
    def optimum_inverse(self):
        """Inverse of the undamped Hessian at the optimum; None for hinges, which have none."""
        if self.objective.stands_in:
            return None
        at_optimum = self.optimum is self.objective and self.damping == 0
        if at_optimum and self.inverse.factorized and self.inverse.hessian.exact:
            return self.inverse
        return AutoSolver().factorize(self.optimum.hessian())

    def inverse_for(self, method, n_right_hand_sides):
        """Inverse for a number of right-hand sides.

        It is `inverse` (for Newton steps and leverages `hessian_inverse`), except where the solver
        has a better one for so many right-hand sides: "auto" iterates few of first order while
        nothing is factorised, and factorises for many whatever it takes elsewhere.
        """
        if not EFFECTS[method].second_derivative:
            at_hand = self._main.made is not None or self._polished is not None
            if at_hand and self.inverse.factorized:
                return self.inverse
        elif self.hessian_inverse.factorized or self.hessian_inverse is not self.inverse:
            return self.hessian_inverse
        return self._inverse_choice(n_right_hand_sides)

    @cached_property
    def _inverse_choice(self):
        return self.solver.choose_inverse(self._hessian, self._main)

    def edit_inverse(self, method, target, edits, n_right_hand_sides):
        """:meth:`inverse_for` effects of edits on a target of the test rows."""
        return self.inverse_for(method, n_right_hand_sides)

    def changes(self, method, edits, inverse=None, **settings):
        """(reference objective, changes of the coefficients) for edits of the training rows.

        NaN for edits that leave no model, such as the removal of the last row of a class, except
        for effects that describe the model as it is; nothing is warned of.

        Parameters
        ----------
        method : str
            Name of the effect.
        edits : RowEdits
        inverse : InverseHessian, default=None
            In place of this linearisation's own.
        **settings
            Of effects that take them: `n_jobs` and `verbose`, which are the explainer's by default,
            `width`, `part` and `tolerance` (see :func:`~skinfluence.effects.refit`).
        """
        effect, objective = EFFECTS[method], self.objective
        if effect.converges:
            objective, inverse = self.optimum, self.optimum_inverse
        elif inverse is None:
            inverse = self.hessian_inverse if effect.second_derivative else self.inverse
        settings = {"n_jobs": self.n_jobs, "verbose": self.verbose, **settings}
        settings = {name: settings[name] for name in effect.settings if name in settings}
        lost = np.zeros(edits.n_edits, dtype=bool)
        if effect.edited_model:
            lost = leaves_no_model(objective, edits)
        if lost.any() and (effect.converges or edits.new is not None):
            kept = np.flatnonzero(~lost)
            made = effect.changes(objective, inverse, edits.take(kept), **settings)
            return objective, CombinedChanges([(kept, made)], edits.n_edits)
        changes = effect.changes(objective, inverse, edits, **settings)
        if lost.any():
            changes.set_nan(lost)
        return objective, changes

    def linear_changes(self, rows, inverse=None):
        """First-order changes as products with the inverse, for selection.

        Where LinearRegression drops singular values, the directions that it keeps are held fixed.
        """
        edits = RowEdits.removals(rows)
        return self.objective, linear_first_order(self.objective, inverse or self.inverse, edits)

    @cached_property
    def last_of_class(self):
        """Rows that are the last of their class, (n,)."""
        return last_of_class(self.objective)

    def warn_of_last(self, method, rows):
        """Warn of rows whose removal leaves no model, if `method` needs one."""
        alone = rows[self.last_of_class[rows]] if EFFECTS[method].edited_model else rows[:0]
        if len(alone):
            warn_user(
                f"Training row(s) {self.objective.shown_rows(alone)} are the only one of their "
                "class: a refit without it would be another model. The effects of their removal "
                'are NaN; method="first_order" describes the fitted model and stays finite.',
                RuntimeWarning,
            )
        warn_of_selection(self, method, rows)

    @property
    def leave_one_out_method(self):
        """Method of leave-one-out in closed form: the Newton step, except for hinges."""
        return "refit" if self.objective.stands_in else "newton_step"

    def own_changes(self, method, rows, tolerance=None):
        """(reference objective, changes of each removed row's own raw predictions (n, K)).

        Refits stop at a `tolerance`; None for converged ones.
        """
        self.warn_of_last(method, rows)
        edits = RowEdits.removals(rows)
        if EFFECTS[method].converges:
            n, parts, optimum = len(rows), [], self.optimum
            for some in slices(n, self.refit_width()):
                settings = {"part": (some.start, n), "tolerance": tolerance}
                coef = self.changes(method, edits.take(some), **settings)[1].coef_changes()
                parts.append(optimum.predictor.take(rows[some]).row_changes(coef))
            return optimum, np.concatenate(parts)
        K = 1 if EFFECTS[method].linear else self.objective.n_outputs
        inverse = self.inverse_for(method, K * len(rows))
        with inverse.session():
            objective, changes = self.changes(method, edits, inverse)
            return objective, changes.own_raw_prediction_changes()

    def refit_width(self):
        """Refits whose coefficients are stored at a time."""
        return block_size(16 * self.objective.predictor.n_stored)


def _invert(factorize, hessian, fitted_model, verbose):
    inverse = factorize(hessian)
    inverse.verbose = verbose
    warn_of_null_directions(fitted_model, inverse.report, exact=inverse.hessian.exact)
    return inverse
