"""StackingClassifier and StackingRegressor of fitted members: the last step on their outputs."""

import copy
from dataclasses import replace

import numpy as np
import sklearn
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge, RidgeCV

from skinfluence.adapters._composed import (
    ComposedObjective,
    caveats_of,
    check_members,
    write_members,
)
from skinfluence.adapters._families.composed_regressors import (
    members_of_voting,
    objective_of_values,
    values_of,
)
from skinfluence.adapters._fitted_model import explain_estimator
from skinfluence.adapters._linear import refuse, refuse_multilabel, target_values
from skinfluence.adapters._registry import register
from skinfluence.adapters._steps import FittedSteps, is_frozen
from skinfluence.predictors._combinations import SideBySide

FIXED = "The fitted members are held fixed: they are steps before the final estimator."


def _final(estimator, default):
    fitted = getattr(estimator, "final_estimator_", estimator.final_estimator)
    return default() if fitted is None else fitted


def _check(estimator, default):
    frozen = all(map(is_frozen, members_of_voting(estimator)))
    prefit = isinstance(estimator.cv, str) and estimator.cv == "prefit"
    refuse(
        estimator,
        not frozen and not prefit,
        "members that it fits itself",
        "A removed row moves the cross-validated predictions that its final estimator is fitted "
        "to, which is not followed here. Expected fitted members, each in a FrozenEstimator; or "
        'VotingClassifier(..., voting="soft") or VotingRegressor.',
    )
    refuse(
        estimator,
        not frozen and not hasattr(estimator, "final_estimator_"),
        'cv="prefit" and members that a copy would lose',
        "Expected each fitted member in a FrozenEstimator, or the whole fitted stack in one.",
    )
    check_members(estimator, [_final(estimator, default)])


def _member(estimator, X, y, sample_weight, settings):
    """The final estimator as a FittedModel, behind the members as a step."""
    final = estimator.final_estimator_
    out = explain_estimator(final, estimator.transform(X), y, sample_weight, settings)
    return replace(out, steps=FittedSteps([estimator, *out.steps.steps]))


def _fitted(model):
    return [("fitted", FrozenEstimator(model.fit([[0.0], [1.0]], [0, 1])))]


def _caveat(estimator, default):
    return caveats_of([_final(estimator, default)], FIXED)


@register(
    "sklearn.ensemble",
    "StackingRegressor",
    examples=lambda: [
        sklearn.ensemble.StackingRegressor(_fitted(DummyRegressor()), Ridge(), passthrough=True)
    ],
    check=lambda estimator: _check(estimator, RidgeCV),
    caveat=lambda estimator: _caveat(estimator, RidgeCV),
    composed=True,
    write=write_members,
)
def stacking_regressor(estimator, X, y, sample_weight, settings):
    """Squared error of the final estimator on the outputs of fitted members."""
    y = target_values(y)
    refuse(estimator, y.shape[1] > 1, f"{y.shape[1]} outputs", "Expected one target a row.")
    members = [_member(estimator, X, y[:, 0], sample_weight, settings)]
    combination = SideBySide(values_of(members))
    return objective_of_values(members, combination, y, sample_weight)


@register(
    "sklearn.ensemble",
    "StackingClassifier",
    examples=lambda: [
        sklearn.ensemble.StackingClassifier(_fitted(DummyClassifier()), passthrough=True)
    ],
    check=lambda estimator: _check(estimator, LogisticRegression),
    caveat=lambda estimator: _caveat(estimator, LogisticRegression),
    composed=True,
    write=write_members,
)
def stacking_classifier(estimator, X, y, sample_weight, settings):
    """Loss of the final estimator on the outputs of fitted members."""
    refuse_multilabel(estimator, y)
    codes = np.searchsorted(estimator.classes_, np.asarray(y))
    member = _member(estimator, X, codes, sample_weight, settings)
    own = member.objective
    coding = copy.copy(own.coding)
    coding.classes = estimator.classes_
    return ComposedObjective(
        [member],
        SideBySide.of_raw([member]),
        own.loss,
        coding.encode(y),
        coding,
        sample_weight,
        raw_are_decisions=own.raw_are_decisions,
    )
