"""From what a user fitted to an objective: unwrap searches, pipelines and frozen estimators."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import _check_sample_weight, _num_samples, validate_data

from skinfluence.adapters._registry import UnsupportedEstimatorError, find_adapter
from skinfluence.objectives import Objective

SEARCHES = ("GridSearchCV", "RandomizedSearchCV", "HalvingGridSearchCV", "HalvingRandomSearchCV")

#: What a design may hold; scikit-learn's check takes the first for all other types.
FLOATS = [np.float64, np.float32]


@dataclass
class Explained:
    """A fitted estimator taken apart.

    Attributes
    ----------
    objective : Objective
        Of the last step, at the estimator's own coefficients.
    transformers : list
        Fitted earlier steps, in order; treated as fixed.
    model : estimator
        The last step, whose objective it is.
    """

    objective: Objective
    transformers: list
    model: object

    def design(self, X):
        """Design rows of new data, with the estimator's own checks of columns and values."""
        return self.objective.design.with_rows_of(_model_space(self.transformers, self.model, X))

    def coef_names(self):
        """Name of each entry of the estimator's flat coefficients, in the order of `coef_`."""
        names, n_features = self.column_names(), self.objective.design.n_features
        classes = self.objective.coding.classes
        if self.objective.n_outputs == 1:
            return names
        outputs = range(self.objective.n_outputs) if classes is None else classes
        parts = names[:n_features], names[n_features:]
        return [f"{name} [{k}]" for part in parts for k in outputs for name in part]

    def column_names(self):
        """Name of each design column, no two alike: the features', then that of the intercept."""
        names = self.feature_names()
        if self.objective.design.intercept:
            names.append("(intercept)" if "intercept" in names else "intercept")
        return distinct(names)

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
            names = [f"x{j}" for j in range(self.objective.design.n_features)]
        return [str(name) for name in names]


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
    name = type(estimator).__name__
    if name == "FrozenEstimator":
        return unwrap(estimator.estimator)
    if name in SEARCHES:
        if not hasattr(estimator, "best_estimator_"):
            raise UnsupportedEstimatorError(
                f"{name} has no best_estimator_: expected a search fitted with refit=True."
            )
        return unwrap(estimator.best_estimator_)
    if isinstance(estimator, Pipeline):
        last = estimator[-1]
        if last is None or isinstance(last, str):
            raise UnsupportedEstimatorError(
                f"The pipeline ends with {last!r}: expected a classifier or regressor there."
            )
        earlier = [
            step for _, step in estimator.steps[:-1] if step is not None and step != "passthrough"
        ]
        transformers, model = unwrap(last)
        return [*earlier, *transformers], model
    return [], estimator


def explain_estimator(estimator, X, y, sample_weight, settings):
    """Take a fitted estimator apart into an Explained.

    Parameters
    ----------
    estimator : fitted estimator
    X, y : training data as the user passed them
    sample_weight : array-like of shape (n,) or None
    settings : Settings
    """
    transformers, model = unwrap(estimator)
    adapter = find_adapter(model)
    X = _model_space(transformers, model, X)
    if _num_samples(y) != X.shape[0]:  # an estimator that was fitted before did not compare
        raise ValueError(
            f"X has {X.shape[0]} rows but y has {_num_samples(y)}. Expected one label a row."
        )
    weights = _check_sample_weight(sample_weight, X, dtype=np.float64)
    if not weights.any():
        raise ValueError("sample_weight is zero for every row; expected at least one positive.")
    _refuse_one_class(model, y, weights)
    return Explained(adapter.build(model, X, y, weights, settings), transformers, model)


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


def _model_space(transformers, model, X):
    """X in the space of the last step: an ndarray or CSR, by reference where it is one.

    float32 stays float32, all else becomes float64.
    """
    for step in transformers:
        X = step.transform(X)
    X = validate_data(model, X, reset=False, accept_sparse="csr", dtype=FLOATS)
    return sparse.csr_array(X) if sparse.issparse(X) else X
