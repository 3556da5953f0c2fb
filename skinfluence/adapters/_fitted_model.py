"""From a fitted model to an objective: unwrap searches, pipelines and frozen estimators."""

import warnings
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.pipeline import Pipeline
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import _check_sample_weight, _num_samples, validate_data

from skinfluence._utils.checks import passes_unchanged
from skinfluence._utils.frames import refuse_file
from skinfluence._utils.warnings import warn_user
from skinfluence.adapters._fit_record import FitRecord, take_record
from skinfluence.adapters._registry import UnsupportedEstimatorError, find_adapter
from skinfluence.adapters._resampled import given_rows, is_sampler, taken_positions
from skinfluence.adapters._steps import FittedSteps, inner_estimator, is_search, other_rows_in_fit
from skinfluence.objectives import Objective

#: What a design may hold; scikit-learn's check takes the first for all other types.
FLOATS = [np.float64, np.float32]


@dataclass
class FittedModel:
    """A fitted estimator taken apart.

    Attributes
    ----------
    objective : Objective
        Of the last step, at the estimator's own coefficients.
    steps : FittedSteps
        Fitted earlier steps, in order; treated as fixed.
    model : estimator
        The last step, whose objective it is.
    y : array-like of shape (n,) or (n, n_outputs)
        Labels that the last step was trained on, one for each row that the user gave.
    sample_weight : ndarray of shape (n,) or None
        Weights that it was given.
    X : ndarray or CSR of shape (n, n_features)
        Rows that it was trained on.
    positions : ndarray of int or None
        See Settings.
    """

    objective: Objective
    steps: FittedSteps
    model: Any
    y: object
    sample_weight: object
    X: Any
    positions: Any = None

    @property
    def transformers(self):
        """The earlier steps as a list."""
        return self.steps.steps

    @property
    def members(self):
        """FittedModel of each member of a composed estimator; empty for others."""
        return self.objective.members

    def table(self, X):
        """New data in the space of the last step, with its own checks of columns and values."""
        refuse_file(X, "X")
        return _table(self.model, self.steps.transform(X), bool(self.members))

    def predictor(self, X):
        """Predictor of new data, at the coefficients of the objective."""
        return self.objective.predictor.of(self.table(X))

    def predict(self, X):
        """Predictions of the estimator for new data, which is not written on."""
        return self.model.predict(self.steps.transform(X))

    def with_settings(self, settings):
        """The same training rows explained at other settings, at the estimator's coefficients."""
        refuse_members(self)
        weights = _check_sample_weight(self.sample_weight, self.X, dtype=np.float64)
        settings = replace(settings, positions=self.positions)
        return _objective(self.model, self.X, self.y, weights, settings)

    def coef_names(self):
        """Name of each entry of the estimator's flat coefficients, in the order of `coef_`."""
        if self.members:
            return _names_of_members([member.coef_names() for member in self.members])
        names, predictor = self._all_column_names(), self.objective.predictor
        if self.objective.n_outputs == 1 or predictor.everything is None:
            return names
        outputs, n_features = self.objective.coding.output_names, predictor.everything.n_features
        parts = names[:n_features], names[n_features:]
        return [f"{name} [{k}]" for part in parts for k in outputs for name in part]

    def column_names(self):
        """Name of each design column, no two alike: the features', then that of the intercept.

        Of a sparse model those that it selects. For a predictor that is not linear, of each
        parameter.
        """
        names, predictor = self._all_column_names(), self.objective.predictor
        if predictor.everything is not None and not predictor.linear:
            names = self._output_names(names)
        return names if predictor.everything is None else [names[j] for j in predictor.selected]

    def _output_names(self, names):
        return [f"{name} (output {k})" for k in range(self.objective.n_outputs) for name in names]

    def _all_column_names(self):
        predictor = self.objective.predictor
        if self.members:
            return _names_of_members([member.parameter_names() for member in self.members])
        if predictor.everything is None:
            return [f"theta{j}" for j in range(predictor.n_parameters)]
        names, design = self.feature_names(), predictor.everything
        if len(names) != design.n_features:  # columns that the estimator makes
            names = [f"z{j}" for j in range(design.n_features)]
        if design.intercept:
            names.append("(intercept)" if "intercept" in names else "intercept")
        return distinct(names)

    def parameter_names(self):
        """Name of each parameter, in the order of the predictor's coefficients."""
        names = self.column_names()
        if self.objective.n_outputs == 1 or not self.objective.predictor.linear:
            return names
        return self._output_names(names)

    def feature_names(self):
        """Names of the model's features, after the earlier steps."""
        names = getattr(self.model, "feature_names_in_", None)
        if names is None and self.transformers:
            try:
                names = Pipeline(
                    [(str(i), t) for i, t in enumerate(self.transformers)]
                ).get_feature_names_out()
            except (AttributeError, ValueError):
                names = None
        if names is None:
            names = [f"x{j}" for j in range(self.X.shape[1])]
        return [str(name) for name in names]


