"""Shared by all linear models: the design with its intercept, and the encoded targets."""

import inspect
from typing import Any

import numpy as np
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import type_of_target

from skinfluence._utils.checks import as_floats
from skinfluence.adapters._registry import UnsupportedEstimatorError
from skinfluence.linalg import ActivePenalty, Design, EntriesPenalty, GroupPenalty, MatrixPenalty
from skinfluence.losses import SquaredError
from skinfluence.objectives import Objective, RowWeights, TargetCoding
from skinfluence.predictors import LinearPredictor
from skinfluence.predictors._entries import EntriesPredictor
from skinfluence.predictors._selected import SelectedPredictor

#: scikit-learn 1.6 balances classes by counting rows, later versions by summing their weights.
COUNTS_ARE_WEIGHTED = "sample_weight" in inspect.signature(compute_class_weight).parameters

#: Caveat of machines with the hinge.
HINGE_STAND_IN = (
    "The hinge has no second derivative: first order and Newton steps are those of the smooth "
    "hinge, refits are those of the hinge itself."
)
#: Caveat of sparse models: what first order and Newton steps leave out.
SELECTION = (
    "The selection of columns is held fixed to first order and by Newton steps, with a warning "
    'for removals that are predicted to change it; method="refit" selects anew.'
)


def linear_objective(
    estimator,
    X,
    y,
    coding,
    loss,
    *,
    penalty,
    intercept_penalty=0.0,
    weights,
    settings,
    columns=None,
    made=None,
    offset=None,
    mean_form=False,
):
    """Objective of a linear model from its `coef_`, `intercept_` and `fit_intercept`.

    Parameters
    ----------
    estimator : fitted estimator
    X : ndarray or CSR of shape (n, n_features), float64 or float32
    y : ndarray of shape (n, K)
        Encoded targets.
    coding : TargetCoding
    loss : Loss
    penalty : float, ndarray of shape (K,) or (n_features, n_features)
        Second derivative of the penalty on the features' coefficients: a number, one an output, or
        a matrix for all outputs.
    intercept_penalty : float
        The same for the intercept.
    weights : RowWeights
    settings : Settings
    columns : callable, default=None
        ``columns(X)`` gives the features that `coef_` belongs to, such as kernel columns or
        splines; X itself without it.
    made : ndarray of shape (n, n_columns), default=None
        ``columns(X)``, where it is known.
    offset : callable, default=None
        ``offset(X)`` gives what is added to the raw predictions, (n, K).
    mean_form : bool, default=False
        The estimator's objective is a mean over rows: `penalty` is that of its sum over all rows,
        and shrinks when rows leave.
    """
    known = None if offset is None else offset(X)
    if columns is not None:
        X = columns(X) if made is None else made
    K = coding.n_outputs
    design, coef = design_and_coef(
        estimator, X, K, weights, centred=intercept_penalty == 0.0 and settings.center
    )
    full = np.ndim(penalty) == 2
    diagonal: Any = np.zeros_like(coef)
    if not full:
        diagonal[:] = np.reshape(penalty, (-1, 1))
    if design.intercept:
        diagonal[:, -1] = intercept_penalty
    if full:
        matrix = np.zeros((K, coef.shape[1], coef.shape[1]))
        matrix[:, : X.shape[1], : X.shape[1]] = penalty
        diagonal = MatrixPenalty(matrix).damped(diagonal)
    return Objective(
        loss,
        LinearPredictor(design, coef, offset=known, columns=columns, offset_of=offset),
        y,
        diagonal,
        weights,
        coding,
        penalty_scaling="mean" if mean_form else settings.penalty_scaling,
    )


def regression_objective(estimator, X, y, sample_weight, settings, loss, **penalty):
    """`linear_objective` of values y; `penalty` is passed on, and `mean_form`."""
    y = target_values(y)
    coding, weights = TargetCoding("real", y.shape[1]), RowWeights(sample_weight)
    return linear_objective(
        estimator, X, y, coding, loss, weights=weights, settings=settings, **penalty
    )


