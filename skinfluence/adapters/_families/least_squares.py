"""LinearRegression, Ridge, RidgeCV, RidgeClassifier and RidgeClassifierCV: squared error."""

import numpy as np
import sklearn
from sklearn.linear_model import (
    LinearRegression,
    Ridge,
    RidgeClassifier,
    RidgeClassifierCV,
    RidgeCV,
)
from sklearn.utils.fixes import parse_version

from skinfluence.adapters._linear import (
    class_weights,
    linear_objective,
    margin_coding,
    refuse,
    refuse_multilabel,
    target_values,
    write_coefficients,
)
from skinfluence.adapters._registry import register
from skinfluence.losses import SquaredError
from skinfluence.objectives import RowWeights, TargetCoding
from skinfluence.objectives._truncated import FEW_DIGITS, NEAR

#: Since scikit-learn 1.9 LinearRegression drops singular values by its `tol`, before by rounding.
TOL_IS_CUT = parse_version(parse_version(sklearn.__version__).base_version) >= parse_version("1.9")

FREE_SIGNS = "Expected positive=False: bounded coefficients have no stationary point."


def _check(estimator):
    refuse(estimator, getattr(estimator, "positive", False), "positive=True", FREE_SIGNS)


def _regression(estimator, X, y, sample_weight, settings, penalty):
    y = target_values(y)
    coding = TargetCoding("real", y.shape[1])
    return linear_objective(
        estimator,
        X,
        y,
        coding,
        SquaredError(),
        penalty=penalty,
        weights=RowWeights(sample_weight),
        settings=settings,
    )


def _classification(estimator, X, y, sample_weight, settings, penalty):
    refuse_multilabel(estimator, y)
    coding = margin_coding(estimator.classes_)
    return linear_objective(
        estimator,
        X,
        coding.encode(y),
        coding,
        SquaredError(),
        penalty=penalty,
        # these two count rows for "balanced", whatever their sample weight
        weights=class_weights(estimator, y, coding, sample_weight, weighted_counts=False),
        settings=settings,
    )


@register(
    "sklearn.linear_model",
    "LinearRegression",
    examples=lambda: [LinearRegression()],
    check=_check,
    write=write_coefficients,
)
def linear_regression(estimator, X, y, sample_weight, settings):
    """No penalty; singular values that the fit dropped as too small stay dropped.

    Exactly singular designs are explained by the pseudo-inverse, as they are fitted.
    """
    objective = _regression(estimator, X, y, sample_weight, settings, 0.0)
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


@register(
    "sklearn.linear_model",
    "Ridge",
    examples=lambda: [Ridge(), Ridge(0.1, fit_intercept=False)],
    check=_check,
    write=write_coefficients,
)
def ridge(estimator, X, y, sample_weight, settings):
    """P = alpha on the features, one alpha per output if given; the intercept is free."""
    return _regression(estimator, X, y, sample_weight, settings, estimator.alpha)


@register(
    "sklearn.linear_model",
    "RidgeCV",
    examples=lambda: [RidgeCV()],
    caveat="The chosen alpha_ is held fixed.",
    write=write_coefficients,
)
def ridge_cv(estimator, X, y, sample_weight, settings):
    """Ridge at the chosen `alpha_`, which is held fixed."""
    return _regression(estimator, X, y, sample_weight, settings, estimator.alpha_)


@register(
    "sklearn.linear_model",
    "RidgeClassifier",
    examples=lambda: [RidgeClassifier()],
    check=_check,
    write=write_coefficients,
)
def ridge_classifier(estimator, X, y, sample_weight, settings):
    """Ridge on targets -1/+1, one output per class if there are more than two."""
    return _classification(estimator, X, y, sample_weight, settings, estimator.alpha)


@register(
    "sklearn.linear_model",
    "RidgeClassifierCV",
    examples=lambda: [RidgeClassifierCV()],
    caveat="The chosen alpha_ is held fixed.",
    write=write_coefficients,
)
def ridge_classifier_cv(estimator, X, y, sample_weight, settings):
    """RidgeClassifier at the chosen `alpha_`, which is held fixed."""
    return _classification(estimator, X, y, sample_weight, settings, estimator.alpha_)
