"""SVC and NuSVC: the hinge on kernel columns, with a free intercept; one machine per pair."""

from functools import partial

import numpy as np
from scipy import sparse
from sklearn.metrics.pairwise import pairwise_kernels
from sklearn.svm import NuSVC

from skinfluence.adapters._kernel import PrecomputedKernel, RowKernel, is_definite, kernel_objective
from skinfluence.adapters._linear import (
    HINGE_STAND_IN,
    class_weights,
    linear_objective,
    refuse,
    refuse_multilabel,
)
from skinfluence.adapters._registry import register_path
from skinfluence.losses import Loss
from skinfluence.losses._hinge import HingeStandIn
from skinfluence.losses._joined import PairLoss
from skinfluence.objectives import TargetCoding
from skinfluence.objectives._pairs import PairCoding

#: Difference of two rows that is rounding, relative to the largest entry.
SAME_ROWS = 1e-6


def fixed_gamma(estimator):
    """Caveat of a kernel whose width was computed from the training rows."""
    scaled = estimator.gamma == "scale" and estimator.kernel in ("rbf", "poly", "sigmoid")
    return "The gamma that was computed from the columns' variance is held fixed. " * scaled


def _caveat(estimator):
    return fixed_gamma(estimator) + HINGE_STAND_IN


def machine_kernel(estimator, X):
    """Kernel of a fitted machine of scikit-learn's libsvm with its training rows."""
    if estimator.kernel == "precomputed":
        return PrecomputedKernel(X)
    if callable(estimator.kernel):
        return RowKernel(estimator.kernel, X)
    settings = {"gamma": estimator._gamma, "degree": estimator.degree, "coef0": estimator.coef0}
    function = partial(pairwise_kernels, metric=estimator.kernel, filter_params=True, **settings)
    return RowKernel(function, X)


def machine_objective(estimator, X, y, coding, loss, dual, *, penalty, weights, settings):
    """Objective of a machine of libsvm: `dual` (n, K), or `coef_` for linear kernels.

    The intercept is free. Linear machines need no kernel matrix.
    """
    if estimator.kernel == "linear":
        objective = linear_objective(
            _Linear(estimator),
            X,
            y,
            coding,
            loss,
            penalty=penalty,
            weights=weights,
            settings=settings,
        )
        return objective.replace(dual=dual)
    objective = kernel_objective(
        estimator,
        X,
        y,
        coding,
        loss,
        machine_kernel(estimator, X),
        dual,
        intercept=estimator.intercept_,
        penalty=penalty,
        weights=weights,
        settings=settings,
        definite=is_definite(estimator.kernel, estimator.degree, estimator.coef0),
    )
    return objective.replace(dual=dual)


class _Linear:
    """What linear_objective reads of an estimator, from a machine with a linear kernel."""

    fit_intercept = True

    def __init__(self, machine):
        coef = machine.coef_
        self.coef_ = coef.toarray() if sparse.issparse(coef) else coef
        self.intercept_ = machine.intercept_


def support_rows(estimator, X, sample_weight, settings):
    """Positions of the support vectors: libsvm counts the rows that have a weight only.

    Raises ValueError where the machine was trained on other rows.
    """
    given, support = settings.fitted_to(len(sample_weight)), estimator.support_
    counted = given[sample_weight[given] > 0.0]
    if support.max(initial=0) < len(counted):
        support = counted[support]
    known, n = estimator.support_vectors_, estimator.shape_fit_[0]
    same = len(given) == n
    if same and known.shape[0] and sparse.issparse(X) == sparse.issparse(known):
        same = np.abs(X[support] - known).max() <= SAME_ROWS * np.abs(known).max()
    if not same:
        raise ValueError(
            f"{type(estimator).__name__} was trained on other rows, or with other weights of zero: "
            f"its dual coefficients belong to {n:,} rows in their order. Pass these rows; or the "
            "estimator without FrozenEstimator, which fits it to the given ones."
        )
    kernel = "precomputed" if estimator.kernel == "precomputed" else "of one's own"
    refuse(
        estimator,
        (callable(estimator.kernel) or kernel == "precomputed")
        and not np.array_equal(support, given[estimator.support_]),
        f"a kernel that is {kernel} and rows of weight zero",
        "Its predict takes the kernels of other rows than its support vectors. Leave the rows of "
        "weight zero out before fit; of a kernel matrix K, their columns too.",
    )
    return support


