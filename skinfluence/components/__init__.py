"""Components of influence: contributions of the training loss and of the inverse Hessian."""

from skinfluence.components._components import InfluenceComponents, influence_components

__all__ = ["InfluenceComponents", "influence_components"]


def __dir__():
    return __all__
