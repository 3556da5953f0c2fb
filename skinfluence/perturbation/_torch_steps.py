"""Derivative of a module of PyTorch that is a step of a pipeline."""

from skinfluence.perturbation._vjp import dense, register_vjp


@register_vjp("skinfluence.networks", "FeatureMap")
def feature_map(step, X, V):
    """By reverse-mode derivatives of the module."""
    return step.vjp(dense(X), V)