def margin_objective(estimator, X, y, sample_weight, settings, loss, *, counting=None, **penalty):
    """`linear_objective` of classes as margins; `counting` is passed on to `class_weights`."""
    coding = margin_coding(estimator.classes_)
    weights = class_weights(estimator, y, coding, sample_weight, **(counting or {}))
    return linear_objective(
        estimator, X, coding.encode(y), coding, loss, weights=weights, settings=settings, **penalty
    )


def design_and_coef(estimator, X, K, weights, *, centred):
    """The design of X with its intercept, and the coefficients (K, q) on its columns."""
    features = np.asarray(estimator.coef_, dtype=np.float64).reshape(K, -1)
    intercept = bool(estimator.fit_intercept)
    center = None
    if intercept and centred:
        # rows of weight zero stay out; through a design, which adds float32 in float64
        total = Design(X).rmatmul(weights.base[:, None])[:, 0]
        center = total / weights.base.sum()
    design = Design(X, center, intercept)
    coef = np.empty((K, design.shape[1]))
    coef[:, : X.shape[1]] = features
    if intercept:
        coef[:, -1] = np.broadcast_to(np.ravel(estimator.intercept_), (K,))
        if center is not None:
            coef[:, -1] += features @ center
    return design, coef


def write_coefficients(estimator, parameters):
    """Set `coef_` and `intercept_` of a fitted linear model, in the types and shapes they have.

    Parameters
    ----------
    estimator : fitted estimator
    parameters : ndarray of shape (p,)
        The coefficients of all outputs, then the intercepts of a model that has them.
    """
    n, dtype = np.size(estimator.coef_), estimator.coef_.dtype
    estimator.coef_ = parameters[:n].reshape(np.shape(estimator.coef_)).astype(dtype)
    if len(parameters) > n:
        intercept = parameters[n:].reshape(np.shape(estimator.intercept_)).astype(dtype)
        estimator.intercept_ = intercept if intercept.ndim else intercept[()]


def sparse_objective(
    estimator,
    X,
    y,
    coding,
    loss,
    *,
    l1,
    l2,
    intercept_l1=0.0,
    weights,
    settings,
    mean_form=False,
    together=False,
):
    """Objective of a linear model with an l1 penalty, on the coefficients that are not zero.

    Parameters
    ----------
    estimator, X, y, coding, loss, weights, settings, mean_form
        See :func:`linear_objective`.
    l1, l2 : float or ndarray of shape (n_features,)
        Factors of the absolute values of the features' coefficients, and of half their squares.
    intercept_l1 : float
        The same as `l1` for the intercept.
    together : bool
        Whether the l1 penalty is on the norm of a column's coefficients, so that all outputs
        select the same columns; otherwise each selects columns of its own.
    """
    K = coding.n_outputs
    # softmax: the estimator keeps the sum of its intercepts, which is not that of centred features
    centred = settings.center and intercept_l1 == 0.0 and not loss.shift_invariant
    everything, coef = design_and_coef(estimator, X, K, weights, centred=centred)
    n_free = coef.shape[1] - X.shape[1]
    features = np.ones(X.shape[1])
    l1 = np.append(l1 * features, np.full(n_free, float(intercept_l1)))
    l2 = np.append(l2 * features, np.zeros(n_free))
    coef, l1, l2 = coef.ravel(), np.tile(l1, K), np.tile(l2, K)
    kind = ActivePenalty if K == 1 else GroupPenalty if together else EntriesPenalty
    none = np.zeros((K, 0)) if together else np.zeros(0)
    penalty = kind(l1, l2, np.arange(0), none).of(coef)
    selected = penalty.selected
    refuse(
        estimator,
        not len(selected),
        "no coefficient other than zero",
        "Expected a model that depends on its training rows: lower the penalty.",
    )
    if K == 1:
        predictor: Any = SelectedPredictor(everything, selected, coef[None, selected])
    else:
        predictor = EntriesPredictor(everything, K, selected, coef[selected])
    scaling = "mean" if mean_form else settings.penalty_scaling
    return Objective(loss, predictor, y, penalty, weights, coding, penalty_scaling=scaling)


