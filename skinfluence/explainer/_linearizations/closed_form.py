"""Counterpart of Linearization for models in closed form: removals without a Hessian."""

from contextlib import nullcontext
from functools import cached_property

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skinfluence._utils.warnings import warn_user
from skinfluence.effects import EFFECTS, Changes, RowEdits
from skinfluence.linalg import row_blocks, written

#: Settings of the explainer that are about Hessians or penalties, at their defaults.
DEFAULTS = {
    "solver": "auto",
    "damping": 0.0,
    "curvature": "hessian",
    "penalty_scaling": "estimator",
}
#: Edits whose fitted estimators are held at a time.
REFITS = 256
#: Removed rows whose own changes are taken from one square block.
OWN_ROWS = 64


def check_closed_form(explainer, model):
    """Raise for settings that a model in closed form does not have, and for rows of another."""
    name = type(model.estimator).__name__
    for setting, default in DEFAULTS.items():
        value = getattr(explainer, setting)
        if not (isinstance(value, type(default)) and value == default):
            raise ValueError(
                f"{setting}={value!r} means nothing for {name}, which is computed from its rows in "
                f"closed form and has no Hessian. Leave it at {default!r}."
            )
    model.method_for(explainer.method)
    model.check_rows()


def needs_objective(explainer, what):
    """Raise unless an explainer is fitted; TypeError where its model is in closed form."""
    check_is_fitted(explainer)
    model = explainer.objective_
    if model.closed_form:
        raise TypeError(
            f"{what} needs an objective with a Hessian, and {type(model.estimator).__name__} is "
            "computed from its rows in closed form. Its influence, top_influences, explain, "
            "self_influence, leave_one_out_raw_predictions and group_influence are known."
        )


class NoInverse:
    """Stand-in for an inverse Hessian, if none is needed."""

    factorized = True

    def session(self, *, quiet=False):
        """A context in which nothing is collected."""
        return nullcontext()

    def in_session(self, steps):
        """The steps, unchanged."""
        return steps


class ClosedFormLinearization:
    """Changes of a model in closed form by removals of its rows.

    Parameters
    ----------
    fitted_model : FittedModel
        With a ClosedFormModel for its objective.
    n_jobs : int or None
    verbose : int
    """

    leave_one_out_method = "refit"
    curvature = "hessian"

    def __init__(self, fitted_model, n_jobs, verbose):
        self.fitted_model = fitted_model
        self.objective = self.optimum = fitted_model.objective
        self.inverse = NoInverse()
        self.n_jobs, self.verbose = n_jobs, verbose
        self.last_of_class = self.objective.last_of_class()

    def edit_inverse(self, method, target, edits, n_right_hand_sides):
        """Nothing that inverts."""
        return self.inverse

    def changes(self, method, edits, inverse=None, **settings):
        """(the model, its changes by removals); NaN where a class is gone, but for first order."""
        self.objective.method_for(method)
        return self.objective, ClosedFormChanges(self.objective, edits, EFFECTS[method])

    def warn_of_last(self, method, rows):
        """Warn of rows whose removal leaves no model, if `method` needs one."""
        alone = rows[self.last_of_class[rows]] if EFFECTS[method].edited_model else rows[:0]
        if len(alone):
            name = type(self.objective.estimator).__name__
            warn_user(
                f"{name} cannot be fitted again without training "
                f"row(s) {self.objective.shown_rows(alone)}: one is the only row of a class, or "
                "leaves too few for a covariance. The effects of their removal are NaN.",
                RuntimeWarning,
            )

    def own_changes(self, method, rows):
        """(the model, changes of each removed row's own raw predictions (n, K))."""
        self.warn_of_last(method, rows)
        objective, changes = self.changes(method, RowEdits.removals(rows))
        return objective, changes.own_raw_prediction_changes()

    def refit_width(self):
        """Edits that are taken together."""
        return REFITS if self.objective.by_refits else self.objective.n_rows


