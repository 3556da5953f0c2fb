"""LogisticRegression and LogisticRegressionCV: binary and multinomial, every solver."""

import numpy as np

from skinfluence.adapters._linear import (
    SELECTION,
    class_weights,
    linear_objective,
    refuse,
    sparse_objective,
    write_coefficients,
)
from skinfluence.adapters._registry import register_path
from skinfluence.objectives import log_loss_of

CHOSEN = "The chosen C_ is held fixed."


def _build(estimator, X, y, sample_weight, settings, C, l1_ratio):
    n_classes = len(estimator.classes_)
    multi_class = getattr(estimator, "multi_class", "deprecated")  # gone in scikit-learn 1.8
    one_versus_rest = n_classes > 2 and (estimator.solver == "liblinear" or multi_class == "ovr")
    refuse(
        estimator,
        one_versus_rest or (n_classes == 2 and multi_class == "multinomial"),
        f"solver={estimator.solver!r}, multi_class={multi_class!r} and {n_classes} classes",
        "Expected the multinomial model for three or more classes and the binary one for two: "
        'leave multi_class alone and choose another solver than "liblinear".',
    )
    loss, coding = log_loss_of(estimator.classes_)
    weights = class_weights(estimator, y, coding, sample_weight)
    # the intercept of liblinear is the weight of one more feature
    scaling = estimator.intercept_scaling if estimator.solver == "liblinear" else np.inf
    given = estimator, X, coding.encode(y), coding, loss
    common = {"weights": weights, "settings": settings}
    if l1_ratio:
        l1, l2 = l1_ratio / C, (1.0 - l1_ratio) / C
        return sparse_objective(*given, l1=l1, l2=l2, intercept_l1=1.0 / (C * scaling), **common)
    own = 1.0 / (C * scaling**2)
    return linear_objective(*given, penalty=1.0 / C, intercept_penalty=own, **common)


def _l1_ratio(penalty, l1_ratio):
    """Share of the l1 penalty: "deprecated" means that l1_ratio decides."""
    if penalty in ("l2", None, "none"):
        return 0.0
    return 1.0 if penalty == "l1" else float(l1_ratio or 0.0)


def _caveat(estimator):
    return SELECTION if _l1_ratio(estimator.penalty, estimator.l1_ratio) else ""


def _check_cv(estimator):
    refuse(
        estimator,
        not estimator.refit,
        "refit=False",
        "Expected refit=True: averaged coefficients minimise nothing.",
    )


def _caveat_cv(estimator):
    tried = estimator.l1_ratios  # None and "warn" stand for l2
    tried = [] if tried is None or isinstance(tried, str) else np.ravel(tried)
    l1 = any(_l1_ratio(estimator.penalty, ratio) for ratio in tried)
    return CHOSEN + (f" {SELECTION}" if l1 or estimator.penalty == "l1" else "")


@register_path(
    "sklearn.linear_model.LogisticRegression",
    {},
    {"C": 0.1, "class_weight": "balanced"},
    {"solver": "liblinear"},
    caveat=_caveat,
    write=write_coefficients,
)
def logistic_regression(estimator, X, y, sample_weight, settings):
    """P = 1 / C on the features; liblinear penalises the intercept too, others leave it free.

    With an l1 penalty the share 1 - l1_ratio of that, on the columns that are selected.
    """
    C = np.inf if estimator.penalty in (None, "none") else float(estimator.C)
    l1_ratio = 0.0 if np.isinf(C) else _l1_ratio(estimator.penalty, estimator.l1_ratio)
    return _build(estimator, X, y, sample_weight, settings, C, l1_ratio)


@register_path(
    "sklearn.linear_model.LogisticRegressionCV",
    {"Cs": 3, "cv": 3},
    check=_check_cv,
    caveat=_caveat_cv,
    write=write_coefficients,
)
def logistic_regression_cv(estimator, X, y, sample_weight, settings):
    """LogisticRegression at the chosen `C_` and `l1_ratio_`, which are held fixed."""
    C = np.unique(np.ravel(estimator.C_))
    refuse(estimator, len(C) > 1, f"one C per class ({C.tolist()})", "Expected one C for all.")
    chosen = getattr(estimator, "l1_ratio_", None)  # an array of one for each class, or of None
    chosen = np.ravel(np.asarray(chosen))[0]
    l1_ratio = _l1_ratio(estimator.penalty, chosen)
    return _build(estimator, X, y, sample_weight, settings, float(C[0]), l1_ratio)