def fixed_selection_objective(estimator, X, y, sample_weight, *, penalty=0.0, settings):
    """Squared error of a regressor on the columns that have coefficients, which stay the same.

    Parameters
    ----------
    estimator, X, settings
        See :func:`linear_objective`.
    y : ndarray of shape (n, 1)
    sample_weight : ndarray of shape (n,)
        How often the estimator was given each row.
    penalty : float or ndarray of shape (n_features,)
        Second derivative of the penalty, of all columns.
    """
    refuse_several_targets(estimator, y)
    weights = RowWeights(sample_weight)
    everything, coef = design_and_coef(estimator, X, 1, weights, centred=settings.center)
    free = np.arange(coef.shape[1]) >= X.shape[1]
    selected = np.flatnonzero((coef[0] != 0.0) | free)
    diagonal = np.append(np.broadcast_to(penalty, X.shape[1]), np.zeros(free.sum()))
    predictor = SelectedPredictor(everything, selected, coef[:, selected])
    scaling = settings.penalty_scaling
    coding = TargetCoding("real", 1)
    loss, diagonal = SquaredError(), diagonal[None, selected]
    return Objective(loss, predictor, y, diagonal, weights, coding, penalty_scaling=scaling)


def class_weights(
    estimator,
    y,
    coding,
    sample_weight,
    *,
    weighted_counts=COUNTS_ARE_WEIGHTED,
    own_output_only=False,
    members=None,
):
    """RowWeights of a classifier's `class_weight` parameter.

    Parameters
    ----------
    weighted_counts : bool
        Whether "balanced" counts rows by their sample weight; by default as the installed
        scikit-learn does.
    own_output_only : bool
    members : ndarray of bool, shape (C, K), default=None
        See RowWeights.
    """
    class_weight = estimator.class_weight
    if class_weight is None and members is None:
        return RowWeights(sample_weight)
    codes = coding.codes(y)
    own_output_only = own_output_only and coding.n_outputs > 1
    if isinstance(class_weight, str):  # "balanced": validated by the estimator's own fit
        counts = sample_weight if weighted_counts else np.ones(len(codes))
        return RowWeights(sample_weight, codes, None, counts, own_output_only, members=members)
    fixed = compute_class_weight(class_weight, classes=coding.classes, y=np.asarray(y).ravel())
    return RowWeights(sample_weight, codes, fixed, None, own_output_only, members=members)


def chosen_alpha(estimator):
    """The penalty that a CV form chose, or the given one."""
    alpha = getattr(estimator, "alpha_", None)
    return estimator.alpha if alpha is None else alpha


def target_values(y):
    """Target values as float64, (n, K): an estimator that was fitted before has not seen this y."""
    y = as_floats(y, "y")
    return y.reshape(len(y), -1)


def margin_coding(classes):
    """TargetCoding of -1/+1: one column for two classes, one versus rest for more."""
    return TargetCoding("margin", 1 if len(classes) == 2 else len(classes), classes)


def refuse(estimator, condition, what, remedy):
    """Raise UnsupportedEstimatorError for a setting that has no smooth objective."""
    if condition:
        raise UnsupportedEstimatorError(
            f"{type(estimator).__name__} with {what} is not supported. {remedy}"
        )


def refuse_bounds(estimator):
    """Raise for coefficients that are bounded from below."""
    refuse(
        estimator,
        getattr(estimator, "positive", False),
        "positive=True",
        "Expected positive=False: bounded coefficients have no stationary point.",
    )


def refuse_several_targets(estimator, y):
    """Raise where a sparse model of each target would select columns of its own."""
    refuse(
        estimator,
        y.shape[1] > 1,
        f"{y.shape[1]} targets",
        "Expected one target: each has a selection of its own. Explain a model of each.",
    )


def refuse_multilabel(estimator, y):
    """Raise for multilabel targets."""
    kind = type_of_target(y)
    refuse(
        estimator,
        kind.startswith("multilabel") or kind == "multiclass-multioutput",
        f"{kind} targets",
        "Expected one label a row; explain each label's model on its own.",
    )
