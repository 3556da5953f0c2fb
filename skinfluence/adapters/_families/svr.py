"""SVR, NuSVR and LinearSVR: epsilon-insensitive losses, on kernel columns or features."""

import numpy as np
from scipy import sparse

from skinfluence.adapters._families.svc import fixed_gamma, machine_objective, support_rows
from skinfluence.adapters._linear import regression_objective, target_values, write_coefficients
from skinfluence.adapters._registry import register_path
from skinfluence.losses import SquaredEpsilonInsensitive
from skinfluence.losses._epsilon import EpsilonInsensitiveStandIn
from skinfluence.objectives import RowWeights, TargetCoding

STAND_IN = (
    "The epsilon-insensitive loss has no second derivative: first order and Newton steps are those "
    "of a smooth loss, refits are those of the loss itself."
)
FIXED_EPSILON = "The epsilon that nu amounts to at the fit is held fixed."
#: Of the bound on a dual coefficient: what lies between this and one minus this is free.
BETWEEN = 1e-6


def _stand_in(epsilon, y, sample_weight, settings):
    """The smooth loss, with its temperature in units of the target's standard deviation."""
    mean = np.average(y, axis=0, weights=sample_weight)
    spread = float(np.sqrt(np.average((y - mean) ** 2, axis=0, weights=sample_weight)).max())
    return EpsilonInsensitiveStandIn(float(epsilon), settings.temperature * (spread or 1.0))


def _column(y):
    return TargetCoding("real", 1).encode(target_values(y))


def _dual(estimator, X, sample_weight, settings):
    coef = estimator.dual_coef_
    coef = coef.toarray() if sparse.issparse(coef) else coef
    dual = np.zeros((len(sample_weight), 1))
    np.add.at(dual[:, 0], support_rows(estimator, X, sample_weight, settings), coef[0])
    return dual


def _machine(estimator, X, y, sample_weight, settings, epsilon):
    return machine_objective(
        estimator,
        X,
        y,
        TargetCoding("real", 1),
        _stand_in(epsilon, y, sample_weight, settings),
        _dual(estimator, X, sample_weight, settings),
        penalty=1.0 / float(estimator.C),
        weights=RowWeights(sample_weight),
        settings=settings,
    )


@register_path(
    "sklearn.svm.SVR",
    {},
    {"kernel": "linear", "C": 0.2},
    caveat=lambda estimator: fixed_gamma(estimator) + STAND_IN,
)
def svr(estimator, X, y, sample_weight, settings):
    """P = 1 / C on the kernel columns, the intercept free.

    Derivatives are those of a smooth loss, whose temperature is `settings.temperature` times the
    standard deviation of the target. Refits are those of the epsilon-insensitive loss itself.
    """
    return _machine(estimator, X, _column(y), sample_weight, settings, estimator.epsilon)


@register_path(
    "sklearn.svm.NuSVR",
    {"nu": 0.4},
    caveat=lambda estimator: f"{FIXED_EPSILON} {fixed_gamma(estimator)}{STAND_IN}",
)
def nu_svr(estimator, X, y, sample_weight, settings):
    """SVR at the epsilon that `nu` amounts to at the solution."""
    y = _column(y)
    size = np.abs(y - estimator.predict(X)[:, None])[:, 0]
    counts = sample_weight > 0.0
    share = np.abs(_dual(estimator, X, sample_weight, settings)[:, 0]) / estimator.C
    share = share[counts] / sample_weight[counts]
    size = size[counts]
    free = (share > BETWEEN) & (share < 1.0 - BETWEEN)
    if free.any():
        epsilon = np.median(size[free])
    else:
        inside, outside = size[share <= BETWEEN], size[share > BETWEEN]
        epsilon = 0.5 * (inside.max(initial=0.0) + outside.min(initial=size.max()))
    return _machine(estimator, X, y, sample_weight, settings, epsilon)


def _caveat(estimator):
    return STAND_IN if estimator.loss == "epsilon_insensitive" else ""


@register_path(
    "sklearn.svm.LinearSVR",
    {"loss": "squared_epsilon_insensitive", "dual": False, "tol": 1e-8, "max_iter": 100_000},
    {"epsilon": 0.1, "C": 0.1, "tol": 1e-8, "max_iter": 100_000},
    caveat=_caveat,
    write=write_coefficients,
)
def linear_svr(estimator, X, y, sample_weight, settings):
    """P = 1 / C on features and intercept; the squared loss is explained as it is."""
    y = _column(y)
    if estimator.loss == "epsilon_insensitive":
        loss = _stand_in(estimator.epsilon, y, sample_weight, settings)
    else:
        loss = SquaredEpsilonInsensitive(float(estimator.epsilon))
    penalty, scaling = 1.0 / estimator.C, estimator.intercept_scaling
    strength = {"penalty": penalty, "intercept_penalty": penalty / scaling**2}
    return regression_objective(estimator, X, y, sample_weight, settings, loss, **strength)
