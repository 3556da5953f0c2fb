"""Targets of codes or values, and noise models of them."""

import numpy as np

from skinfluence.labels._inputs.targets import Target
from skinfluence.labels._noise import fit_noise_model


def target_of(values, n_classes=None):
    """The Target of codes 0 ... n_classes - 1; without, of the values of a regression."""
    return Target(np.asarray(values), None if n_classes is None else np.arange(n_classes))


def noise_of(source, values, weight=None, n_classes=None, **settings):
    """The noise model of the values, or of codes 0 ... n_classes - 1, that a source predicts."""
    weight = np.ones(len(values)) if weight is None else weight
    return fit_noise_model(source, target_of(values, n_classes), weight, **settings)
