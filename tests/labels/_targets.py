"""Targets of codes or values, as sources take them."""

import numpy as np

from skinfluence.labels._inputs.targets import Target


def target_of(values, n_classes=None):
    """The Target of codes 0 ... n_classes - 1; without, of the values of a regression."""
    return Target(np.asarray(values), None if n_classes is None else np.arange(n_classes))
