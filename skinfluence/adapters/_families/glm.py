"""PoissonRegressor, GammaRegressor and TweedieRegressor: generalised linear models."""

from sklearn.linear_model import GammaRegressor, PoissonRegressor, TweedieRegressor

from skinfluence.adapters._linear import linear_objective, refuse, target_values, write_coefficients
from skinfluence.adapters._registry import register
from skinfluence.losses import HalfTweedie, SquaredError
from skinfluence.objectives import RowWeights, TargetCoding


def _objective(estimator, X, y, sample_weight, settings, loss):
    """The penalty is alpha per unit of weight: it shrinks when rows leave."""
    coding = TargetCoding("real", 1)
    weights = RowWeights(sample_weight)
    return linear_objective(
        estimator,
        X,
        coding.encode(target_values(y)),
        coding,
        loss,
        penalty=estimator.alpha * weights.base.sum(),
        weights=weights,
        settings=settings,
        mean_form=True,
    )


@register(
    "sklearn.linear_model",
    "PoissonRegressor",
    examples=lambda: [PoissonRegressor()],
    write=write_coefficients,
)
def poisson_regressor(estimator, X, y, sample_weight, settings):
    """Half the Poisson deviance with a log link."""
    return _objective(estimator, X, y, sample_weight, settings, HalfTweedie(1.0))


@register(
    "sklearn.linear_model",
    "GammaRegressor",
    examples=lambda: [GammaRegressor()],
    write=write_coefficients,
)
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


@register(
    "sklearn.linear_model",
    "TweedieRegressor",
    examples=lambda: [
        TweedieRegressor(power=power, link=link)
        for power, link in ((0, "auto"), (0, "log"), (1.5, "auto"), (3, "auto"))
    ],
    check=_check_tweedie,
    write=write_coefficients,
)
def tweedie_regressor(estimator, X, y, sample_weight, settings):
    """Half the Tweedie deviance with a log link; squared error at power 0 with the identity."""
    loss = HalfTweedie(float(estimator.power)) if _has_log_link(estimator) else SquaredError()
    return _objective(estimator, X, y, sample_weight, settings, loss)
