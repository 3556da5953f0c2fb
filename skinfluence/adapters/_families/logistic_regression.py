"""LogisticRegression and LogisticRegressionCV: binary and multinomial, every solver."""

import numpy as np
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV

from skinfluence.adapters._linear import (
    SELECTION,
    class_weights,
    linear_objective,
    refuse,
    sparse_objective,
    write_coefficients,
)
from skinfluence.adapters._registry import register
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
    liblinear = estimator.solver == "liblinear"  # its intercept is the weight of one more feature
    if l1_ratio:
        return sparse_objective(
            estimator,
            X,
            coding.encode(y),
            coding,
            loss,
            l1=l1_ratio / C,
            l2=(1.0 - l1_ratio) / C,
            intercept_l1=1.0 / (C * estimator.intercept_scaling) if liblinear else 0.0,
            weights=weights,
            settings=settings,
        )
    return linear_objective(
        estimator,
        X,
        coding.encode(y),
        coding,
        loss,
        penalty=1.0 / C,
        intercept_penalty=1.0 / (C * estimator.intercept_scaling**2) if liblinear else 0.0,
        weights=weights,
        settings=settings,
    )


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


@register(
    "sklearn.linear_model",
    "LogisticRegression",
    examples=lambda: [
        LogisticRegression(),
        LogisticRegression(C=0.1, class_weight="balanced"),
        LogisticRegression(solver="liblinear"),
    ],
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


@register(
    "sklearn.linear_model",
    "LogisticRegressionCV",
    examples=lambda: [LogisticRegressionCV(Cs=3, cv=3)],
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
