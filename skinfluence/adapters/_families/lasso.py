"""Lasso, ElasticNet, their multi-task and CV forms: squared error with an l1 penalty.

On the active set: of coefficients, or of columns for the multi-task forms.
"""

from skinfluence.adapters._linear import (
    SELECTION,
    chosen_alpha,
    refuse_bounds,
    sparse_objective,
    target_values,
    write_coefficients,
)
from skinfluence.adapters._registry import register_path
from skinfluence.losses import SquaredError
from skinfluence.objectives import RowWeights, TargetCoding


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


CHOSEN = f"The chosen alpha_ is held fixed. {SELECTION}"
CHOSEN_RATIO = f"The chosen alpha_ and l1_ratio_ are held fixed. {SELECTION}"
CHOSEN_PENALTY = f"The chosen penalty is held fixed. {SELECTION}"


def multi_task(estimator, X, y, sample_weight, settings):
    """The l1 penalty is on the norm of each column's coefficients for all targets."""
    return lasso(estimator, X, y, sample_weight, settings, together=True)


for _form, _given, _said in (("", {"alpha": 0.1}, SELECTION), ("CV", {"cv": 3}, CHOSEN_PENALTY)):
    for _path in (
        "sklearn.linear_model.MultiTaskLasso",
        "sklearn.linear_model.MultiTaskElasticNet",
    ):
        register_path(_path + _form, _given, caveat=_said, write=write_coefficients)(multi_task)


_of_all = {"check": refuse_bounds, "write": write_coefficients}


@register_path(
    "sklearn.linear_model.Lasso",
    {"alpha": 0.1},
    {"alpha": 0.1, "fit_intercept": False},
    caveat=SELECTION,
    **_of_all,
)
@register_path("sklearn.linear_model.ElasticNet", {"alpha": 0.1}, caveat=SELECTION, **_of_all)
@register_path("sklearn.linear_model.LassoCV", {"cv": 3}, caveat=CHOSEN, **_of_all)
@register_path("sklearn.linear_model.ElasticNetCV", {"cv": 3}, caveat=CHOSEN_RATIO, **_of_all)
def lasso(estimator, X, y, sample_weight, settings, **more):
    """Half the mean squared error plus alpha times the sum of absolute coefficients.

    With an `l1_ratio`, that share of alpha; the rest is of half their squares. What the CV forms
    chose is held fixed.
    """
    alpha = chosen_alpha(estimator)
    l1_ratio = getattr(estimator, "l1_ratio_", getattr(estimator, "l1_ratio", 1.0))
    return squared_error(estimator, X, y, sample_weight, settings, alpha, l1_ratio, **more)
