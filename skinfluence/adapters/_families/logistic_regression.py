"""LogisticRegression and LogisticRegressionCV: binary and multinomial, every solver."""

import numpy as np
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV

from skinfluence.adapters._linear import class_weights, linear_objective, refuse
from skinfluence.adapters._registry import register
from skinfluence.losses import Logistic, Loss, Multinomial
from skinfluence.objectives import TargetCoding

SMOOTH_PENALTY = "Expected the l2 penalty (l1_ratio=0) or none (C=np.inf): l1 is not smooth."


def _build(estimator, X, y, sample_weight, settings, C):
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
    loss: Loss = Logistic() if n_classes == 2 else Multinomial()
    if n_classes == 2:
        coding = TargetCoding("margin", 1, estimator.classes_)
    else:
        coding = TargetCoding("one_hot", n_classes, estimator.classes_)
    intercept_penalty = 0.0
    if estimator.solver == "liblinear":  # its intercept is the weight of one more feature
        intercept_penalty = 1.0 / (C * estimator.intercept_scaling**2)
    return linear_objective(
        estimator,
        X,
        coding.encode(y),
        coding,
        loss,
        penalty=1.0 / C,
        intercept_penalty=intercept_penalty,
        weights=class_weights(estimator, y, coding, sample_weight),
        settings=settings,
    )


def _is_l2(penalty, l1_ratio):
    """Whether the penalty is l2 (or none): "deprecated" means that l1_ratio decides."""
    if penalty in ("l2", None, "none"):
        return True
    return penalty != "l1" and not l1_ratio


def _check(estimator):
    penalty, l1_ratio = estimator.penalty, estimator.l1_ratio
    refuse(
        estimator, not _is_l2(penalty, l1_ratio), _said(penalty, l1_ratio=l1_ratio), SMOOTH_PENALTY
    )


def _check_cv(estimator):
    refuse(
        estimator,
        not estimator.refit,
        "refit=False",
        "Expected refit=True: averaged coefficients minimise nothing.",
    )
    penalty = estimator.penalty
    if hasattr(estimator, "l1_ratio_"):
        tried, name = estimator.l1_ratio_, "l1_ratio_"
    else:
        tried, name = estimator.l1_ratios, "l1_ratios"
    # where it chooses among several, the choice says it
    tried = [] if tried is None or isinstance(tried, str) else np.ravel(np.asarray(tried)).tolist()
    is_l1 = bool(tried) and all(tried) and penalty != "l2"
    refuse(estimator, not _is_l2(penalty, is_l1), _said(penalty, **{name: tried}), SMOOTH_PENALTY)


def _said(penalty, **settings):
    """What the user set; "deprecated" is scikit-learn's mark for a penalty that was not given."""
    settings = settings if penalty == "deprecated" else {"penalty": penalty, **settings}
    return ", ".join(f"{name}={value!r}" for name, value in settings.items())


@register(
    "sklearn.linear_model",
    "LogisticRegression",
    examples=lambda: [
        LogisticRegression(),
        LogisticRegression(C=0.1, class_weight="balanced"),
        LogisticRegression(solver="liblinear"),
    ],
    check=_check,
)
def logistic_regression(estimator, X, y, sample_weight, settings):
    """P = 1 / C on the features; liblinear penalises the intercept too, others leave it free."""
    C = np.inf if estimator.penalty in (None, "none") else float(estimator.C)
    return _build(estimator, X, y, sample_weight, settings, C)


@register(
    "sklearn.linear_model",
    "LogisticRegressionCV",
    examples=lambda: [LogisticRegressionCV(Cs=3, cv=3)],
    check=_check_cv,
    caveat="The chosen C_ counts as fixed.",
)
def logistic_regression_cv(estimator, X, y, sample_weight, settings):
    """LogisticRegression at the chosen `C_`, which is held fixed."""
    C = np.unique(np.ravel(estimator.C_))
    refuse(estimator, len(C) > 1, f"one C per class ({C.tolist()})", "Expected one C for all.")
    return _build(estimator, X, y, sample_weight, settings, float(C[0]))
