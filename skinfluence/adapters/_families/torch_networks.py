"""Estimators of `skinfluence.networks`: modules of PyTorch, and risks of one's own."""

from skinfluence.adapters._registry import register

AS_FITTED = (
    "Explained at the parameters as they are, which need not be an optimum: influences, and refits "
    "too, describe the surroundings of these parameters and not another training."
)


# The conformance tests of these are in tests/networks: torch may not be installed.
@register("skinfluence.networks", "ModuleClassifier", caveat=AS_FITTED)
@register("skinfluence.networks", "ModuleRegressor", caveat=AS_FITTED)
@register(
    "skinfluence.networks",
    "RiskMinimizer",
    caveat=lambda estimator: "" if estimator.convex else AS_FITTED,
)
def module(estimator, X, y, sample_weight, settings):
    """The objective that the estimator itself minimises."""
    return estimator._objective(X, y, sample_weight)
