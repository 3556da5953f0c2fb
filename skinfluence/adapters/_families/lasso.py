"""Lasso, ElasticNet, their multi-task and CV forms: squared error with an l1 penalty.

On the active set: of coefficients, or of columns for the multi-task forms.
"""

from sklearn.linear_model import (
    ElasticNet,
    ElasticNetCV,
    Lasso,
    LassoCV,
    MultiTaskElasticNet,
    MultiTaskElasticNetCV,
    MultiTaskLasso,
    MultiTaskLassoCV,
)

from skinfluence.adapters._families.least_squares import FREE_SIGNS
from skinfluence.adapters._linear import (
    SELECTION,
    refuse,
    sparse_objective,
    target_values,
    write_coefficients,
)
from skinfluence.adapters._registry import register
from skinfluence.losses import SquaredError
from skinfluence.objectives import RowWeights, TargetCoding


def _check(estimator):
    refuse(estimator, estimator.positive, "positive=True", FREE_SIGNS)


def squared_error(estimator, X, y, sample_weight, settings, alpha, l1_ratio, **more):
    """The penalty is alpha per unit of weight: weights count relative to their mean.

    `alpha` is a number, or one for each feature.
    """
    y = target_values(y)
    weights = RowWeights(sample_weight)
    alpha = alpha * weights.base.sum()
    return sparse_objective(
        estimator,
        X,
        y,
        TargetCoding("real", y.shape[1]),
        SquaredError(),
        l1=alpha * l1_ratio,
        l2=alpha * (1.0 - l1_ratio),
        weights=weights,
        settings=settings,
        mean_form=True,
        **more,
    )


@register(
    "sklearn.linear_model",
    "Lasso",
    examples=lambda: [Lasso(0.1), Lasso(0.1, fit_intercept=False)],
    check=_check,
    caveat=SELECTION,
    write=write_coefficients,
)
def lasso(estimator, X, y, sample_weight, settings):
    """Half the mean squared error plus alpha times the sum of absolute coefficients."""
    return squared_error(estimator, X, y, sample_weight, settings, estimator.alpha, 1.0)


@register(
    "sklearn.linear_model",
    "ElasticNet",
    examples=lambda: [ElasticNet(0.1)],
    check=_check,
    caveat=SELECTION,
    write=write_coefficients,
)
def elastic_net(estimator, X, y, sample_weight, settings):
    """The same with alpha * l1_ratio of the l1 penalty and alpha * (1 - l1_ratio) of l2."""
    settings = settings, estimator.alpha, estimator.l1_ratio
    return squared_error(estimator, X, y, sample_weight, *settings)


@register(
    "sklearn.linear_model",
    "LassoCV",
    examples=lambda: [LassoCV(cv=3)],
    check=_check,
    caveat=f"The chosen alpha_ is held fixed. {SELECTION}",
    write=write_coefficients,
)
def lasso_cv(estimator, X, y, sample_weight, settings):
    """Lasso at the chosen `alpha_`, which is held fixed."""
    return squared_error(estimator, X, y, sample_weight, settings, estimator.alpha_, 1.0)


@register(
    "sklearn.linear_model",
    "ElasticNetCV",
    examples=lambda: [ElasticNetCV(cv=3)],
    check=_check,
    caveat=f"The chosen alpha_ and l1_ratio_ are held fixed. {SELECTION}",
    write=write_coefficients,
)
def elastic_net_cv(estimator, X, y, sample_weight, settings):
    """ElasticNet at the chosen `alpha_` and `l1_ratio_`, which are held fixed."""
    settings = settings, estimator.alpha_, estimator.l1_ratio_
    return squared_error(estimator, X, y, sample_weight, *settings)


def multi_task(estimator, X, y, sample_weight, settings):
    """The l1 penalty is on the norm of each column's coefficients for all targets.

    The CV forms at the chosen `alpha_` and `l1_ratio_`, which are held fixed.
    """
    alpha = getattr(estimator, "alpha_", None)
    alpha = estimator.alpha if alpha is None else alpha
    l1_ratio = getattr(estimator, "l1_ratio_", getattr(estimator, "l1_ratio", 1.0))
    settings = settings, alpha, l1_ratio
    return squared_error(estimator, X, y, sample_weight, *settings, together=True)


for _example in (
    MultiTaskLasso(0.1),
    MultiTaskElasticNet(0.1),
    MultiTaskLassoCV(cv=3),
    MultiTaskElasticNetCV(cv=3),
):
    _chosen = "The chosen penalty is held fixed. " if hasattr(_example, "cv") else ""
    register(
        "sklearn.linear_model",
        type(_example).__name__,
        examples=lambda example=_example: [example],
        caveat=f"{_chosen}{SELECTION}",
        write=write_coefficients,
    )(multi_task)
