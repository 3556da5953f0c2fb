"""SGDClassifier and SGDRegressor at the optimum of their objective."""

import numpy as np

from skinfluence.adapters._linear import (
    class_weights,
    linear_objective,
    margin_coding,
    refuse,
    target_values,
)
from skinfluence.adapters._registry import register_path
from skinfluence.losses import (
    Huber,
    ModifiedHuber,
    SmoothEpsilonInsensitive,
    SmoothHinge,
    SquaredEpsilonInsensitive,
    SquaredError,
    SquaredHinge,
)
from skinfluence.losses._robust import OneVersusRestLogistic
from skinfluence.objectives import RowWeights, TargetCoding

#: Loss of each name: from the estimator, the explainer's temperature, and the standard deviation
#: of the targets.
LOSSES = {
    "hinge": lambda estimator, t, spread: SmoothHinge(t),
    "log_loss": lambda estimator, t, spread: OneVersusRestLogistic(),
    "modified_huber": lambda estimator, t, spread: ModifiedHuber(),
    "squared_hinge": lambda estimator, t, spread: SquaredHinge(),
    "squared_error": lambda estimator, t, spread: SquaredError(),
    "huber": lambda estimator, t, spread: Huber(estimator.epsilon),
    "epsilon_insensitive": lambda estimator, t, spread: SmoothEpsilonInsensitive(
        estimator.epsilon, t * spread
    ),
    "squared_epsilon_insensitive": lambda estimator, t, spread: SquaredEpsilonInsensitive(
        estimator.epsilon
    ),
}
OPTIMUM = (
    "Explained at the optimum of its objective, which stochastic gradient descent does not "
    "reach exactly: distance_to_optimum_ measures the difference."
)


def _check(estimator):
    refuse(
        estimator,
        estimator.loss not in LOSSES,
        f"loss={estimator.loss!r}",
        f"It has no second derivative. Expected one of {sorted(LOSSES)}.",
    )
    refuse(
        estimator,
        estimator.penalty not in ("l2", None),
        f"penalty={estimator.penalty!r}",
        'Expected "l2" or None: for a selection of columns take ElasticNet() or Lasso().',
    )
    refuse(
        estimator,
        estimator.learning_rate in ("pa1", "pa2"),
        f"learning_rate={estimator.learning_rate!r}",
        "Passive-aggressive steps go to no optimum. Expected another learning_rate.",
    )
    refuse(
        estimator,
        estimator.early_stopping,
        "early_stopping=True",
        "Expected False: a part of the rows would be held out, and have no influence.",
    )


def _caveat(estimator):
    if estimator.loss not in ("hinge", "epsilon_insensitive"):
        return OPTIMUM
    return f"{OPTIMUM} Its loss is a smooth one, at the explainer's temperature, in refits too."


def _penalty(estimator, n):
    """P of the sum over n rows: each update shrinks by alpha, whatever the row's weight."""
    return estimator.alpha * n if estimator.penalty == "l2" else 0.0


@register_path(
    "sklearn.linear_model.SGDClassifier",
    *(
        {"loss": loss, "alpha": 0.01}
        for loss in ("hinge", "log_loss", "modified_huber", "squared_hinge")
    ),
    check=_check,
    caveat=_caveat,
)
def sgd_classifier(estimator, X, y, sample_weight, settings):
    """The mean loss plus alpha / 2 times the squared norm; one machine per class beyond two."""
    coding = margin_coding(estimator.classes_)
    weights = class_weights(
        estimator, y, coding, sample_weight, weighted_counts=False, own_output_only=True
    )
    return _objective(estimator, X, coding.encode(y), coding, weights, settings)


@register_path(
    "sklearn.linear_model.SGDRegressor",
    *(
        {"loss": loss, "alpha": 0.01}
        for loss in ("squared_error", "huber", "epsilon_insensitive", "squared_epsilon_insensitive")
    ),
    check=_check,
    caveat=_caveat,
)
def sgd_regressor(estimator, X, y, sample_weight, settings):
    """The mean loss plus alpha / 2 times the squared norm."""
    coding = TargetCoding("real", 1)
    y = coding.encode(target_values(y))
    return _objective(estimator, X, y, coding, RowWeights(sample_weight), settings)


def _objective(estimator, X, y, coding, weights, settings):
    spread = float(np.sqrt(np.cov(y[:, 0], aweights=weights.base))) or 1.0
    return linear_objective(
        estimator,
        X,
        y,
        coding,
        LOSSES[estimator.loss](estimator, settings.temperature, spread),
        penalty=_penalty(estimator, len(y)),
        weights=weights.with_equal_amounts(),
        settings=settings,
        mean_form=True,
    )
