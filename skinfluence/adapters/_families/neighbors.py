"""Nearest neighbours, in closed form."""

import numpy as np
import sklearn

from skinfluence.adapters._linear import refuse, refuse_multilabel
from skinfluence.adapters._registry import register
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


def _build(model, estimator, X, y, sample_weight):
    if hasattr(estimator, "classes_"):
        refuse_multilabel(estimator, y)
    n, k = X.shape[0], getattr(estimator, "n_neighbors", 0)
    refuse(
        estimator,
        model is NearestNeighbors and k >= n,
        f"n_neighbors={k} and {n} rows",
        "Expected fewer neighbours than rows: without a row there are too few.",
    )
    return model(estimator, X, np.asarray(y), sample_weight)


def _register(name, model):
    of_shares = " of vote shares" if name.endswith("Classifier") else ""

    @register(
        "sklearn.neighbors",
        name,
        examples=lambda: [getattr(sklearn.neighbors, name)()],
        check=_check,
        caveat=CAVEAT.format(of_shares),
        closed_form=True,
    )
    def neighbors(estimator, X, y, sample_weight, settings):
        """Votes of the nearest rows."""
        return _build(model, estimator, X, y, sample_weight)


for name, model in (
    ("KNeighborsClassifier", NearestNeighbors),
    ("KNeighborsRegressor", NearestNeighbors),
    ("RadiusNeighborsClassifier", RadiusNeighbors),
    ("RadiusNeighborsRegressor", RadiusNeighbors),
):
    _register(name, model)
