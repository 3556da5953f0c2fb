"""Sparse and generalised linear models of celer, skglm and glum, by the names of their classes."""

import numpy as np

from skinfluence.adapters._families.lasso import multi_task, squared_error
from skinfluence.adapters._linear import (
    SELECTION,
    chosen_alpha,
    linear_objective,
    refuse,
    refuse_bounds,
    refuse_multilabel,
    sparse_objective,
    target_values,
)
from skinfluence.adapters._registry import register
from skinfluence.losses import HalfTweedie, Logistic, SquaredError
from skinfluence.objectives import RowWeights, TargetCoding

#: Variance powers of the families of glum.
POWERS = {
    "NormalDistribution": 0.0,
    "PoissonDistribution": 1.0,
    "GammaDistribution": 2.0,
    "InverseGaussianDistribution": 3.0,
}
#: What makes the optimum of glum another one.
BOUNDS = ("lower_bounds", "upper_bounds", "A_ineq", "monotonic_constraints", "scale_predictors")


@register("celer", "Lasso", check=refuse_bounds, caveat=SELECTION)
@register("celer", "ElasticNet", check=refuse_bounds, caveat=SELECTION)
@register("skglm", "Lasso", check=refuse_bounds, caveat=SELECTION)
@register("skglm", "WeightedLasso", check=refuse_bounds, caveat=SELECTION)
@register("skglm", "ElasticNet", check=refuse_bounds, caveat=SELECTION)
def _lasso(estimator, X, y, sample_weight, settings):
    """Half the mean squared error and an elastic-net penalty, with `weights` for the columns."""
    ratio = getattr(estimator, "l1_ratio", 1.0)
    weights = getattr(estimator, "weights", None)
    scale = 1.0 if weights is None else np.asarray(weights, dtype=float)
    return squared_error(estimator, X, y, sample_weight, settings, estimator.alpha * scale, ratio)


register("skglm", "MultiTaskLasso", caveat=SELECTION)(multi_task)


def _logistic(estimator, X, y, sample_weight, settings, l1, l2, mean_form):
    refuse_multilabel(estimator, y)
    classes = estimator.classes_
    refuse(
        estimator,
        len(classes) > 2,
        f"{len(classes)} classes",
        "Expected two: it fits a model of each class against the rest.",
    )
    coding = TargetCoding("margin", 1, classes)
    return sparse_objective(
        estimator,
        X,
        coding.encode(y),
        coding,
        Logistic(),
        l1=l1,
        l2=l2,
        weights=RowWeights(sample_weight),
        settings=settings,
        mean_form=mean_form,
    )


@register("celer", "LogisticRegression", caveat=SELECTION)
def celer_logistic_regression(estimator, X, y, sample_weight, settings):
    """Logistic losses and the sum of absolute coefficients divided by C; no intercept."""
    strength = 1.0 / float(estimator.C), 0.0
    return _logistic(estimator, X, y, sample_weight, settings, *strength, False)


@register(
    "skglm",
    "SparseLogisticRegression",
    caveat="Probabilities are those of the logistic loss; its predict_proba doubles the decision "
    f"value. {SELECTION}",
)
def skglm_logistic_regression(estimator, X, y, sample_weight, settings):
    """The mean logistic loss and alpha times an elastic-net penalty."""
    alpha = float(estimator.alpha) * len(sample_weight)
    strength = alpha * estimator.l1_ratio, alpha * (1.0 - estimator.l1_ratio)
    return _logistic(estimator, X, y, sample_weight, settings, *strength, True)


def _check_glum(estimator):
    for name in BOUNDS:
        value = getattr(estimator, name, None)
        given = value is not None and value is not False
        refuse(estimator, given, f"{name}={value!r}", f"Expected no {name}.")
    refuse(
        estimator,
        getattr(estimator, "alpha_search", False) or np.ndim(getattr(estimator, "alpha", 0.0)),
        "a path of penalties",
        "Expected one number alpha.",
    )


def _glum_loss(estimator):
    family, link = estimator._family_instance, type(estimator._link_instance).__name__
    power = getattr(family, "power", POWERS.get(type(family).__name__))
    if power == 0.0 and link == "IdentityLink":
        return SquaredError()
    refuse(
        estimator,
        power is None or link != "LogLink",
        f"family={estimator.family!r} and link={estimator.link!r}",
        'Expected "normal" with an identity link, or "normal", "poisson", "gamma", '
        '"inverse.gaussian" or a Tweedie family with a log link.',
    )
    return HalfTweedie(float(power))


def glum_regressor(estimator, X, y, sample_weight, settings):
    """Half the mean deviance and an elastic-net penalty with P1 and P2, which are per column."""
    alpha = chosen_alpha(estimator) or 0.0
    ratio = getattr(estimator, "l1_ratio_", estimator.l1_ratio)
    weights, coding, y = RowWeights(sample_weight), TargetCoding("real", 1), target_values(y)
    alpha = float(alpha) * weights.base.sum()
    P1, P2 = (
        1.0 if isinstance(part, str) else np.asarray(part, dtype=float)
        for part in (estimator.P1, estimator.P2)
    )
    common = {"weights": weights, "settings": settings, "mean_form": True}
    loss, l2 = _glum_loss(estimator), alpha * (1.0 - ratio) * P2
    given = estimator, X, y, coding, loss
    if alpha * ratio:
        refuse(
            estimator,
            np.ndim(P2) == 2,
            "a matrix P2 and an l1 penalty",
            "Expected a number for each column.",
        )
        return sparse_objective(*given, l1=alpha * ratio * P1, l2=l2, **common)
    if np.ndim(P2) == 1:
        l2 = np.diag(l2)
    return linear_objective(*given, penalty=l2, **common)


for _name in ("GeneralizedLinearRegressor", "GeneralizedLinearRegressorCV"):
    register(
        "glum",
        _name,
        check=_check_glum,
        caveat=lambda estimator: (
            "The chosen penalty is held fixed. " * type(estimator).__name__.endswith("CV")
            + SELECTION * bool(np.any(estimator.l1_ratio))
        ).strip(),
    )(glum_regressor)
