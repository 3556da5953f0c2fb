"""Lars, LassoLars and OrthogonalMatchingPursuit, with their CV forms, and ARDRegression.

Least angle regression with the lasso's modification ends at the optimum of a `Lasso`; without it
that is so where no coefficient changed its sign on the way. Orthogonal matching pursuit is least
squares on the columns that it took, and ARDRegression ridge regression on those that it kept.
"""

import numpy as np

from skinfluence.adapters._families.lasso import CHOSEN, lasso, squared_error
from skinfluence.adapters._linear import (
    SELECTION,
    fixed_selection_objective,
    refuse,
    refuse_bounds,
    refuse_several_targets,
    target_values,
    write_coefficients,
)
from skinfluence.adapters._registry import register_path
from skinfluence.objectives._active_set import largest_subgradient, on_all_columns

#: A penalty that is rounding against the largest on the path, and a subgradient that is none.
END, OFF_OPTIMUM = 1e-9, 1e-6
STEPS = "The columns that were taken are held fixed, in refits too."


_of_all = {"check": refuse_bounds, "write": write_coefficients}
register_path("sklearn.linear_model.LassoLars", {"alpha": 0.1}, caveat=SELECTION, **_of_all)(lasso)
register_path("sklearn.linear_model.LassoLarsCV", caveat=CHOSEN, **_of_all)(lasso)
register_path("sklearn.linear_model.LassoLarsIC", caveat=CHOSEN, **_of_all)(lasso)


@register_path("sklearn.linear_model.Lars", caveat="Of the whole path only.")
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


@register_path("sklearn.linear_model.LarsCV", caveat=CHOSEN, write=write_coefficients)
def lars_cv(estimator, X, y, sample_weight, settings):
    """The optimum of a Lasso at the chosen `alpha_`, where no coefficient changed its sign."""
    objective = lasso(estimator, X, y, sample_weight, settings)
    pull = largest_subgradient(objective)
    refuse(
        estimator,
        pull > OFF_OPTIMUM * on_all_columns(objective).gradient_scale,
        "a coefficient whose sign changed on its path, or a path that was cut short",
        "That is the optimum of no objective. Expected LassoLarsCV(), or more max_iter.",
    )
    return objective


@register_path("sklearn.linear_model.OrthogonalMatchingPursuit", caveat=STEPS)
@register_path("sklearn.linear_model.OrthogonalMatchingPursuitCV", caveat=STEPS)
def matching_pursuit(estimator, X, y, sample_weight, settings):
    """Least squares on the columns that were taken."""
    return fixed_selection_objective(
        estimator, X, target_values(y), sample_weight, settings=settings
    )


@register_path(
    "sklearn.linear_model.ARDRegression",
    caveat=(
        "The estimated precisions alpha_ and lambda_ are held fixed, and the columns that they "
        "keep too."
    ),
)
def ard_regression(estimator, X, y, sample_weight, settings):
    """Ridge regression on the kept columns, each with the ratio of its precision to the noise's."""
    penalty = estimator.lambda_ / estimator.alpha_
    return fixed_selection_objective(
        estimator, X, target_values(y), sample_weight, penalty=penalty, settings=settings
    )
