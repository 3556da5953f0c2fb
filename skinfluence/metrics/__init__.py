"""Scorers: fidelity of an explanation, and detection of wrong labels.

Each is a function ``score(estimator, X, y)`` and goes into a search as ``scoring=``; its settings
by `functools.partial`. The first three take a fitted :class:`~skinfluence.InfluenceExplainer` and
compare what it predicts for the loss on (X, y) with models that were really refitted: earlier steps
of a pipeline stay as they are, its last step is brought to its optimum without some training rows.
The refits are kept in the explainer's `memory` and shared by all candidates of a search over
`damping`, `method`, `solver` and `polish`; they run on `n_jobs` threads, and show their progress
by its `verbose`.
"""

from skinfluence.metrics._agreement import (
    group_concordance,
    linear_datamodeling_score,
    loo_concordance,
)
from skinfluence.metrics._detection import mislabel_detection_score

__all__ = [
    "group_concordance",
    "linear_datamodeling_score",
    "loo_concordance",
    "mislabel_detection_score",
]


def __dir__():
    return __all__
