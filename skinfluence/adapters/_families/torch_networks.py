"""Estimators of `skinfluence.networks`: modules of PyTorch, and risks of one's own."""

from skinfluence.adapters._registry import register

AS_FITTED = (
    "Explained at the parameters as they are, which need not be an optimum: influences, and refits "
    "too, describe the surroundings of these parameters and not another training."
)


def _no_examples():
    """None without torch: tests/networks has the conformance tests."""
    return []


@register("skinfluence.networks", "ModuleClassifier", examples=_no_examples, caveat=AS_FITTED)
@register("skinfluence.networks", "ModuleRegressor", examples=_no_examples, caveat=AS_FITTED)
def module(estimator, X, y, sample_weight, settings):
    """The objective that the estimator itself minimises."""
    return estimator._objective(X, y, sample_weight)


@register(
    "skinfluence.networks",
    "RiskMinimizer",
    examples=_no_examples,
    caveat=lambda estimator: "" if estimator.convex else AS_FITTED,
)
def own_risk(estimator, X, y, sample_weight, settings):
    """The risk as it is written, differentiated automatically."""
    return estimator._objective(X, y, sample_weight)
