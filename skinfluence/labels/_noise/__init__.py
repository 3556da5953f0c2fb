"""The noise model of labels or of values, fitted to what the sources predict."""

import numpy as np

from skinfluence.labels._noise.classes import fit_label_noise
from skinfluence.labels._noise.values import fit_value_noise


def fit_noise_model(source, target, weight, *, contamination, start=None, **settings):
    """The LabelNoise or ValueNoise of every row of positive weight, with its flags.

    `source` predicts the rows of `target` out of sample. `start` is the noise model of the same
    rows with other labels in some of them. Of the `settings`, rows that are `certain` have a right
    label: they are never flagged, and not counted among the others.
    """
    if target.n_classes is None:
        noise = fit_value_noise(source, target.codes, weight, **settings)
    else:
        noise = fit_label_noise(source, target.codes, weight, start=start, **settings)
    noise.judge(np.where(settings.get("certain", False), 0.0, weight), contamination)
    noise.warn()
    return noise
