"""Results of statsmodels: OLS, WLS, GLM, Logit and Poisson."""

from types import SimpleNamespace

import numpy as np

from skinfluence.adapters._linear import margin_objective, regression_objective
from skinfluence.adapters._registry import UnsupportedEstimatorError, register
from skinfluence.adapters._statsmodels import results_loss
from skinfluence.losses import Logistic


def _weights(model, n):
    """Weights of the rows that the model was given."""
    name = type(model).__name__
    if name == "WLS":
        return np.asarray(model.weights, dtype=float)
    if name == "GLM":
        return np.asarray(model.freq_weights * model.var_weights, dtype=float) * np.ones(n)
    return np.ones(n)


@register(
    "skinfluence.adapters",
    "FittedResults",
    check=lambda estimator: results_loss(estimator.results),
)
def fitted_results(estimator, X, y, sample_weight, settings):
    """Without a penalty; the intercept is a column of `exog`. Weights are those of the model."""
    results = estimator.results
    if (sample_weight != 1.0).any():
        raise UnsupportedEstimatorError(
            "Results of statsmodels have their weights in the model. Leave sample_weight out."
        )
    loss = results_loss(results)
    model = SimpleNamespace(coef_=np.asarray(results.params), fit_intercept=False)
    model.classes_, model.class_weight = np.array([0.0, 1.0]), None
    build = margin_objective if isinstance(loss, Logistic) else regression_objective
    y, weights = np.asarray(y, dtype=float).ravel(), _weights(results.model, len(y))
    return build(model, X, y, weights, settings, loss, penalty=0.0)
