"""Prediction intervals and sets from the models without each row, in closed form."""

from dataclasses import replace
from typing import ClassVar

import numpy as np
from sklearn.base import ClassifierMixin, RegressorMixin, is_classifier, is_regressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import check_cv
from sklearn.utils import column_or_1d
from sklearn.utils.validation import _num_samples, check_is_fitted

from skinfluence._utils.checks import check_choice, check_number
from skinfluence.effects import RowEdits
from skinfluence.explainer import (
    EstimatorDelegation,
    InfluenceExplainer,
    warn_of_steps_that_see_labels,
)
from skinfluence.linalg import block_size, slices

METHODS = ("auto", "newton_step", "refit")

#: What the docstrings of the two have in common; the words that differ are filled in.
DOCSTRING = """Prediction {what} by jackknife+, from one fit.

    {guarantee}

    The models without each row come from the leverage identity instead of n refits: exact for
    squared error, one Newton step otherwise. Earlier steps of a pipeline stay as they were fitted
    to all rows.

    Parameters
    ----------
    estimator : estimator, default=None
        A {kind} that :class:`~skinfluence.InfluenceExplainer` supports; None stands for
        ``{default}()``.
    alpha : float, default=0.1
        Share of new rows, in (0, 1), that the {what} may miss.
    cv : int, splitter or None, default=None
        None leaves out one row at a time. Otherwise CV+: whole folds are left out, as scikit-learn
        splits them.
    method : {{"auto", "newton_step", "refit"}}, default="auto"
        How rows are left out. "auto": the Newton step for single rows, for folds only where it is
        exact, otherwise the refit.

    Attributes
    ----------
    estimator_ : estimator
        Fitted to all rows.
    explainer_ : InfluenceExplainer
        Of that estimator.
    conformity_scores_ : ndarray of shape (n_train,)
        {scores}
    n_features_in_ : int
    {classes}
    References
    ----------
    R. F. Barber, E. J. Candes, A. Ramdas and R. J. Tibshirani, "Predictive inference with the
    jackknife+", Annals of Statistics 49, 2021.{reference}

    Examples
    --------
    {example}
    """


