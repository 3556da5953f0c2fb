"""TransformedTargetRegressor, VotingRegressor and MultiOutputRegressor, through their members."""

import numpy as np
from sklearn.linear_model import LinearRegression, Ridge

from skinfluence.adapters._composed import ComposedObjective, member_of, register_composed
from skinfluence.adapters._linear import refuse, target_values
from skinfluence.losses import SquaredError
from skinfluence.objectives import TargetCoding
from skinfluence.predictors._combinations import SideBySide, Transformed, Values, WeightedMean

#: Step of the numerical derivative of an inverse transformation, in spreads of its input.
STEP = 1e-3


def values_of(members):
    """What each member predicts."""
    return [Values(member.objective.loss) for member in members]


def objective_of_values(members, combination, y, sample_weight, chain=None):
    """Objective whose loss is half the squared error of the whole's own predictions."""
    coding, loss = TargetCoding("real", y.shape[1]), SquaredError()
    return ComposedObjective(members, combination, loss, y, coding, sample_weight, chain=chain)


def _member_of_transformed(estimator):
    fitted = getattr(estimator, "regressor_", estimator.regressor)
    return [LinearRegression() if fitted is None else fitted]


def _caveat_of_transformed(estimator):
    own = estimator.transformer
    return own is not None and f"The fitted {type(own).__name__} of the targets is held fixed."


def _cube(values):
    return values**3


@register_composed(
    "sklearn.compose.TransformedTargetRegressor",
    {"regressor": Ridge(), "func": np.cbrt, "inverse_func": _cube},
    members=_member_of_transformed,
    caveat=_caveat_of_transformed,
)
def transformed_target_regressor(estimator, X, y, sample_weight, settings):
    """Squared error of the predictions in the units of y; the transformer stays as it is fitted."""
    one, transformer = estimator._training_dim == 1, estimator.transformer_
    y = target_values(y)
    targets = np.asarray(transformer.transform(y), dtype=float).reshape(len(y), -1)
    own = targets[:, 0] if one else targets
    member = member_of(estimator.regressor_, X, own, sample_weight, settings)
    spread = np.ptp(targets, axis=0)
    steps = STEP * np.where(spread > 0, spread, 1.0)
    combination = Transformed(Values(member.objective.loss), transformer, steps)
    return objective_of_values([member], combination, y, sample_weight)


def members_of_voting(estimator):
    """Members of a voting or stacking ensemble, fitted where they are."""
    if hasattr(estimator, "estimators_"):
        return estimator.estimators_
    named = estimator.estimators if isinstance(estimator.estimators, list | tuple) else []
    return [pair[1] for pair in named if pair[1] != "drop"]


@register_composed(
    "sklearn.ensemble.VotingRegressor",
    {"estimators": [("a", Ridge()), ("b", Ridge(10.0))], "weights": [2, 1]},
    members=members_of_voting,
)
def voting_regressor(estimator, X, y, sample_weight, settings):
    """Squared error of the weighted mean of the members' predictions."""
    y = target_values(y)
    refuse(estimator, y.shape[1] > 1, f"{y.shape[1]} outputs", "Expected one target a row.")
    members = [member_of(e, X, y[:, 0], sample_weight, settings) for e in estimator.estimators_]
    combination = WeightedMean(values_of(members), estimator._weights_not_none)
    return objective_of_values(members, combination, y, sample_weight)


def members_of_outputs(estimator):
    """The fitted estimator of each output, or the one that is fitted for each."""
    return getattr(estimator, "estimators_", [estimator.estimator])


@register_composed(
    "sklearn.multioutput.MultiOutputRegressor", {"estimator": Ridge()}, members=members_of_outputs
)
def multi_output_regressor(estimator, X, y, sample_weight, settings):
    """Squared error of all outputs, each predicted by a member of its own."""
    y = target_values(y)
    pairs = zip(estimator.estimators_, y.T, strict=True)
    members = [member_of(e, X, own, sample_weight, settings) for e, own in pairs]
    combination = SideBySide(values_of(members))
    return objective_of_values(members, combination, y, sample_weight)
