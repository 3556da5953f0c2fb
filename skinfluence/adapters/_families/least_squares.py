"""LinearRegression, Ridge, RidgeClassifier, their CV forms and BayesianRidge: squared error."""

import numpy as np
import sklearn
from sklearn.utils.fixes import parse_version

from skinfluence.adapters._linear import (
    chosen_alpha,
    margin_objective,
    refuse_bounds,
    refuse_multilabel,
    regression_objective,
    write_coefficients,
)
from skinfluence.adapters._registry import register_path
from skinfluence.losses import SquaredError
from skinfluence.objectives._truncated import FEW_DIGITS, NEAR

#: Since scikit-learn 1.9 LinearRegression drops singular values by its `tol`, before by rounding.
TOL_IS_CUT = parse_version(parse_version(sklearn.__version__).base_version) >= parse_version("1.9")

CHOSEN = "The chosen alpha_ is held fixed."


@register_path(
    "sklearn.linear_model.LinearRegression", check=refuse_bounds, write=write_coefficients
)
def linear_regression(estimator, X, y, sample_weight, settings):
    """No penalty; singular values that the fit dropped as too small stay dropped.

    Exactly singular designs are explained by the pseudo-inverse, as they are fitted.
    """
    given = estimator, X, y, sample_weight, settings
    objective = regression_objective(*given, SquaredError(), penalty=0.0)
    return _with_cut(objective, estimator)


def _with_cut(objective, estimator):
    """The same, truncated where singular values are near those which the fit dropped.

    Near are those which are not rounding, and which either the removal of a row may move across
    the cut or the Hessian, which holds their squares, has too few digits of.
    """
    singular = getattr(estimator, "singular_", None)  # none for sparse rows: scikit-learn iterates
    if singular is None or not len(singular) or singular[0] <= 0.0:
        return objective
    X = objective.design.X
    cut = estimator.tol if TOL_IS_CUT else max(X.shape) * np.finfo(X.dtype).eps
    near = max(NEAR * cut, FEW_DIGITS)
    objective = objective.replace(refit_cut=float(max(cut, np.finfo(float).eps)))
    if (singular > near * singular[0]).all():
        return objective
    truncated = objective.replace(cut=objective.refit_cut)
    singular, rank = truncated.truncated.singular, int(estimator.rank_)
    if not ((singular > 0.0) & (singular <= near * singular[0])).any():
        return objective  # exactly singular: what is dropped is rounding
    if 0 < rank < len(singular) and truncated.truncated.kept.sum() != rank and singular[rank] > 0.0:
        between = np.sqrt(singular[rank - 1] * singular[rank])  # rounding of the fit decided
        truncated = objective.replace(cut=float(between / singular[0]))
    return truncated


@register_path(
    "sklearn.linear_model.Ridge",
    {},
    {"alpha": 0.1, "fit_intercept": False},
    check=refuse_bounds,
    write=write_coefficients,
)
@register_path("sklearn.linear_model.RidgeCV", caveat=CHOSEN, write=write_coefficients)
def ridge(estimator, X, y, sample_weight, settings):
    """P = alpha on the features, one alpha per output if given; the intercept is free."""
    penalty = chosen_alpha(estimator)
    return regression_objective(
        estimator, X, y, sample_weight, settings, SquaredError(), penalty=penalty
    )


@register_path(
    "sklearn.linear_model.RidgeClassifier", check=refuse_bounds, write=write_coefficients
)
@register_path("sklearn.linear_model.RidgeClassifierCV", caveat=CHOSEN, write=write_coefficients)
def ridge_classifier(estimator, X, y, sample_weight, settings):
    """Ridge on targets -1/+1, one output per class if there are more than two."""
    refuse_multilabel(estimator, y)
    # these two count rows for "balanced", whatever their sample weight
    given = {"counting": {"weighted_counts": False}, "penalty": chosen_alpha(estimator)}
    return margin_objective(estimator, X, y, sample_weight, settings, SquaredError(), **given)


@register_path(
    "sklearn.linear_model.BayesianRidge",
    caveat="The estimated precisions alpha_ and lambda_ are held fixed.",
)
def bayesian_ridge(estimator, X, y, sample_weight, settings):
    """The posterior mean of the coefficients: ridge regression with the ratio of the precisions.

    The precisions of noise and coefficients stay as they were estimated, as the penalty of a search
    does.
    """
    penalty = float(estimator.lambda_ / estimator.alpha_)
    return regression_objective(
        estimator, X, y, sample_weight, settings, SquaredError(), penalty=penalty
    )