class _JackknifePlus(EstimatorDelegation):
    _default: ClassVar[type]

    def __init__(self, estimator=None, *, alpha=0.1, cv=None, method="auto"):
        self.estimator = estimator
        self.alpha = alpha
        self.cv = cv
        self.method = method

    def _default_estimator(self):
        return self._default() if self.estimator is None else self.estimator

    def _check_objective(self, objective):
        """Raise where the model does not give what the scores are made of."""

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags = replace(tags.target_tags, multi_output=False)
        return tags

    def fit(self, X, y, sample_weight=None):
        """Fit the estimator, and compute what each row is predicted without it.

        Parameters
        ----------
        X : {array-like, sparse matrix, data frame} of shape (n_train, n_features)
            Training rows.
        y : array-like of shape (n_train,)
            Their labels or values.
        sample_weight : array-like of shape (n_train,), default=None
            Weights of the rows in the fit; rows of weight zero do not count for coverage.

        Returns
        -------
        self : object
            Fitted.
        """
        check_choice("method", self.method, METHODS)
        check_number("alpha", self.alpha, above=0.0, below=1.0)
        self._check_kind(self._default_estimator())
        if _num_samples(X) < 2:
            raise ValueError("n_samples=1; expected at least two rows, to leave one out.")
        if len(getattr(y, "shape", ())) == 2:
            y = column_or_1d(y, warn=True)
        explainer = InfluenceExplainer(self._default_estimator(), verbose=0)
        self._changes = None  # made by the first prediction, for all of them
        self.explainer_ = explainer.fit(X, y, sample_weight=sample_weight)
        self.estimator_ = explainer.estimator_
        warn_of_steps_that_see_labels(explainer)
        objective = explainer.objective_
        self._check_objective(objective)
        there = np.flatnonzero(
            (objective.sample_weight > 0).reshape(objective.n_rows, -1).any(axis=1)
        )
        if self.cv is None:
            self._folds = there[:, None]
        else:
            labels = np.asarray(explainer.y_train_)
            splits = check_cv(self.cv, labels, classifier=is_classifier(self.estimator_))
            folds = [test for _, test in splits.split(np.empty((len(labels), 1)), labels)]
            self._folds = [np.intersect1d(test, there) for test in folds]
            if len(np.unique(np.concatenate(self._folds))) != sum(map(len, self._folds)):
                raise ValueError(
                    f"cv={self.cv!r} tests a row more than once. Expected folds that share no row."
                )
        self._rows = np.concatenate(list(self._folds))
        self.conformity_scores_ = self._conformity(objective, self._own_raw())
        return self

    def _own_raw(self):
        """Raw prediction of each calibration row by the model without it."""
        if self.cv is None:
            linearization = self.explainer_.linearization_
            reference, moved = linearization.own_changes(self._resolved(), self._rows)
            return reference.raw_prediction[self._rows] + moved
        parts = []
        for reference, changes, folds in self._left_out():
            for place, fold in enumerate(folds):
                part = reference.predictor.take(fold)
                parts.append(part.raw() + changes.raw_prediction_changes(part)[:, place])
        return np.concatenate(parts)

    def _resolved(self):
        """The method by which rows are left out."""
        if self.method != "auto":
            return self.method
        objective = self.explainer_.objective_
        if objective.closed_form:
            return "refit"
        if self.cv is not None and (not objective.quadratic or objective.selects):
            return "refit"
        return self.explainer_.linearization_.leave_one_out_method

    def _left_out(self):
        """Iterate over (reference, changes without each fold, the folds), some at a time."""
        linearization, method = self.explainer_.linearization_, self._resolved()
        width = block_size(32 * self.explainer_.objective_.n_parameters)
        for some in slices(len(self._folds), width):
            folds = self._folds[some]
            edits = RowEdits.removals(folds[:, 0]) if self.cv is None else RowEdits.groups(folds)
            yield (*linearization.changes(method, edits), folds)

    def _left_out_raw(self, X):
        """Iterate over (test rows, raw predictions of the model without each calibration row).

        The second has shape (n_some, n_calibration, K), with the calibration rows in the order of
        the conformity scores.
        """
        check_is_fitted(self)
        predictor = self.explainer_.test_rows(X, **self._target).predictor
        if self._changes is None:
            self._changes = list(self._left_out())
        sizes = np.array([len(fold) for fold in self._folds])
        K = self.explainer_.objective_.n_outputs
        for rows in slices(predictor.n_rows, block_size(48 * len(self._rows) * K)):
            part, raws = predictor.take(rows), []
            for reference, changes, _ in self._changes:
                at = part.at(reference.predictor)
                raws.append(at.raw()[:, None] + changes.raw_prediction_changes(at))
            raw = np.concatenate(raws, axis=1)
            yield rows, raw if self.cv is None else np.repeat(raw, sizes, axis=1)


class JackknifePlusRegressor(RegressorMixin, _JackknifePlus):
    __doc__ = DOCSTRING.format(
        what="intervals",
        guarantee="Intervals hold the value of a new row with probability at least 1 - 2 alpha, "
        "whatever the model\n    and the distribution, and usually close to 1 - alpha.",
        kind="regressor with one output",
        default="Ridge",
        scores="Absolute residual of each training row by the model without it.",
        classes="",
        reference="",
        example=""">>> from sklearn.datasets import load_diabetes
    >>> from sklearn.linear_model import Ridge
    >>> from skinfluence.uncertainty import JackknifePlusRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = JackknifePlusRegressor(Ridge(0.1), alpha=0.1).fit(X[:300], y[:300])
    >>> low, high = model.predict_interval(X[300:]).T
    >>> print(f"{((low <= y[300:]) & (y[300:] <= high)).mean():.2f} of the values are inside")
    0.90 of the values are inside""",
    )
    _default = Ridge
    _target: ClassVar[dict] = {"target": "predict"}

    def _check_kind(self, estimator):
        if not is_regressor(estimator):
            raise TypeError(
                f"{type(estimator).__name__} is no regressor. For classifiers take "
                "JackknifePlusClassifier."
            )

    def _conformity(self, objective, raw):
        return np.abs(objective.y[self._rows, 0] - objective.loss.inverse_link(raw)[:, 0])

    def predict_interval(self, X):
        """Interval for the value of each row.

        Parameters
        ----------
        X : {array-like, sparse matrix, data frame} of shape (n_samples, n_features)
            New rows.

        Returns
        -------
        ndarray of shape (n_samples, 2)
            Lower and upper end. Infinite where there are fewer than about 1 / alpha training rows.
        """
        check_is_fitted(self)
        n = len(self._rows)
        low, high = int(np.floor(self.alpha * (n + 1))), int(np.ceil((1 - self.alpha) * (n + 1)))
        out = np.empty((_num_samples(X), 2))
        link = self.explainer_.objective_.loss.inverse_link
        for rows, raw in self._left_out_raw(X):
            values, scores = link(raw)[..., 0], self.conformity_scores_
            out[rows, 0] = _smallest(values - scores, low)
            out[rows, 1] = _smallest(values + scores, high)
        return out


