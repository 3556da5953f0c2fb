"""Small real data sets that ship with the package, and makers of label noise."""

from ._forest_fires import load_forest_fires
from ._hard_noise import flip_hard_labels
from ._hospital import load_hospital_readmission
from ._noise import flip_labels

__all__ = [
    "flip_hard_labels",
    "flip_labels",
    "load_forest_fires",
    "load_hospital_readmission",
]


def __dir__():
    return __all__
