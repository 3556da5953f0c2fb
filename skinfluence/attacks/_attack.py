"""The attack: steps of steepest ascent on a few training rows, each followed by a refit."""

import copy

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import _num_samples

from skinfluence._utils.checks import check_choice, check_number, check_whole
from skinfluence._utils.docs import shared_parameters
from skinfluence._utils.frames import row_labels
from skinfluence._utils.progress import progress
from skinfluence.attacks._goals import gains_of_rows, goal_of
from skinfluence.attacks._result import AttackResult, AttackResults
from skinfluence.attacks._table import NumericTable
from skinfluence.attacks._valid_rows import valid_rows
from skinfluence.explainer import ChangedRows, check_explainer, refit_estimator, warn_of_stand_in


class TrainingSetAttack(BaseEstimator):
    """Search for small changes of a few training rows that flip predictions.

    An audit of robustness. Each step moves the features of the chosen training rows along the
    derivative of the predictions through the refit
    (:func:`~skinfluence.perturbation.perturbation_influence`), projects them to valid values, and
    refits the model. Labels stay. The attack ends when all predictions have flipped, which a fit of
    the estimator itself confirms.

    Parameters
    ----------
    n_rows : int, default=1
        Training rows that are changed where `run` is given none: those whose change raises the loss
        most, to first order.
    features : array-like of str or int, or bool mask, default=None
        Columns that may change; all columns of numbers by default. The others are fixed.
    max_change : float, default=0.5
        Radius of the ball around each row, in units of `unit`.
    norm : {"max", "l2", "l1"}, default="max"
        "max" bounds the change of every column; steps then go by the sign of the derivative, as in
        Koh & Liang. "l2" bounds the Euclidean length of the change of a row, and "l1" the sum over
        its columns: few columns change, one at each step.
    unit : "std", float or array-like, default="std"
        Length one in each column: its standard deviation over the training rows, so that constant
        columns are fixed, or a number; 1.0 means the columns' own units.
    bounds : "observed", None or (low, high), default="observed"
        Valid values: between the least and the largest of the training rows; all; or between `low`
        and `high`, each None, a number or one number for each column.
    integer : "auto", bool or mask, default="auto"
        Columns that change by whole numbers; "auto": those of an integer type.
    step : float, default=None
        Length of a step in units of `unit`; a tenth of `max_change` by default. A step of "l1" is
        at least one in columns of whole numbers.
    max_iter : int, default=50
        Largest number of steps.

    See Also
    --------
    vulnerability : How exposed predictions are, without an attack.
    skinfluence.groups.smallest_flipping_set : Removal instead of change.
    skinfluence.perturbation.relabel_influence : Other labels.

    Notes
    -----
    The steps of a pipeline are held fixed during the search; the fit that confirms a flip is one of
    all steps. Where it does not confirm it, the attack goes on.

    References
    ----------
    Koh & Liang (2017), section 5.2.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skinfluence import InfluenceExplainer
    >>> from skinfluence.attacks import TrainingSetAttack
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> model = make_pipeline(StandardScaler(), LogisticRegression())
    >>> explainer = InfluenceExplainer(model).fit(X[:400], y[:400])
    >>> result = TrainingSetAttack(n_rows=2).run(explainer, X[541:542])
    >>> print(result.predictions, "becomes", result.new_predictions)
    [0] becomes [1]
    """

    def __init__(
        self,
        n_rows=1,
        *,
        features=None,
        max_change=0.5,
        norm="max",
        unit="std",
        bounds="observed",
        integer="auto",
        step=None,
        max_iter=50,
    ):
        self.n_rows = n_rows
        self.features = features
        self.max_change = max_change
        self.norm = norm
        self.unit = unit
        self.bounds = bounds
        self.integer = integer
        self.step = step
        self.max_iter = max_iter

    @shared_parameters
    def run(self, explainer, X_test, *, rows=None, threshold=None):
        """Attack all test rows at once, until each has flipped.

        Their mean log loss at the predicted labels is raised. For classifiers of another loss the
        lead over the nearest other class is lowered; predicted values go to the threshold.

        Parameters
        ----------
        rows : array-like of int, of names, or bool mask, default=None
            Training rows that are changed; None chooses `n_rows`.
        threshold : float, default=None
            For regressors, which need one: the predicted values have to cross it.

        Returns
        -------
        AttackResult
            Of the step with most flipped predictions.

        Raises
        ------
        UnsupportedStepError
            For a pipeline step without a derivative; names the columns to leave out.
        ValueError
            For invalid settings, or if no valid change of any column exists.
        """
        return PreparedAttack(explainer, self).run(X_test, rows, threshold)

    @shared_parameters
    def run_each(self, explainer, X_test, *, rows=None, threshold=None):
        """Attack each test row alone, each time from the original training rows.

        Parameters
        ----------
        rows : array-like of int, of names, or bool mask, default=None
            Training rows that are changed; None chooses `n_rows` for each test row.
        threshold : float, default=None
            As for :meth:`run`.

        Returns
        -------
        list of AttackResult
            One for each test row; prints as one table.
        """
        prepared = PreparedAttack(explainer, self)
        goal_of(explainer, X_test, threshold)  # raises for all rows at once
        n = _num_samples(X_test)
        each = (_safe_indexing(X_test, [t]) for t in range(n))
        found = (prepared.run(X, rows, threshold) for X in each)
        shown = progress(
            found, total=n, what="attacks", unit="test rows", verbose=explainer.verbose
        )
        return AttackResults(shown, row_labels(X_test))


