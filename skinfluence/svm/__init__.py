"""Support-vector classifiers whose influence functions exist."""

from skinfluence.svm._smooth_hinge_svc import SmoothHingeSVC

__all__ = ["SmoothHingeSVC"]


def __dir__():
    return __all__