class ClosedFormChanges(Changes):
    """Changes of raw predictions by removals, without coefficients.

    Parameters
    ----------
    model : ClosedFormModel
    edits : RowEdits
        That remove rows.
    effect : Effect
    """

    raw_only = True

    def __init__(self, model, edits, effect):
        if edits.new is not None or edits.factor.any():
            raise TypeError(
                f"{type(model.estimator).__name__} is computed from its rows in closed form: "
                "removals of rows are known, not changes of their weights, features or labels."
            )
        self.model, self.edits, self.linear = model, edits, effect.linear
        self.n_changes = edits.n_edits
        self._refits = {}
        self._lost = np.zeros(self.n_changes, dtype=bool)
        if effect.edited_model:
            alone = model.last_of_class()
            if edits.single_rows is not None:
                self._lost[:] = alone[edits.single_rows]
                return
            for b, rows in enumerate(self.groups):
                one = len(rows) == 1
                self._lost[b] = alone[rows[0]] if one else model.class_is_lost(rows)

    @cached_property
    def groups(self):
        """The rows that each edit removes."""
        return [rows for rows, _ in self.edits.parts()] if self.n_changes else []

    def coef_changes(self):
        raise TypeError("A model in closed form has no coefficients whose change is known.")

    def products(self, V):
        return self.coef_changes()

    def are_nan(self):
        refits = not self.linear and self.edits.single_rows is None
        return self._lost | [refits and self._refit(b) is None for b in range(self.n_changes)]

    def contract(self, predictor, slopes=None):
        X, edits = predictor.X, self.edits
        rows = edits.single_rows
        if self.linear and slopes is not None and rows is not None and not self.model.by_refits:
            at_once = self.model.contracted_reader(X, slopes)
            if at_once is not None:
                return self._contracted_at_once(at_once, rows)
        if self.model.by_refits or (rows is None and not self.linear):
            make = self._refitted(X)
        elif rows is None:
            make = self._sums(self.model.reader(X, linear=self.linear), X)
        else:
            read = self.model.reader(X, linear=self.linear)
            make = lambda some: read(rows[some])  # noqa: E731

        def contracted(some, out=None):
            made = make(some)
            lost = self._lost[some]
            if lost.any():
                made[:, lost] = np.nan
            if slopes is not None:
                return np.einsum("tk,tnk->tn", slopes, made, out=out)
            return written(made, out)

        return contracted

    def _contracted_at_once(self, at_once, rows):
        def contracted(some, out=None):
            out = at_once(rows[some], out)
            out[:, self._lost[some]] = np.nan
            return out

        return contracted

    def _sums(self, read, X):
        """Sums of the derivatives of the rows of each group."""
        n_test, K = X.shape[0], self.model.n_outputs

        def make(some):
            out = np.zeros((n_test, some.stop - some.start, K))
            for j, rows in enumerate(self.groups[some]):
                for part in row_blocks(len(rows), 8 * n_test * K):
                    out[:, j] += read(rows[part]).sum(axis=1)
            return out

        return make

    def _refitted(self, X):
        """Differences of the raw predictions of estimators that are fitted again."""
        before = self.model.raw(X)

        def make(some):
            out = np.full((X.shape[0], some.stop - some.start, self.model.n_outputs), np.nan)
            known = {}  # several removals may share a refit
            for j, b in enumerate(range(some.start, some.stop)):
                again = None if self._lost[b] else self._refit(b)
                if again is None:
                    continue
                if id(again) not in known:
                    known[id(again)] = self.model.estimator_raw(again, X) - before
                out[:, j] = known[id(again)]
            return out

        return make

    def _refit(self, b):
        if b not in self._refits:
            empty = len(self.groups[b]) == 0
            self._refits[b] = self.model.estimator if empty else self.model.without(self.groups[b])
        return self._refits[b]

    def own_raw_prediction_changes(self):
        rows = self.edits.single_rows
        out = np.empty((len(rows), self.model.n_outputs))
        for start in range(0, len(rows), OWN_ROWS):
            some = slice(start, min(start + OWN_ROWS, len(rows)))
            own = self.contract(self.model.predictor.take(rows[some]))(some)
            out[some] = own[np.arange(len(own)), np.arange(len(own))]
        return out
