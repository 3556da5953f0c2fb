"""Methods, tags and metadata routing that are delegated to the inner estimator."""

import copy
from dataclasses import replace

import numpy as np
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone
from sklearn.linear_model import LogisticRegression
from sklearn.utils import get_tags
from sklearn.utils.metadata_routing import (
    MetadataRouter,
    MethodMapping,
    _routing_enabled,
    process_routing,
)
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from skinfluence.adapters import check_supported
from skinfluence.adapters._fit_record import fit_recorded, is_frozen, weight_parameter
from skinfluence.adapters._statsmodels import FittedResults, is_results


def estimator_has(name):
    """Check for `available_if`: whether the inner estimator has an attribute."""

    def check(self):
        estimator = getattr(self, "estimator_", None)
        getattr(self._default_estimator() if estimator is None else estimator, name)
        return True

    return check


def delegated(name, what, shape):
    """Method that calls that of the fitted estimator, available where it has one."""

    def method(self, X):
        check_is_fitted(self)
        return getattr(self.estimator_, name)(self._new_rows(X))

    method.__name__, method.__qualname__ = name, f"EstimatorDelegation.{name}"
    method.__doc__ = f"""{what} by the fitted estimator.

        Parameters
        ----------
        X : {{array-like, sparse matrix, data frame}} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape {shape}
        """
    return available_if(estimator_has(name))(method)


class EstimatorDelegation(MetaEstimatorMixin, BaseEstimator):
    """Prediction methods, tags, routing and fitted attributes of the inner estimator."""

    estimator: object

    def _default_estimator(self):
        if is_results(self.estimator):
            return FittedResults(self.estimator)
        return LogisticRegression() if self.estimator is None else self.estimator

    def _new_rows(self, X):
        """X as the estimator takes it."""
        return X

    def _fit_inner(self, X, y, sample_weight, params):
        """A fitted clone, with the record of its last step; sample weights go to that step."""
        # of a FrozenEstimator, which a clone is not: the user may fit what it holds again
        estimator = copy.deepcopy(clone(self._default_estimator()))
        check_supported(estimator)  # which has no members that were fitted before
        if is_frozen(estimator):
            if params:
                raise ValueError(
                    "FrozenEstimator is not fitted, so that it takes no fit parameters; got "
                    f"{sorted(params)}. Pass the weights that it was trained with as sample_weight."
                )
        elif _routing_enabled():
            if sample_weight is not None:
                params = {**params, "sample_weight": sample_weight}
            params = process_routing(self, "fit", **params).estimator.fit
        elif sample_weight is not None:
            name = weight_parameter(estimator)
            if name in params:
                raise ValueError(
                    f"The weights of the last step are given twice, as sample_weight and as {name}."
                    " Expected one of them."
                )
            params = {**params, name: sample_weight}
        return fit_recorded(estimator, X, y, params)

    predict = delegated("predict", "Predictions", "(n_samples,) or (n_samples, n_outputs)")
    predict_proba = delegated("predict_proba", "Class probabilities", "(n_samples, n_classes)")
    predict_log_proba = delegated(
        "predict_log_proba", "Logarithms of class probabilities", "(n_samples, n_classes)"
    )
    decision_function = delegated(
        "decision_function", "Decision values", "(n_samples,) or (n_samples, n_classes)"
    )

    @property
    def classes_(self):
        """Class labels of the fitted classifier."""
        return self.estimator_.classes_

    @property
    def n_features_in_(self):
        """Number of features seen by fit."""
        return self.estimator_.n_features_in_

    @property
    def feature_names_in_(self):
        """Names of the features seen by fit, where they had names."""
        return np.asarray(self.estimator_.feature_names_in_)

    def get_metadata_routing(self):
        mapping = MethodMapping().add(caller="fit", callee="fit")
        router = MetadataRouter(owner=type(self).__name__)
        return router.add(estimator=self._default_estimator(), method_mapping=mapping)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        inner = get_tags(self._default_estimator())
        for name in (
            "estimator_type",
            "target_tags",
            "input_tags",
            "classifier_tags",
            "regressor_tags",
            "non_deterministic",
        ):
            setattr(tags, name, getattr(inner, name))
        # `score` is the fidelity of the explanation, not the accuracy of the model
        if inner.classifier_tags is not None:
            # no adapter takes several labels a row
            tags.classifier_tags = replace(
                inner.classifier_tags, poor_score=True, multi_label=False
            )
        if inner.regressor_tags is not None:
            tags.regressor_tags = replace(inner.regressor_tags, poor_score=True)
        return tags