def _smallest(values, place):
    """The entry at `place` (1 is the smallest) of each row; infinite beyond both ends."""
    if place < 1:
        return -np.inf
    if place > values.shape[1]:
        return np.inf
    return np.partition(values, place - 1, axis=1)[:, place - 1]


class JackknifePlusClassifier(ClassifierMixin, _JackknifePlus):
    __doc__ = DOCSTRING.format(
        what="sets",
        guarantee="Sets of classes that hold the label of a new row with probability at least "
        "1 - 2 alpha, whatever\n    the model and the distribution, and usually close to "
        "1 - alpha.",
        kind="classifier with `predict_proba`",
        default="LogisticRegression",
        scores="One minus the probability of its label, of each training row by the model without "
        "it.",
        classes="classes_ : ndarray of shape (n_classes,)\n",
        reference=' Y. Romano, M. Sesia and E. J. Candes,\n    "Classification with valid and '
        'adaptive coverage", NeurIPS 2020.',
        example=""">>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skinfluence.uncertainty import JackknifePlusClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> model = JackknifePlusClassifier(LogisticRegression(max_iter=1000), alpha=0.02)
    >>> model.fit(X, y).predict_set(X[[0, 77]])
    array([[ True, False, False],
           [False,  True,  True]])""",
    )
    _default = LogisticRegression
    _target: ClassVar[dict] = {"target": "predict_proba"}

    def _check_kind(self, estimator):
        if not is_classifier(estimator):
            raise TypeError(
                f"{type(estimator).__name__} is no classifier. For regressors take "
                "JackknifePlusRegressor."
            )

    def _check_objective(self, objective):
        if objective.loss.probability(objective.raw_prediction[:1]) is None:
            raise TypeError(
                f"{type(self.estimator_).__name__} has no probabilities. Expected a classifier "
                "with predict_proba, such as LogisticRegression()."
            )

    def _conformity(self, objective, raw):
        codes = objective.coding.codes(np.asarray(self.explainer_.y_train_))[self._rows]
        return 1.0 - objective.loss.probability(raw)[np.arange(len(raw)), codes]

    def predict_set(self, X):
        """Classes that the label of each row may be.

        Parameters
        ----------
        X : {array-like, sparse matrix, data frame} of shape (n_samples, n_features)
            New rows.

        Returns
        -------
        ndarray of bool of shape (n_samples, n_classes)
            In the order of `classes_`. Several where the model cannot tell them apart; none where
            it is less sure of every class than it is of the labels of most training rows.
        """
        check_is_fitted(self)
        n = len(self._rows)
        out = np.empty((_num_samples(X), len(self.classes_)), dtype=bool)
        probability = self.explainer_.objective_.loss.probability
        for rows, raw in self._left_out_raw(X):
            lower = self.conformity_scores_[:, None] < 1.0 - probability(raw)
            out[rows] = lower.sum(axis=1) < (1.0 - self.alpha) * (n + 1)
        return out
