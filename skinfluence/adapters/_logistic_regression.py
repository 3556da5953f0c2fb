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


@register(
    "sklearn.linear_model",
    "LogisticRegression",
    examples=lambda: [
        LogisticRegression(),
        LogisticRegression(C=0.1, class_weight="balanced"),
        LogisticRegression(solver="liblinear"),
    ],
)
def logistic_regression(estimator, X, y, sample_weight, settings):
    """P = 1 / C on the features; liblinear penalises the intercept too, others leave it free."""
    penalty = estimator.penalty
    refuse(
        estimator,
        not _is_l2(penalty, estimator.l1_ratio),
        # "deprecated" is scikit-learn's mark for a penalty that the user did not give
        ("" if penalty == "deprecated" else f"penalty={penalty!r}, ")
        + f"l1_ratio={estimator.l1_ratio!r}",
        SMOOTH_PENALTY,
    )
    C = np.inf if penalty in (None, "none") else float(estimator.C)
    return _build(estimator, X, y, sample_weight, settings, C)


@register(
    "sklearn.linear_model",
    "LogisticRegressionCV",
    examples=lambda: [LogisticRegressionCV(Cs=3, cv=3)],
)
def logistic_regression_cv(estimator, X, y, sample_weight, settings):
    """LogisticRegression at the chosen `C_`, which is held fixed."""
    C = np.unique(np.ravel(estimator.C_))
    l1_ratio = np.ravel(np.asarray(estimator.l1_ratio_ if estimator.penalty != "l2" else 0.0))
    refuse(
        estimator,
        not estimator.refit,
        "refit=False",
        "Expected refit=True: averaged coefficients minimise nothing.",
    )
    refuse(
        estimator,
        not _is_l2(estimator.penalty, any(bool(r) for r in l1_ratio)),
        f"penalty={estimator.penalty!r}, l1_ratio_={l1_ratio.tolist()}",
        SMOOTH_PENALTY,
    )
    refuse(estimator, len(C) > 1, f"one C per class ({C.tolist()})", "Expected one C for all.")
    return _build(estimator, X, y, sample_weight, settings, float(C[0]))
