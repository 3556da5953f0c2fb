"""OneVsRestClassifier, MultiOutputClassifier and VotingClassifier, through their members."""

import numpy as np
from sklearn.linear_model import LogisticRegression

from skinfluence.adapters._composed import (
    ComposedObjective,
    member_of,
    refuse_several_raw,
    register_composed,
)
from skinfluence.adapters._families.composed_regressors import members_of_outputs, members_of_voting
from skinfluence.adapters._linear import refuse, refuse_multilabel
from skinfluence.adapters._support import last_steps
from skinfluence.losses import Logistic, Multinomial, OneVsRestLogLoss
from skinfluence.losses._joined import JoinedLoss
from skinfluence.objectives import TargetCoding
from skinfluence.objectives._joined_coding import JoinedCoding
from skinfluence.predictors._combinations import LogOf, Probabilities, SideBySide, WeightedMean

NO_PROBABILITY = (
    "Expected members with predict_proba that follows from raw predictions, such as "
    "LogisticRegression."
)
#: Their probabilities are fitted or averaged apart from their raw predictions.
OTHER_PROBABILITIES = ("SVC", "NuSVC", "GaussianProcessClassifier")


def check_probabilities(estimator, members):
    """Raise for a member, fitted or not, that has no probabilities of its raw predictions."""
    for member in members:
        for model, settled in last_steps(member):
            other = type(model).__name__ in OTHER_PROBABILITIES
            other |= getattr(model, "loss", None) == "modified_huber"
            missing = not hasattr(model, "predict_proba")
            _refuse_probability(estimator, model, settled and (other or missing))


def _refuse_probability(estimator, model, condition):
    name = type(model).__name__
    refuse(
        estimator,
        condition,
        f"{name}, which has no probabilities of its raw predictions,",
        NO_PROBABILITY,
    )


def _refuse_without_probability(estimator, members):
    """Raise for a fitted member whose loss defines no probability of classes."""
    for member in members:
        raw = member.objective.predictor.take(slice(0, 1)).raw()
        unknown = member.objective.loss.probability(raw) is None
        missing = unknown or not hasattr(member.model, "predict_proba")
        _refuse_probability(estimator, member.model, missing)


def mean_of_probabilities(estimator, members, weights, y, classes, sample_weight):
    """Objective whose loss is the log loss of the weighted mean of members' probabilities.

    The classes of the members are positions among `classes`; equal weights for None.
    """
    _refuse_without_probability(estimator, members)
    C = len(classes)
    outputs = [Probabilities(m.objective.loss, m.objective.coding.classes, C) for m in members]
    coding = TargetCoding("one_hot", C, classes)
    return ComposedObjective(
        members,
        LogOf(WeightedMean(outputs, weights)),
        Multinomial(),
        coding.encode(y),
        coding,
        sample_weight,
        raw_are_decisions=False,
    )


def _check_voting(estimator):
    refuse(
        estimator,
        estimator.voting != "soft",
        f"voting={estimator.voting!r}",
        'Expected voting="soft": a count of votes jumps where a member changes its mind, and has '
        "no derivative.",
    )
    check_probabilities(estimator, members_of_voting(estimator))


@register_composed(
    "sklearn.ensemble.VotingClassifier",
    {
        "estimators": [("a", LogisticRegression()), ("b", LogisticRegression(C=0.1))],
        "voting": "soft",
    },
    members=members_of_voting,
    check=_check_voting,
)
def voting_classifier(estimator, X, y, sample_weight, settings):
    """Log loss of the weighted mean of the members' probabilities."""
    codes = estimator.le_.transform(np.asarray(y))
    members = [member_of(e, X, codes, sample_weight, settings) for e in estimator.estimators_]
    weights, classes = estimator._weights_not_none, estimator.classes_
    return mean_of_probabilities(estimator, members, weights, y, classes, sample_weight)


@register_composed(
    "sklearn.multioutput.MultiOutputClassifier",
    {"estimator": LogisticRegression()},
    members=members_of_outputs,
)
def multi_output_classifier(estimator, X, y, sample_weight, settings):
    """Sum over the outputs of what each member's own loss is."""
    y = np.asarray(y)
    pairs = zip(estimator.estimators_, y.T, strict=True)
    members = [member_of(e, X, own, sample_weight, settings) for e, own in pairs]
    return joined_objective(members, y, sample_weight)


def joined_objective(members, y, sample_weight, chain=None):
    """Objective of several outputs, each of which is a member's own; `chain` as there."""
    coding = JoinedCoding([member.objective.coding for member in members])
    sizes = [member.objective.n_outputs for member in members]
    loss = JoinedLoss([member.objective.loss for member in members], sizes)
    return ComposedObjective(
        members,
        SideBySide.of_raw(members),
        loss,
        coding.encode(y),
        coding,
        sample_weight,
        raw_are_decisions=False,
        chain=chain,
    )


# not the fitted members, which are constants where all rows are of one class
@register_composed(
    "sklearn.multiclass.OneVsRestClassifier",
    {"estimator": LogisticRegression()},
    members=lambda estimator: [estimator.estimator],
)
def one_vs_rest_classifier(estimator, X, y, sample_weight, settings):
    """Log loss of the members' probabilities over their sum; else the sum of their own losses."""
    refuse_multilabel(estimator, y)
    classes, machines = estimator.classes_, estimator.estimators_
    C = len(classes)
    codes = TargetCoding("one_hot", C, classes).codes(y)
    sides = [codes == 1] if len(machines) == 1 else [codes == k for k in range(C)]
    pairs = zip(machines, sides, strict=True)
    members = [member_of(e, X, side.astype(int), sample_weight, settings) for e, side in pairs]
    losses = [member.objective.loss for member in members]
    refuse_several_raw(estimator, members)
    loss, kind = losses[0], "margin"  # separable: of several outputs it is the sum of theirs
    if isinstance(loss, Logistic) and C > 2:
        loss, kind = OneVsRestLogLoss(), "one_hot"
    coding = TargetCoding(kind, 1 if C == 2 else C, classes)
    y = coding.encode(y)
    return ComposedObjective(members, SideBySide.of_raw(members), loss, y, coding, sample_weight)
