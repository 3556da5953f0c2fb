"""The noise model of labels or of values, fitted to what the sources predict."""

import numpy as np

from skinfluence._utils.warnings import warn_user
from skinfluence.labels._noise.classes import LabelNoise
from skinfluence.labels._noise.values import ValueNoise


def fit_noise_model(
    source, target, weight, *, contamination="auto", max_iter=2, noise_model=True, **review
):
    """The LabelNoise or ValueNoise of every row, with its flags.

    A wrong label misleads the model, which then hides it and its neighbours. So each round predicts
    the rows of `target` out of sample by `source`, fits the noise model to that, and gives each row
    in the next fit the weight of the probability that its label is right: expectation-maximisation
    (Dempster, Laird & Rubin 1977) around a model that is left-one-out or cross-validated. There are
    at most `max_iter` fits, and one without `noise_model`.

    Of a `review`, rows that are `certain` have a right label: they keep their weight, are never
    flagged, and are not counted among the others. `before` is the noise model of the same rows with
    other labels in some of them.
    """
    kind = ValueNoise if target.n_classes is None else LabelNoise
    plain, row_weight = None, np.ones(len(weight))
    for n_iter in range(1, max_iter + 1):
        noise = kind(
            prediction=source.fit(weight * row_weight),
            codes=target.codes,
            weight=weight,
            row_weight=row_weight,
            with_noise=noise_model,
            n_iter=n_iter,
            plain=plain,
            **review,
        )
        proposed = noise.next_row_weight() if noise_model and n_iter < max_iter else None
        if proposed is None:
            break
        row_weight, plain = proposed, noise.predicted if plain is None else plain
        noise.prediction = None  # whose model may be as large as the next one
        review["before"] = noise
    noise.flagged, noise.contamination = noise.flag(contamination)
    if reason := noise.reason_to_doubt():
        warn_user(reason)
    return noise
