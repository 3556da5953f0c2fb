"""BaggingClassifier and BaggingRegressor: members on draws of the rows, which are weights."""

import numpy as np
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.utils.metadata_routing import _routing_enabled, get_routing_for_object
from sklearn.utils.validation import has_fit_parameter

from skinfluence.adapters._composed import member_of, register_composed
from skinfluence.adapters._families.composed_classifiers import (
    check_probabilities,
    mean_of_probabilities,
)
from skinfluence.adapters._families.composed_regressors import objective_of_values, values_of
from skinfluence.adapters._linear import refuse, target_values
from skinfluence.predictors._combinations import WeightedMean

DRAWS = "The draws of rows and columns are held fixed: a removed row is removed from every draw."


def _members(estimator, X, y, sample_weight, settings):
    """FittedModel of each member: a row counts as often as it was drawn.

    A row that was not drawn has weight zero, and a label that the member knows.
    """
    given = settings.fitted_to(len(y))
    refuse(
        estimator,
        (sample_weight != np.bincount(given, minlength=len(y))).any(),
        "sample weights",
        "Expected none: they are the probabilities of draws, which are held fixed here.",
    )
    members, once = [], np.ones(len(y))
    if len(given) != estimator._n_samples:
        raise ValueError(
            f"{type(estimator).__name__} drew the rows of its members from {estimator._n_samples:,}"
            f", {len(given):,} are given. Pass the rows that it was trained on, in their order."
        )
    drawn = zip(
        estimator.estimators_,
        estimator.estimators_samples_,
        estimator.estimators_features_,
        strict=True,
    )
    for model, rows, columns in drawn:
        # drawn by weights of all rows where the member takes weights
        positions = None if _takes_weights(model) else given[rows]
        counts = np.bincount(given[rows], minlength=len(y)).astype(float)
        known = getattr(model, "classes_", None)
        labels = y if known is None else np.where(np.isin(y, known), y, known[0])
        members.append(
            member_of(
                model,
                X,
                labels,
                once,
                settings,
                columns=columns,
                drawn=counts,
                positions=positions,
            )
        )
    return members


def _takes_weights(model):
    """Whether a member is given all rows, with the draws as weights; else the rows drawn."""
    if _routing_enabled():
        return bool(get_routing_for_object(model).consumes("fit", ["sample_weight"]))
    return has_fit_parameter(model, "sample_weight")


def _held(estimator):
    """The fitted members, or the estimator that they are made of."""
    if hasattr(estimator, "estimators_"):
        return estimator.estimators_[:1]
    return [] if estimator.estimator is None else [estimator.estimator]


def _check(estimator):
    refuse(
        estimator,
        not _held(estimator),
        "estimator=None, a decision tree,",
        "Use LogisticRegression() or Ridge() as the estimator: trees have no derivative.",
    )


def _check_classifier(estimator):
    _check(estimator)
    check_probabilities(estimator, _held(estimator))


_OF_BOTH = {"members": _held, "caveat": lambda estimator: DRAWS, "write": None}


@register_composed(
    "sklearn.ensemble.BaggingRegressor",
    {"estimator": LinearRegression(), "random_state": 0},
    check=_check,
    **_OF_BOTH,
)
def bagging_regressor(estimator, X, y, sample_weight, settings):
    """Squared error of the mean of the members' predictions."""
    y = target_values(y)
    refuse(estimator, y.shape[1] > 1, f"{y.shape[1]} outputs", "Expected one target a row.")
    members = _members(estimator, X, y[:, 0], sample_weight, settings)
    return objective_of_values(members, WeightedMean(values_of(members)), y, sample_weight)


@register_composed(
    "sklearn.ensemble.BaggingClassifier",
    {"estimator": LogisticRegression(), "random_state": 0},
    check=_check_classifier,
    **_OF_BOTH,
)
def bagging_classifier(estimator, X, y, sample_weight, settings):
    """Log loss of the mean of the members' probabilities."""
    classes = estimator.classes_
    codes = np.searchsorted(classes, np.asarray(y))
    members = _members(estimator, X, codes, sample_weight, settings)
    return mean_of_probabilities(estimator, members, None, y, classes, sample_weight)
