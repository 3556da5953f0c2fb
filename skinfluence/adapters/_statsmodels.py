"""Results of statsmodels as estimators, by the names of their classes."""

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import ClassifierTags, RegressorTags

from skinfluence.adapters._registry import UnsupportedEstimatorError
from skinfluence.losses import HalfTweedie, Logistic, SquaredError

KNOWN = (
    "Expected OLS, WLS, Logit, Poisson, or GLM with a Gaussian family and identity link, a "
    "Poisson, Gamma, InverseGaussian or Tweedie family and log link, or a Binomial family and "
    "logit link; fitted by `fit`, without offset or exposure."
)


def is_results(estimator):
    """Whether this is what `fit` of a model of statsmodels returned."""
    there = type(estimator).__module__.startswith("statsmodels.")
    return there and hasattr(estimator, "params") and hasattr(estimator, "model")


class FittedResults(BaseEstimator):
    """Results of statsmodels as an estimator that is fitted already.

    Parameters
    ----------
    results : results of statsmodels
        What `fit` of its model returned.
    """

    def __init__(self, results):
        self.results = results

    def __sklearn_clone__(self):
        return self

    def __sklearn_is_fitted__(self):
        return True

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        if self._is_binary:
            tags.estimator_type, tags.classifier_tags = "classifier", ClassifierTags()
        else:
            tags.estimator_type, tags.regressor_tags = "regressor", RegressorTags()
        return tags

    @property
    def _is_binary(self):
        return isinstance(results_loss(self.results), Logistic)

    @property
    def n_features_in_(self):
        return self.results.model.exog.shape[1]

    def fit(self, X, y):
        """Keep the results; raise unless X and y are the rows that they were computed from."""
        model = self.results.model
        given = np.asarray(X, dtype=float), np.asarray(y, dtype=float).ravel()
        known = np.asarray(model.exog), np.asarray(model.endog)
        for mine, theirs in zip(given, known, strict=True):
            if mine.shape != theirs.shape or not np.array_equal(mine, theirs):
                raise ValueError(
                    f"X of shape {given[0].shape} and y are not the rows of these results, which "
                    f"have exog of shape {known[0].shape}. Pass fit(results.model.exog, "
                    "results.model.endog)."
                )
        if hasattr(X, "columns"):
            self.feature_names_in_ = np.asarray(X.columns, dtype=object)
        if self._is_binary:
            self.classes_ = np.array([0.0, 1.0])
        return self

    def predict(self, X):
        """Means, or labels 0 and 1 of a binary model."""
        mean = np.asarray(self.results.predict(np.asarray(X, dtype=float)))
        return (mean > 0.5).astype(float) if self._is_binary else mean


def results_loss(results):
    """Loss of a row, by the name of the model; raise for others."""
    model, name = results.model, type(results.model).__name__
    inner = type(getattr(results, "_results", results)).__name__
    offset = getattr(model, "offset", None), getattr(model, "exposure", None)
    if any(np.any(known) for known in offset if known is not None) or inner.startswith(
        ("L1", "Regularized")
    ):
        name = ""
    if name in ("OLS", "WLS"):
        return SquaredError()
    if name == "Logit":
        return Logistic()
    if name == "Poisson":
        return HalfTweedie(1.0)
    if name == "GLM" and np.all(np.asarray(getattr(model, "n_trials", 1)) == 1):
        family = model.family
        kind = type(family).__name__, type(family.link).__name__
        if kind == ("Gaussian", "Identity"):
            return SquaredError()
        if kind == ("Binomial", "Logit"):
            return Logistic()
        powers = {"Poisson": 1.0, "Gamma": 2.0, "InverseGaussian": 3.0}
        if kind[1] == "Log" and kind[0] in powers:
            return HalfTweedie(powers[kind[0]])
        if kind == ("Tweedie", "Log"):
            return HalfTweedie(float(family.var_power))
    raise UnsupportedEstimatorError(
        f"These results of {type(model).__name__} cannot be explained. {KNOWN}"
    )