def refuse_members(fitted_model):
    """Raise for an estimator that is made of others: it has no objective of its own."""
    if fitted_model.members:
        name, n = type(fitted_model.model).__name__, len(fitted_model.members)
        raise UnsupportedEstimatorError(
            f"{name} is made of {n} estimator(s) with objectives of their own, and this question "
            "needs one objective. Ask the explainer for the removal of rows or groups (influence, "
            "self_influence, top_influences, group_influence), or explain a member by itself."
        )


def _names_of_members(names):
    """Names of all members' columns: "member 0: age"."""
    return [f"member {m}: {name}" for m, own in enumerate(names) for name in own]


def distinct(names):
    """The names, numbered where one was there before: "age", "age (2)"."""
    seen: dict[str, None] = {}  # keeps its order
    for name in names:
        candidate, count = name, 1
        while candidate in seen:
            count += 1
            candidate = f"{name} ({count})"
        seen[candidate] = None
    return list(seen)


def unwrap(estimator):
    """(transformers, model) of a fitted estimator: searches, pipelines and frozen ones opened.

    Raises
    ------
    UnsupportedEstimatorError
        For a search without a refitted best estimator, or a pipeline without a last estimator.
    """
    if is_search(estimator) and not hasattr(estimator, "best_estimator_"):
        raise UnsupportedEstimatorError(
            f"{type(estimator).__name__} has no best_estimator_: expected a search fitted with "
            "refit=True."
        )
    inner, earlier = inner_estimator(estimator), []
    if isinstance(estimator, Pipeline):
        if inner is None or isinstance(inner, str):
            raise UnsupportedEstimatorError(
                f"The pipeline ends with {inner!r}: expected a classifier or regressor there."
            )
        earlier = [
            step for _, step in estimator.steps[:-1] if step is not None and step != "passthrough"
        ]
    if inner is None:
        return [], estimator
    transformers, model = unwrap(inner)
    return [*earlier, *transformers], model


def explain_estimator(estimator, X, y, sample_weight, settings):
    """Take a fitted estimator apart into a FittedModel.

    Parameters
    ----------
    estimator : fitted estimator
        With the record of :func:`fit_recorded`, which is taken from it, or without: then the rows
        are those that `transform` of the earlier steps gives.
    X, y : training data as the user passed them
    sample_weight : array-like of shape (n,) or None
    settings : Settings
    """
    transformers, model = unwrap(estimator)
    adapter = find_adapter(model)
    adapter.check(model)
    level, recorded = take_record(estimator)
    rows = recorded
    if rows is None:
        level, rows = estimator, FitRecord(X, y, sample_weight)
    _refuse_fit_parameters(model, rows.others)
    steps = FittedSteps([step for step in transformers if not is_sampler(step)])
    Z = _table(model, _behind_what_was_recorded(level).transform(rows.X), adapter.composed)
    if _num_samples(rows.y) != Z.shape[0]:  # an estimator that was fitted before did not compare
        raise ValueError(
            f"X has {Z.shape[0]} rows but y has {_num_samples(rows.y)}. Expected one label a row."
        )
    if recorded is None:
        _check_targets(model, Z, rows.y)
    weights = _check_sample_weight(rows.sample_weight, Z, dtype=np.float64, copy=True)
    n, labels = _num_samples(X), rows.y
    positions = taken_positions(filter(is_sampler, transformers), n, rows.positions)
    if len(positions) != Z.shape[0]:
        raise UnsupportedEstimatorError(
            f"The last step was trained on {Z.shape[0]} rows, but {n} were given. Expected steps "
            "that keep every row, or samplers of imbalanced-learn with sample_indices_."
        )
    if not np.array_equal(positions, np.arange(n)):
        dropped = partial(_dropped_rows, steps, model, X, y)
        Z, labels, weights = given_rows(Z, labels, weights, positions, n, dropped)
        settings = replace(settings, positions=positions)
    if not weights.any():
        raise ValueError("sample_weight is zero for every row; expected at least one positive.")
    _refuse_one_class(model, labels, weights)
    _refuse_infinite(model)
    objective = _objective(model, Z, labels, weights, settings)
    unweighted = rows.sample_weight is None and settings.positions is None
    if adapter.composed:
        Z = objective.X
    weights = None if unweighted else weights
    return FittedModel(objective, steps, model, labels, weights, Z, settings.positions)


