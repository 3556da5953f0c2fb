"""Components of influence: what the training loss and the inverse Hessian each contribute."""

from skinfluence.components._components import InfluenceComponents, influence_components

__all__ = ["InfluenceComponents", "influence_components"]


def __dir__():
    return __all__
