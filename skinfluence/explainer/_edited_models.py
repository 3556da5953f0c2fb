"""Fitted estimators of other training rows: without some, with other labels, with more rows."""

import warnings

import numpy as np
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import _safe_indexing, get_tags
from sklearn.utils.validation import _check_sample_weight, check_is_fitted

from skinfluence._utils.rows import NamedRows
from skinfluence.adapters import UnsupportedEstimatorError, find_adapter, unwrap
from skinfluence.adapters._resampled import is_sampler
from skinfluence.adapters._statsmodels import is_results
from skinfluence.adapters._writing import fitted_again, with_models, with_parameters
from skinfluence.effects import RowEdits, leaves_no_model
from skinfluence.effects._truncated import truncated_change
from skinfluence.explainer._all_rows import AllRows
from skinfluence.explainer._validation import check_test_table
from skinfluence.objectives import minimize
from skinfluence.objectives._hinge.machines import at_hinge_optimum
from skinfluence.solvers import AutoSolver

NO_MODEL = (
    "{what} there is no model of the same kind: no row of some class is left, no weight is left, "
    "or the coefficients are undetermined. Keep rows of every class, or add a penalty."
)
AGAIN = "Fit the estimator itself to the other rows."


class EditedModels(AllRows):
    """Methods of InfluenceExplainer that return fitted estimators of other training rows."""

    estimator: object

    def without(self, rows):
        """The fitted estimator that a refit without some training rows would give.

        For deletion requests: coefficients are moved to the optimum of the remaining rows from the
        Hessian that is factorised already. The explainer stays as it is. For requests that come
        one after another pass all rows that are gone so far: every result starts at the same
        optimum, so that no error accumulates, and rows keep their names and positions.

        Earlier steps of a pipeline stay as they were fitted to all rows, and so do settings that
        were chosen from data: those of a search, ``alpha_`` of RidgeCV, ``C_`` of
        LogisticRegressionCV. What these steps and settings know of the rows stays in them.

        Parameters
        ----------
        rows : array-like of int, of names, or bool mask
            Training rows that are gone, by position, name or mask.

        Returns
        -------
        estimator
            Of the class of `estimator`, fitted: a copy of `estimator_` with the parameters of the
            exact optimum, whatever the estimator's own `tol`. Without the fitted attributes that
            are not known of the other rows, such as `n_iter_` or `cv_results_`. Where coefficients
            are not all that a fit leaves (support vectors, neighbours, kernel and closed-form
            models, stochastic gradient descent), the last step is fitted again to the other rows.
            That takes the time of a refit, and what such a step estimates it estimates anew: the
            precisions of BayesianRidge, the kernel of a Gaussian process, ``gamma="scale"``, the
            columns of OrthogonalMatchingPursuit. Influences hold these fixed.

        Raises
        ------
        ValueError
            Where there is no such model: no row of a class is left, or no optimum is found. For
            ``penalty_scaling="mean"``, which is not the estimator's own refit.
        UnsupportedEstimatorError
            For estimators that hold others of which not all are linear models, for
            BaggingClassifier and BaggingRegressor, whose refit draws other rows, and for results of
            statsmodels.

        See Also
        --------
        with_labels : The same after labels are corrected.
        with_rows : The same after rows are added.

        Examples
        --------
        >>> from sklearn.datasets import load_diabetes
        >>> from sklearn.linear_model import Ridge
        >>> from skinfluence import InfluenceExplainer
        >>> X, y = load_diabetes(return_X_y=True)
        >>> explainer = InfluenceExplainer(Ridge()).fit(X, y)
        >>> explainer.without([0, 1]).predict(X[:2]).round(6)
        array([182.956691,  91.165303])
        >>> Ridge().fit(X[2:], y[2:]).predict(X[:2]).round(6)
        array([182.956691,  91.165303])
        """
        check_is_fitted(self)
        model, gone = self.fitted_model_, np.unique(self.training_rows_.positions(rows))
        if not self._sets_coefficients():
            left = np.setdiff1d(np.arange(model.X.shape[0]), gone)
            return self._fitted_to_some(left, model.y)
        edits = RowEdits.groups([gone])
        if leaves_no_model(self.objective_, edits)[0]:
            raise ValueError(NO_MODEL.format(what="Without these rows"))
        return self._at(_parameters_after(self.linearization_, edits))

    def with_labels(self, rows, y):
        """The fitted estimator that a refit with other labels of some training rows would give.

        Parameters
        ----------
        rows : array-like of int, of names, or bool mask
            Training rows, each at most once.
        y : array-like of shape (n_rows,) or (n_rows, n_outputs)
            Their labels or values, of classes that the model knows.

        Returns
        -------
        estimator
            As for :meth:`without`.

        Raises
        ------
        ValueError
            For labels that the model does not know, wrong shapes, and where there is no such model.
        UnsupportedEstimatorError
            For estimators that hold others, and as for :meth:`without`.

        See Also
        --------
        without : The same after rows are removed.
        skinfluence.perturbation.relabel_influence : Effect of each label on test rows.

        Examples
        --------
        >>> from sklearn.datasets import load_breast_cancer
        >>> from sklearn.linear_model import LogisticRegression
        >>> from skinfluence import InfluenceExplainer
        >>> X, y = load_breast_cancer(return_X_y=True)
        >>> X = X[:, :5] / X[:, :5].mean(axis=0)
        >>> explainer = InfluenceExplainer(LogisticRegression()).fit(X, y)
        >>> explainer.with_labels([0, 1], [1, 1]).predict_proba(X[:2]).round(3)
        array([[0.887, 0.113],
               [0.983, 0.017]])
        >>> explainer.predict_proba(X[:2]).round(3)
        array([[0.917, 0.083],
               [0.989, 0.011]])
        """
        check_is_fitted(self)
        model, rows = self.fitted_model_, self.training_rows_.positions(rows)
        self.training_rows_.in_order(y, rows, what="y", foreign=True)
        if len(np.unique(rows)) < len(rows):
            raise ValueError("rows names a row several times. Expected one label for each row.")
        if np.ndim(y) == 0 or len(y) != len(rows):
            raise ValueError(
                f"Expected y of {len(rows)} labels, one for each of the rows; got {y!r}."
            )
        settable = self._sets_coefficients(removal=False)
        targets, codes = self.objective_.coding.encode_new(y, "y")
        if not settable:
            labels, new = np.asarray(model.y), np.asarray(y)
            labels = labels.astype(np.result_type(labels, new))
            labels[rows] = new.reshape(labels[rows].shape)
            return self._fitted_to_some(np.arange(len(labels)), labels)
        objective = self.linearization_.optimum
        if codes is not None:
            after = objective.coding.decode(objective.y)
            n_classes = len(np.unique(after))
            after[rows] = codes
            if len(np.unique(after)) < n_classes:
                raise ValueError(NO_MODEL.format(what="With these labels"))
        edited = objective.with_rows_replaced(rows, objective.predictor.take(rows), targets, codes)
        return self._at_optimum(edited, "With these labels")

    def with_rows(self, X, y, sample_weight=None):
        """The fitted estimator that a refit with further training rows would give.

        Parameters
        ----------
        X : {array-like, sparse matrix, data frame} of shape (n_rows, n_features)
            Further rows; the fitted steps of a pipeline transform them.
        y : array-like of shape (n_rows,) or (n_rows, n_outputs)
            Their labels or values, of classes that the model knows.
        sample_weight : array-like of shape (n_rows,), default=None
            Their weights; one by default.

        Returns
        -------
        estimator
            As for :meth:`without`.

        Raises
        ------
        ValueError
            For labels that the model does not know, wrong shapes, and where no optimum is found.
        UnsupportedEstimatorError
            For estimators that hold others, and as for :meth:`without`.

        See Also
        --------
        without : The same after rows are removed.

        Examples
        --------
        >>> from sklearn.datasets import load_diabetes
        >>> from sklearn.linear_model import Ridge
        >>> from skinfluence import InfluenceExplainer
        >>> X, y = load_diabetes(return_X_y=True)
        >>> explainer = InfluenceExplainer(Ridge()).fit(X[:400], y[:400])
        >>> explainer.with_rows(X[400:], y[400:]).predict(X[:2]).round(6)
        array([182.673354,  90.998607])
        >>> Ridge().fit(X, y).predict(X[:2]).round(6)
        array([182.673354,  90.998607])
        """
        check_is_fitted(self)
        model = self.fitted_model_
        check_test_table(X, [*model.transformers, model.model][0])
        NamedRows(X, y).pairs_with(y, "y")
        table = model.table(X)
        n = table.shape[0]
        if np.ndim(y) == 0 or len(y) != n:
            raise ValueError(f"X has {n} rows. Expected y of {n} labels, one for each; got {y!r}.")
        weights = _check_sample_weight(
            sample_weight, table, dtype=np.float64, ensure_non_negative=True
        )
        if any(map(is_sampler, unwrap(self.estimator_)[0])):
            raise UnsupportedEstimatorError(
                "A sampler decides which rows the model is trained on, and has not seen these. "
                + AGAIN
            )
        settable = self._sets_coefficients(removal=False)
        targets, codes = self.objective_.coding.encode_new(y, "y")
        if not settable:
            both = [model.X, table]
            stacked = sparse.vstack(both).tocsr() if sparse.issparse(table) else np.vstack(both)
            labels = np.concatenate([np.asarray(model.y), np.asarray(y)])
            old = model.sample_weight
            if old is None and sample_weight is not None:
                old = np.ones(model.X.shape[0])
            both = None if old is None else np.concatenate([old, weights])
            return self._fitted_again(stacked, labels, both)
        objective = self.linearization_.optimum
        edited = objective.with_rows_added(objective.predictor.of(table), targets, weights, codes)
        return self._at_optimum(edited, "With these rows")

    def _sets_coefficients(self, *, removal=True):
        """Whether coefficients can be set, in place of a new fit of the last step.

        Raises where neither gives the right model.
        """
        model = self.fitted_model_
        name = type(model.model).__name__
        if is_results(self.estimator):
            raise UnsupportedEstimatorError(
                "Results of statsmodels are no estimator that can be given back without rows. Fit "
                "the model to the other rows, or explain scikit-learn's counterpart."
            )
        settable = all(find_adapter(part).write is not None for part in _models_of(model))
        if model.members and not (settable and removal):
            reason = "holds estimators whose coefficients cannot be set, or draws rows anew"
            if settable:
                reason = "codes the labels of its members in a form that new labels do not have"
            raise UnsupportedEstimatorError(f"{name} {reason}. {AGAIN}")
        if settable and self._settings.penalty_scaling == "mean":
            raise ValueError(
                'penalty_scaling="mean" lets the penalty shrink with the rows, which the '
                "estimator's own refit does not. Expected an explainer with "
                'penalty_scaling="estimator", the default.'
            )
        return settable

    def _at_optimum(self, edited, what):
        """The estimator at the optimum of an edited objective, which is at that before the edit."""
        return self._at([(self.fitted_model_.model, _optimal_parameters(edited, what))])

    def _at(self, parameters):
        """The estimator whose models have other parameters, of pairs (model, parameters)."""
        moved = [(model, with_parameters(model, own)) for model, own in parameters]
        return with_models(self.estimator_, moved)

    def _fitted_to_some(self, rows, y):
        """The estimator whose last step is fitted to some training rows; y has labels of all."""
        model = self.fitted_model_
        weights, taken = model.sample_weight, model.positions
        if taken is not None:  # as often as a sampler took each
            weights = weights / np.maximum(np.bincount(taken, minlength=model.X.shape[0]), 1)
            weights = None if (weights[taken] == 1.0).all() else weights
            rows = taken[np.isin(taken, rows)]
        y, weights = (None if part is None else _safe_indexing(part, rows) for part in (y, weights))
        return self._fitted_again(model.X[rows], y, weights)

    def _fitted_again(self, X, y, sample_weight):
        """The estimator whose last step is fitted to other rows, in the space of that step."""
        model = self.fitted_model_.model
        if get_tags(model).input_tags.pairwise:
            raise UnsupportedEstimatorError(
                f"{type(model).__name__} was fitted to a matrix of pairs of rows. {AGAIN}"
            )
        if getattr(model, "max_iter", None) == 0:
            raise UnsupportedEstimatorError(
                f"{type(model).__name__}(max_iter=0) keeps the parameters that were trained "
                "elsewhere, and so what they know of these rows. Set max_iter, so that a fit to "
                "the other rows trains them, or train it anew elsewhere."
            )
        new = fitted_again(model, X, y, sample_weight)
        if not np.array_equal(getattr(new, "classes_", None), getattr(model, "classes_", None)):
            raise ValueError(NO_MODEL.format(what="With these rows and labels"))
        return with_models(self.estimator_, [(model, new)])


