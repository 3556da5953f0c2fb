"""PoissonRegressor, GammaRegressor and TweedieRegressor: generalised linear models."""

from skinfluence.adapters._linear import refuse, regression_objective, write_coefficients
from skinfluence.adapters._registry import register_path
from skinfluence.losses import HalfTweedie, SquaredError


def _objective(estimator, X, y, sample_weight, settings, loss):
    """The penalty is alpha per unit of weight: it shrinks when rows leave."""
    penalty = {"penalty": estimator.alpha * sample_weight.sum(), "mean_form": True}
    return regression_objective(estimator, X, y, sample_weight, settings, loss, **penalty)


@register_path("sklearn.linear_model.PoissonRegressor", write=write_coefficients)
def poisson_regressor(estimator, X, y, sample_weight, settings):
    """Half the Poisson deviance with a log link."""
    return _objective(estimator, X, y, sample_weight, settings, HalfTweedie(1.0))


@register_path("sklearn.linear_model.GammaRegressor", write=write_coefficients)
def gamma_regressor(estimator, X, y, sample_weight, settings):
    """Half the gamma deviance with a log link."""
    return _objective(estimator, X, y, sample_weight, settings, HalfTweedie(2.0))


def _has_log_link(estimator):
    return estimator.link == "log" or (estimator.link == "auto" and estimator.power > 0)


def _check_tweedie(estimator):
    refuse(
        estimator,
        not _has_log_link(estimator) and estimator.power != 0,
        f"power={estimator.power} and an identity link",
        'Expected link="log", or power=0: otherwise a mean may become negative without a row.',
    )


@register_path(
    "sklearn.linear_model.TweedieRegressor",
    {"power": 0},
    {"power": 0, "link": "log"},
    {"power": 1.5},
    {"power": 3},
    check=_check_tweedie,
    write=write_coefficients,
)
def tweedie_regressor(estimator, X, y, sample_weight, settings):
    """Half the Tweedie deviance with a log link; squared error at power 0 with the identity."""
    loss = HalfTweedie(float(estimator.power)) if _has_log_link(estimator) else SquaredError()
    return _objective(estimator, X, y, sample_weight, settings, loss)