def _objective(model, X, y, weights, settings):
    """Objective of a fitted last step, which may count rows as often as it was given them."""
    adapter = find_adapter(model)
    objective = adapter.build(model, X, y, weights, settings)
    if settings.positions is None or adapter.composed:  # whose members count them
        return objective
    return objective.with_row_counts(np.bincount(settings.positions, minlength=X.shape[0]))


def _check_targets(model, Z, y):
    """Raise unless y has as many columns as an estimator predicts that was fitted before."""
    if not type(model).__module__.startswith("sklearn.") or sparse.issparse(y):
        return
    coef, given = getattr(model, "coef_", None), np.asarray(y).shape
    if isinstance(coef, np.ndarray) and not hasattr(model, "classes_"):  # a linear regressor
        predicted = coef.shape[:-1] or (1,)
    else:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of names of columns, which Z has not
            predicted = np.shape(model.predict(Z[:1]))[1:] or (1,)
    if (given[1:] or (1,)) != predicted:
        raise ValueError(
            f"y has shape {given}, and {type(model).__name__} predicts {predicted[0]} column(s) a "
            "row. Expected the targets that it was trained on."
        )


def _behind_what_was_recorded(level):
    """The steps that were fitted before, and through which the recorded rows are yet to go."""
    steps = unwrap(level)[0]
    if any(is_sampler(step) for step in steps):
        raise UnsupportedEstimatorError(
            "A frozen pipeline with a sampler does not say which rows its last step was trained "
            "on. Give the pipeline itself, which is fitted anew, instead of a FrozenEstimator."
        )
    others = other_rows_in_fit(steps)
    if others:
        warn_user(
            f"The frozen {', '.join(others)} gave the last step other rows in fit than transform "
            "gives now, and those rows are gone: influence is computed on the rows of transform. "
            "Give the pipeline itself, which is fitted anew, instead of a FrozenEstimator.",
            RuntimeWarning,
        )
    return FittedSteps(steps)


def _dropped_rows(steps, model, X, y, rows):
    """(rows in the space of the last step, labels) of rows that it was not trained on."""
    X = X.tocsr() if sparse.issparse(X) else X
    return _checked(model, steps.transform(_safe_indexing(X, rows))), np.asarray(y)[rows]


def _refuse_fit_parameters(model, names):
    """Raise for fit parameters other than the weights, unless they only chose the penalty."""
    if names and not any(hasattr(model, name) for name in ("alpha_", "C_")):
        raise UnsupportedEstimatorError(
            f"{type(model).__name__} was fitted with the parameter(s) {names}, and what they do to "
            "its objective is not known. Expected sample_weight only: leave the others out."
        )


def _refuse_one_class(model, y, weights):
    """Raise where the rows that count are all of one class: their model has no optimum."""
    y = np.asarray(y)
    if not hasattr(model, "classes_") or y.ndim > 1:
        return
    counted = y if weights.all() else y[weights > 0]
    only = counted[:1]
    if (counted == only).all():
        raise ValueError(
            f"The rows of positive weight are all of one class ({only.tolist()[0]!r}); expected "
            "rows of at least 2 classes. Give rows of another class a positive sample_weight."
        )


def _refuse_infinite(model):
    """Raise for coefficients that are not numbers, such as the logarithm of a rate of zero."""
    for name in ("coef_", "intercept_"):
        value = vars(model).get(name)
        value = value.data if sparse.issparse(value) else value
        if not np.isfinite(np.asarray(0.0 if value is None else value, dtype=float)).all():
            raise ValueError(
                f"The {name} of {type(model).__name__} is not finite: it has no optimum on these "
                "rows, as where all counts are zero. Expected targets and weights that it can be "
                "fitted to."
            )


def _table(model, X, composed):
    """X as the last step takes it: members of a composed one check it themselves."""
    if composed:
        if sparse.issparse(X):
            return X.tocsr()
        return X if hasattr(X, "shape") else np.asarray(X)
    return _checked(model, X)


def _checked(model, X):
    """X in the space of the last step as an ndarray or CSR, by reference where it is one.

    float32 stays float32, all else becomes float64.
    """
    if passes_unchanged(X, FLOATS) and X.ndim == 2 and not hasattr(model, "feature_names_in_"):
        if getattr(model, "n_features_in_", None) == X.shape[1]:
            return X
    X = validate_data(model, X, reset=False, accept_sparse="csr", dtype=FLOATS)
    return sparse.csr_array(X) if sparse.issparse(X) else X