def pair_duals(estimator, X, sample_weight, settings):
    """Dual coefficients (n, K) of each pair of classes, on all training rows.

    Those of a row that the machine was given twice are added up.
    """
    n, support = len(sample_weight), support_rows(estimator, X, sample_weight, settings)
    coef = estimator.dual_coef_
    coef = coef.toarray() if sparse.issparse(coef) else coef
    n_classes = len(estimator.classes_)
    if n_classes == 2:
        dual = np.zeros((n, 1))
        np.add.at(dual[:, 0], support, coef[0])
        return dual
    pairs = PairCoding(estimator.classes_).pairs
    own = np.repeat(np.arange(n_classes), estimator.n_support_)
    dual = np.zeros((n, len(pairs)))
    for k, (a, b) in enumerate(pairs):  # rows of a class have one dual for each other class
        np.add.at(dual[:, k], support[own == a], coef[b - 1, own == a])
        np.add.at(dual[:, k], support[own == b], coef[a, own == b])
    return dual


def _classes(estimator, X, y, sample_weight, settings, cost, weighted):
    """`cost(dual, weights)` gives C of each output: a number or (K,).

    `weighted` has the class_weight that is used.
    """
    refuse_multilabel(estimator, y)
    loss: Loss = HingeStandIn(settings.temperature)
    if len(estimator.classes_) == 2:
        coding = TargetCoding("margin", 1, estimator.classes_)
        members = None
    else:
        ties = estimator.break_ties and estimator.decision_function_shape == "ovr"
        coding = PairCoding(estimator.classes_, estimator.decision_function_shape, ties)
        loss, members = PairLoss(loss), coding.signs != 0.0
    # these count rows for "balanced", whatever their sample weight
    weights = class_weights(
        weighted, y, coding, sample_weight, weighted_counts=False, members=members
    )
    dual = pair_duals(estimator, X, sample_weight, settings)
    penalty = 1.0 / np.asarray(cost(dual, weights.effective()))
    return machine_objective(
        estimator,
        X,
        coding.encode(y),
        coding,
        loss,
        dual,
        penalty=penalty,
        weights=weights,
        settings=settings,
    )


@register_path(
    "sklearn.svm.SVC",
    {},
    {"kernel": "linear", "C": 0.2},
    {"class_weight": "balanced"},
    caveat=_caveat,
)
def svc(estimator, X, y, sample_weight, settings):
    """P = 1 / C on the kernel columns, the intercept free; a machine for each pair of classes.

    The hinge has no curvature: derivatives are those of the smooth hinge of Koh & Liang (section
    4.2) at `settings.temperature`. Refits are those of the hinge itself. The loss of a row is
    summed over the pairs with its class.
    """
    C = float(estimator.C)
    return _classes(estimator, X, y, sample_weight, settings, lambda *_: C, weighted=estimator)


def _nu_caveat(estimator):
    unused = "libsvm leaves class weights out. " * (estimator.class_weight is not None)
    return f"The C that corresponds to nu is held fixed. {unused}{_caveat(estimator)}"


@register_path("sklearn.svm.NuSVC", {"nu": 0.4}, caveat=_nu_caveat)
def nu_svc(estimator, X, y, sample_weight, settings):
    """SVC at the C that `nu` amounts to at the solution, one for each pair of classes.

    It is the bound on the dual coefficients: that of the rows within the margin. libsvm leaves
    class weights out.
    """
    return _classes(estimator, X, y, sample_weight, settings, _bounds, weighted=NuSVC())


def _bounds(dual, weights):
    weights = np.broadcast_to(weights, dual.shape)
    return (np.abs(dual) / np.where(weights > 0.0, weights, 1.0)).max(axis=0)
