"""The noise model of labels or of values, fitted to what the sources predict."""

import numpy as np

from skinfluence.labels._noise.classes import fit_label_noise
from skinfluence.labels._noise.values import fit_value_noise


def fit_noise_model(source, target, weight, *, contamination, start=None, certain=None, **settings):
    """The LabelNoise or ValueNoise of every row of positive weight, with its flags.

    `source` predicts the rows of `target` out of sample. `settings` are those of the flagger.
    `start` is the noise model of the same rows with other labels in some of them. Rows that are
    `certain` have a right label: they are never flagged, and not counted among the others.
    """
    settings.update(certain=certain)
    if target.n_classes is None:
        noise = fit_value_noise(source, target.codes, weight, **settings)
    else:
        noise = fit_label_noise(source, target.codes, weight, start=start, **settings)
    noise.judge(weight if certain is None else np.where(certain, 0.0, weight), contamination)
    noise.warn()
    return noise
