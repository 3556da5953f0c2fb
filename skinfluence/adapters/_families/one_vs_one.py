"""OneVsOneClassifier: a member for each pair of classes, on the rows of these."""

from sklearn.linear_model import LogisticRegression
from sklearn.utils import get_tags

from skinfluence.adapters._composed import (
    ComposedObjective,
    member_of,
    refuse_several_raw,
    register_composed,
)
from skinfluence.adapters._linear import refuse
from skinfluence.losses._joined import PairLoss
from skinfluence.objectives._pairs import PairCoding
from skinfluence.predictors._combinations import SideBySide


def _members(estimator):
    return getattr(estimator, "estimators_", [estimator.estimator])[:1]


def _check(estimator):
    refuse(
        estimator,
        get_tags(estimator.estimator).input_tags.pairwise,
        "members that take a matrix of pairs of rows",
        'Expected members that take rows; SVC(kernel="precomputed") is one versus one by itself.',
    )


@register_composed(
    "sklearn.multiclass.OneVsOneClassifier",
    {"estimator": LogisticRegression()},
    members=_members,
    check=_check,
)
def one_vs_one_classifier(estimator, X, y, sample_weight, settings):
    """Sum of the members' own losses over the pairs that have the class of the row."""
    classes = estimator.classes_
    refuse(estimator, len(classes) < 3, "two classes", "Explain the estimator that it holds.")
    coding = PairCoding(classes, break_ties=True)
    codes = coding.codes(y)
    fitted_to = settings.fitted_to(len(codes))
    members = []
    for model, (first, second) in zip(estimator.estimators_, coding.pairs, strict=True):
        there = (codes == first) | (codes == second)
        own = (codes == second).astype(int)
        rows = fitted_to[there[fitted_to]]
        members.append(
            member_of(model, X, own, sample_weight, settings, drawn=there, positions=rows)
        )
    refuse_several_raw(estimator, members)
    loss = PairLoss(members[0].objective.loss)
    # a member is positive for the second class of its pair, PairCoding for the first
    targets = coding.encode(y)
    return ComposedObjective(
        members, SideBySide.of_raw(members, sign=-1.0), loss, targets, coding, sample_weight
    )
