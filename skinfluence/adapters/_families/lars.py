"""Lars, LassoLars and OrthogonalMatchingPursuit, with their CV forms, and ARDRegression.

Least angle regression with the lasso's modification ends at the optimum of a `Lasso`; without it
that is so where no coefficient changed its sign on the way. Orthogonal matching pursuit is least
squares on the columns that it took, and ARDRegression ridge regression on those that it kept.
"""

import numpy as np
from sklearn.linear_model import (
    ARDRegression,
    Lars,
    LarsCV,
    LassoLars,
    LassoLarsCV,
    LassoLarsIC,
    OrthogonalMatchingPursuit,
    OrthogonalMatchingPursuitCV,
)

from skinfluence.adapters._families.lasso import _check, squared_error
from skinfluence.adapters._linear import (
    SELECTION,
    fixed_selection_objective,
    refuse,
    refuse_several_targets,
    target_values,
    write_coefficients,
)
from skinfluence.adapters._registry import register
from skinfluence.objectives._active_set import on_all_columns, subgradient

#: A penalty that is rounding against the largest on the path, and a subgradient that is none.
END, OFF_OPTIMUM = 1e-9, 1e-6
CHOSEN = f"The chosen alpha_ is held fixed. {SELECTION}"
STEPS = "The columns that were taken are held fixed, in refits too."


@register(
    "sklearn.linear_model",
    "LassoLars",
    examples=lambda: [LassoLars(0.1)],
    check=_check,
    caveat=SELECTION,
    write=write_coefficients,
)
def lasso_lars(estimator, X, y, sample_weight, settings):
    """The optimum of a Lasso with the same alpha."""
    return squared_error(estimator, X, y, sample_weight, settings, estimator.alpha, 1.0)


def _at_chosen(estimator, X, y, sample_weight, settings):
    """The optimum of a Lasso at the chosen `alpha_`, which is held fixed."""
    return squared_error(estimator, X, y, sample_weight, settings, estimator.alpha_, 1.0)


for _cls in (LassoLarsCV, LassoLarsIC):
    register(
        "sklearn.linear_model",
        _cls.__name__,
        examples=lambda cls=_cls: [cls()],
        check=_check,
        caveat=CHOSEN,
        write=write_coefficients,
    )(_at_chosen)


@register(
    "sklearn.linear_model", "Lars", examples=lambda: [Lars()], caveat="Of the whole path only."
)
def lars(estimator, X, y, sample_weight, settings):
    """Least squares at the end of the path; before it the penalty depends on the rows."""
    refuse_several_targets(estimator, target_values(y))
    alphas = np.ravel(estimator.alphas_[0] if np.ndim(estimator.coef_) > 1 else estimator.alphas_)
    refuse(
        estimator,
        alphas[-1] > END * alphas[0],
        f"n_nonzero_coefs={estimator.n_nonzero_coefs}, where it stopped before the end",
        "Where the next column enters depends on every row. Expected the whole path, or "
        f"LassoLars(alpha={alphas[-1]:.3g}).",
    )
    return squared_error(estimator, X, y, sample_weight, settings, 0.0, 1.0)


@register(
    "sklearn.linear_model",
    "LarsCV",
    examples=lambda: [LarsCV()],
    caveat=CHOSEN,
    write=write_coefficients,
)
def lars_cv(estimator, X, y, sample_weight, settings):
    """The optimum of a Lasso at the chosen `alpha_`, where no coefficient changed its sign."""
    objective = _at_chosen(estimator, X, y, sample_weight, settings)
    smooth, l1 = on_all_columns(objective), objective.penalty.l1
    pull = np.abs(subgradient(smooth.gradient(), smooth.coef, l1)).max()
    refuse(
        estimator,
        pull > OFF_OPTIMUM * smooth.gradient_scale,
        "a coefficient whose sign changed on its path, or a path that was cut short",
        "That is the optimum of no objective. Expected LassoLarsCV(), or more max_iter.",
    )
    return objective


def _matching_pursuit(estimator, X, y, sample_weight, settings):
    """Least squares on the columns that were taken."""
    return fixed_selection_objective(estimator, X, target_values(y), settings=settings)


for _cls in (OrthogonalMatchingPursuit, OrthogonalMatchingPursuitCV):
    register(
        "sklearn.linear_model", _cls.__name__, examples=lambda cls=_cls: [cls()], caveat=STEPS
    )(_matching_pursuit)


@register(
    "sklearn.linear_model",
    "ARDRegression",
    examples=lambda: [ARDRegression()],
    caveat="The estimated precisions alpha_ and lambda_ are held fixed, and the columns that they "
    "keep too.",
)
def ard_regression(estimator, X, y, sample_weight, settings):
    """Ridge regression on the kept columns, each with the ratio of its precision to the noise's."""
    penalty = estimator.lambda_ / estimator.alpha_
    return fixed_selection_objective(
        estimator, X, target_values(y), penalty=penalty, settings=settings
    )
