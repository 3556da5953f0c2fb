"""The explainer, and what the tasks that stand on it share."""

from skinfluence.explainer._explainer import InfluenceExplainer

__all__ = ["InfluenceExplainer"]


def __dir__():
    return __all__
