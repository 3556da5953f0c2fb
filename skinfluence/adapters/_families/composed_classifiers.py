"""OneVsRestClassifier, MultiOutputClassifier and VotingClassifier, through their members."""

import numpy as np
import sklearn
from sklearn.linear_model import LogisticRegression

from skinfluence.adapters._composed import (
    ComposedObjective,
    caveats_of,
    check_members,
    member_of,
    write_members,
)
from skinfluence.adapters._families.composed_regressors import (
    members_of_outputs,
    members_of_voting,
)
from skinfluence.adapters._linear import refuse, refuse_multilabel
from skinfluence.adapters._registry import register
from skinfluence.losses import Logistic, Multinomial, OneVsRestLogLoss
from skinfluence.losses._joined import JoinedLoss
from skinfluence.objectives import TargetCoding
from skinfluence.objectives._joined_coding import JoinedCoding
from skinfluence.predictors._combinations import LogOf, Probabilities, SideBySide, WeightedMean

NO_PROBABILITY = (
    "Expected members with predict_proba that are known here, such as LogisticRegression."
)


def refuse_without_probability(estimator, members):
    """Raise for a member whose loss defines no probability of classes."""
    for member in members:
        raw = member.objective.predictor.take(slice(0, 1)).raw()
        refuse(
            estimator,
            member.objective.loss.probability(raw) is None
            or not hasattr(member.model, "predict_proba"),
            f"{type(member.model).__name__}, which has no probabilities,",
            NO_PROBABILITY,
        )


def mean_of_probabilities(estimator, members, weights, y, classes, sample_weight):
    """Objective whose loss is the log loss of the weighted mean of members' probabilities.

    The classes of the members are positions among `classes`.
    """
    refuse_without_probability(estimator, members)
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
    check_members(estimator, members_of_voting(estimator))


@register(
    "sklearn.ensemble",
    "VotingClassifier",
    examples=lambda: [
        sklearn.ensemble.VotingClassifier(
            [("a", LogisticRegression()), ("b", LogisticRegression(C=0.1))], voting="soft"
        )
    ],
    check=_check_voting,
    caveat=lambda estimator: caveats_of(members_of_voting(estimator)),
    composed=True,
    write=write_members,
)
def voting_classifier(estimator, X, y, sample_weight, settings):
    """Log loss of the weighted mean of the members' probabilities."""
    codes = estimator.le_.transform(np.asarray(y))
    members = [member_of(e, X, codes, sample_weight, settings) for e in estimator.estimators_]
    weights = estimator._weights_not_none
    weights = np.ones(len(members)) if weights is None else weights
    return mean_of_probabilities(estimator, members, weights, y, estimator.classes_, sample_weight)


@register(
    "sklearn.multioutput",
    "MultiOutputClassifier",
    examples=lambda: [sklearn.multioutput.MultiOutputClassifier(LogisticRegression())],
    check=lambda estimator: check_members(estimator, members_of_outputs(estimator)),
    caveat=lambda estimator: caveats_of(members_of_outputs(estimator)),
    composed=True,
    write=write_members,
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


@register(
    "sklearn.multiclass",
    "OneVsRestClassifier",
    examples=lambda: [sklearn.multiclass.OneVsRestClassifier(LogisticRegression())],
    # not the fitted ones, which are constants where all rows are of one class
    check=lambda estimator: check_members(estimator, [estimator.estimator]),
    caveat=lambda estimator: caveats_of([estimator.estimator]),
    composed=True,
    write=write_members,
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
    refuse(
        estimator,
        any(member.objective.n_outputs > 1 for member in members),
        f"{type(members[0].model).__name__}, which has two raw predictions for two classes,",
        "Expected members with one decision value, such as LogisticRegression.",
    )
    loss, kind = losses[0], "margin"  # separable: of several outputs it is the sum of theirs
    if isinstance(loss, Logistic) and C > 2:
        loss, kind = OneVsRestLogLoss(), "one_hot"
    coding = TargetCoding(kind, 1 if C == 2 else C, classes)
    y = coding.encode(y)
    return ComposedObjective(members, SideBySide.of_raw(members), loss, y, coding, sample_weight)
