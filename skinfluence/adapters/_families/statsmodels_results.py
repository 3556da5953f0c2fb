"""Results of statsmodels: OLS, WLS, GLM, Logit and Poisson."""

from types import SimpleNamespace

import numpy as np

from skinfluence.adapters._linear import linear_objective
from skinfluence.adapters._registry import UnsupportedEstimatorError, register
from skinfluence.adapters._statsmodels import results_loss
from skinfluence.losses import Logistic
from skinfluence.objectives import RowWeights, TargetCoding


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
    examples=lambda: [],
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
    if isinstance(loss, Logistic):
        coding = TargetCoding("margin", 1, np.array([0.0, 1.0]))
        targets = coding.encode(np.asarray(y, dtype=float).ravel())
    else:
        coding = TargetCoding("real", 1)
        targets = np.asarray(y, dtype=float).reshape(-1, 1)
    return linear_objective(
        SimpleNamespace(coef_=np.asarray(results.params), fit_intercept=False),
        X,
        targets,
        coding,
        loss,
        penalty=0.0,
        weights=RowWeights(_weights(results.model, len(targets))),
        settings=settings,
    )
