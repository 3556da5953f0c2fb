"""Networks of PyTorch as scikit-learn estimators; torch is imported when it is first used."""

from skinfluence.networks._feature_map import FeatureMap
from skinfluence.networks._modules import ModuleClassifier, ModuleRegressor
from skinfluence.networks._own_risk import RiskMinimizer

__all__ = ["FeatureMap", "ModuleClassifier", "ModuleRegressor", "RiskMinimizer"]


def __dir__():
    return __all__
