"""Nearest neighbours, in closed form."""

import numpy as np

from skinfluence.adapters._linear import refuse, refuse_multilabel
from skinfluence.adapters._registry import register_closed_form
from skinfluence.closed_form import NearestNeighbors, RadiusNeighbors

CAVEAT = (
    'Removals are exact (method="refit"); there is no derivative, so no method="first_order". Most '
    "rows have no effect on a test row, and the loss is half the squared error{}."
)


def _check(estimator):
    refuse(
        estimator,
        estimator.metric == "precomputed",
        'metric="precomputed"',
        "Expected a metric of rows: without a row the columns of distances change too.",
    )


def _build(estimator, X, y, sample_weight):
    """Votes of the nearest rows, or of those within a radius."""
    n, k = X.shape[0], getattr(estimator, "n_neighbors", None)
    model = RadiusNeighbors if k is None else NearestNeighbors
    if hasattr(estimator, "classes_"):
        refuse_multilabel(estimator, y)
    refuse(
        estimator,
        k is not None and k >= n,
        f"n_neighbors={k} and {n} rows",
        "Expected fewer neighbours than rows: without a row there are too few.",
    )
    return model(estimator, X, np.asarray(y), sample_weight)


for _kind, _said in (("Classifier", " of vote shares"), ("Regressor", "")):
    for _path in ("sklearn.neighbors.KNeighbors", "sklearn.neighbors.RadiusNeighbors"):
        register_closed_form(_path + _kind, _build, check=_check, caveat=CAVEAT.format(_said))
