"""LinearSVC (squared hinge, and hinge through the smooth hinge) and our SmoothHingeSVC."""

from skinfluence.adapters._linear import (
    HINGE_STAND_IN,
    margin_objective,
    refuse,
    write_coefficients,
)
from skinfluence.adapters._registry import register_path
from skinfluence.losses import SmoothHinge, SquaredHinge
from skinfluence.losses._hinge import HingeStandIn


def _check(estimator):
    refuse(
        estimator,
        estimator.multi_class != "ovr" or estimator.penalty != "l2",
        f"multi_class={estimator.multi_class!r}, penalty={estimator.penalty!r}",
        'Expected multi_class="ovr" and penalty="l2".',
    )


def _stand_in(estimator):
    return HINGE_STAND_IN if estimator.loss == "hinge" else ""


@register_path(
    "sklearn.svm.LinearSVC",
    {"tol": 1e-8, "max_iter": 100_000},
    {"loss": "hinge", "C": 0.1, "tol": 1e-8, "max_iter": 100_000},
    check=_check,
    caveat=_stand_in,
    write=write_coefficients,
)
def linear_svc(estimator, X, y, sample_weight, settings):
    """P = 1 / C on features and intercept; one binary machine per class beyond two.

    The hinge has no curvature: the derivatives of its machines are those of the smooth hinge of
    Koh & Liang (section 4.2) at `settings.temperature`. Refits are those of the hinge itself.
    """
    loss = (
        SquaredHinge() if estimator.loss == "squared_hinge" else HingeStandIn(settings.temperature)
    )
    return margin_objective(
        estimator,
        X,
        y,
        sample_weight,
        settings,
        loss,
        penalty=1.0 / estimator.C,
        intercept_penalty=1.0 / (estimator.C * estimator.intercept_scaling**2),
        # liblinear gives the class weight to a class's own machine only
        counting={"own_output_only": True},
    )


@register_path("skinfluence.svm.SmoothHingeSVC", {"temperature": 0.5}, write=write_coefficients)
def smooth_hinge_svc(estimator, X, y, sample_weight, settings):
    """Our own machine, at its own temperature: P = 1 / C on the features, the intercept free."""
    loss = SmoothHinge(estimator.temperature)
    # our own machine sums sample weights, whatever the installed scikit-learn does
    given = {"counting": {"weighted_counts": True}, "penalty": 1.0 / estimator.C}
    return margin_objective(estimator, X, y, sample_weight, settings, loss, **given)