def _models_of(fitted_model):
    """The fitted model and all models inside it."""
    yield fitted_model.model
    for member in fitted_model.members:
        yield from _models_of(member)


def _parameters_after(linearization, edits):
    """(model, parameters in its layout) of each model that has some, after one edit of weights."""
    if linearization.fitted_model.members:
        return [pair for part in linearization.parts for pair in _parameters_after(part, edits)]
    with warnings.catch_warnings():  # raised instead
        warnings.simplefilter("ignore", ConvergenceWarning)
        objective, changes = linearization.changes("refit", edits)
    change, coef = changes.coef_changes()[0], objective.coef
    if np.isnan(change).any():
        raise ValueError(NO_MODEL.format(what="Without these rows"))
    if objective.selects:
        coef, change = map(objective.predictor.widened, (coef, change))
    return [(linearization.fitted_model.model, objective.estimator_layout(coef + change).ravel())]


def _optimal_parameters(edited, what):
    """Parameters of an edited objective at its optimum, in the layout of the estimator."""
    if edited.refit_cut is not None:  # LinearRegression, which may drop singular values
        coef = edited.coef + truncated_change(edited)
    else:
        found = minimize(edited, AutoSolver.for_newton_steps())
        best = at_hinge_optimum(found.objective) if edited.stands_in else found.objective
        coef = best.coef if found.converged else np.full(best.coef.shape, np.nan)
        edited = best
    if np.isnan(coef).any():
        raise ValueError(NO_MODEL.format(what=what))
    return edited.estimator_layout(coef).ravel()
