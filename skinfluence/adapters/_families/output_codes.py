"""OutputCodeClassifier: a member for each bit of a code book."""

import numpy as np
from sklearn.linear_model import LogisticRegression

from skinfluence.adapters._composed import (
    ComposedObjective,
    member_of,
    refuse_several_raw,
    register_composed,
)
from skinfluence.adapters._linear import refuse
from skinfluence.losses._joined import JoinedLoss
from skinfluence.objectives._output_codes import CodeCoding
from skinfluence.predictors._combinations import SideBySide


def _check(estimator):
    refuse(
        estimator,
        not hasattr(estimator.estimator, "decision_function"),
        f"{type(estimator.estimator).__name__}, which has no decision_function,",
        "Expected members with decision values, such as LogisticRegression.",
    )


@register_composed(
    "sklearn.multiclass.OutputCodeClassifier",
    {"estimator": LogisticRegression(), "code_size": 2.0, "random_state": 0},
    members=lambda estimator: [estimator.estimator],
    check=_check,
)
def output_code_classifier(estimator, X, y, sample_weight, settings):
    """Sum over the bits of what each member's own loss is.

    A bit that all classes share has no member to explain: it moves the distances from all codes
    alike.
    """
    book = np.where(estimator.code_book_ > 0.0, 1.0, -1.0)
    bits = np.flatnonzero(np.ptp(book, axis=0))
    refuse(
        estimator,
        not len(bits),
        "a code book that tells no classes apart",
        "Expected a larger code_size or another random_state.",
    )
    coding = CodeCoding(estimator.classes_, book[:, bits])
    targets = coding.encode(y)
    members = [
        member_of(estimator.estimators_[bit], X, own, sample_weight, settings)
        for bit, own in zip(bits, targets.T, strict=True)
    ]
    refuse_several_raw(estimator, members)
    loss = JoinedLoss([member.objective.loss for member in members], [1] * len(members))
    return ComposedObjective(
        members,
        SideBySide.of_raw(members),
        loss,
        targets,
        coding,
        sample_weight,
        raw_are_decisions=False,
    )