class PreparedAttack:
    """An attack on one explained model: its table with the valid values, and the loop."""

    def __init__(self, explainer, attack):
        check_explainer(explainer)
        _check_settings(attack, explainer.objective_.n_rows)
        warn_of_stand_in(explainer, "Attacks")
        explainer = copy.copy(explainer)
        explainer.method = "first_order"  # warned of once
        self.explainer, self.attack = explainer, attack
        names = ("bounds", "integer", "unit", "norm", "max_change", "step")
        settings = {name: getattr(attack, name) for name in names}
        table = NumericTable(explainer.X_train_, attack.features)
        valid = valid_rows(table, **settings)
        movable = valid.can_move()
        if not movable.any():
            raise ValueError(
                f"No column can change within max_change={attack.max_change:g}: all are constant, "
                "or columns of whole numbers that would have to change by less than one. Expected "
                "a larger max_change, or unit=1.0 for changes in the columns' own units."
            )
        self.table, self.valid = table.only(movable), valid.only(movable)

    def rows_for(self, goal):
        """The training rows whose change raises the sum over the test rows most."""
        gains = gains_of_rows(self.explainer, goal, self.table, self.valid, together=True)[0]
        return np.argsort(-gains, kind="stable")[: self.attack.n_rows]

    def run(self, X_test, rows, threshold):
        """AttackResult for the test rows together."""
        explainer = self.explainer
        goal = goal_of(explainer, X_test, threshold)
        rows = self.rows_for(goal) if rows is None else explainer.training_rows_.positions(rows)
        if not len(rows) or len(np.unique(rows)) != len(rows):
            raise ValueError(f"rows={rows}. Expected at least one training row, each once.")
        search = _Search(self, goal, rows)
        search.run()
        return search.result()


class _Search:
    """One attack: the rows' values, and the best of them so far.

    Attributes
    ----------
    best : tuple
        ((flipped predictions, what has to rise), values, predictions of the refit, steps).
    own : ndarray of shape (n_test,) or None
        Predictions of the estimator fitted to the best values, where they were asked for.
    """

    def __init__(self, prepared, goal, rows):
        self.explainer, self.goal, self.rows = prepared.explainer, goal, rows
        self.max_iter = prepared.attack.max_iter
        self.table, self.valid = prepared.table, prepared.valid
        self.moving = self.table.moving(rows, self.valid.whole)
        self.model = ChangedRows(self.explainer, rows)
        self.original = self.table.values(rows)
        self.n_steps = 0
        self.best = (0, -np.inf), self.original, goal.predictions, 0
        self.own = goal.predictions

    def run(self):
        """Step until all predictions have flipped, nothing moves, or `max_iter` is reached."""
        latent = used = self.original
        current, check_at = self._refit(used), 0
        every = tests = np.arange(len(self.goal.predictions))
        while current is not None and self.n_steps < self.max_iter:
            slopes = self.goal.slopes(current, self.rows, self.table.columns, tests).sum(axis=0)
            before = used
            while np.array_equal(used, before, equal_nan=True):
                stepped = self.valid.stepped(self.original, latent, slopes)
                if np.array_equal(stepped, latent, equal_nan=True):
                    return  # at the end of what is valid
                if self.n_steps == self.max_iter:
                    return
                self.n_steps += 1
                latent = stepped
                used = self.valid.on_grid(self.original, latent)
            current = self._refit(used)
            if current is None:
                return
            predictions = self.goal.new_predictions(current)
            flipped = self.goal.flipped(predictions)
            reached = (int(flipped.sum()), self.goal.height(current))
            due = flipped.all() and self.n_steps >= check_at
            if reached > self.best[0] or due:
                self.best = reached, used, predictions, self.n_steps
                self.own = None
            if due:
                self.own = self._own_predictions(used)
                if self.own is None or self.goal.flipped(self.own).all():
                    return
                check_at = 2 * self.n_steps
            tests = every if flipped.all() else np.flatnonzero(~flipped)

    def _refit(self, values):
        return self.model.explain(*self.moving.write(values))

    def _own_predictions(self, values):
        """Predictions of the estimator fitted to the changed table; None if it cannot be fitted."""
        fitted = refit_estimator(self.explainer, self.moving.write(values)[0])
        return None if fitted is None else np.asarray(fitted.predict(self.goal.X_test)).ravel()

    def result(self):
        """AttackResult of the best step."""
        _, values, predictions, at_step = self.best
        own = self._own_predictions(values) if self.own is None else self.own
        own = predictions if own is None else own
        return AttackResult(
            rows=self.rows,
            row_names=self.explainer.training_rows_.names(self.rows),
            X_original=_safe_indexing(self.table.X, self.rows),
            X_changed=self.moving.write(values)[1],
            change=values - self.original,
            column_names=self.table.names,
            unit=self.valid.unit,
            predictions=self.goal.predictions,
            new_predictions=own,
            flipped=self.goal.flipped(predictions),
            confirmed=self.goal.flipped(own),
            n_steps=at_step or self.n_steps,
            _original=self.original,
            _backend=self.table.backend,
        )


def _check_settings(attack, n_train):
    check_whole("n_rows", attack.n_rows)
    check_choice("norm", attack.norm, ("max", "l2", "l1"))
    check_number("max_change", attack.max_change, above=0.0)
    check_whole("max_iter", attack.max_iter)
    if attack.step is not None:
        check_number("step", attack.step, above=0.0)
    if attack.n_rows > n_train:
        raise ValueError(f"n_rows={attack.n_rows}, but there are {n_train} training rows.")
