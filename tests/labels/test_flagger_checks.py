"""scikit-learn's own conformance suite on the flagger around every kind of estimator."""

import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.estimator_checks import parametrize_with_checks

from skinfluence import LabelFlagger

FLAGGERS = [
    LabelFlagger(),
    LabelFlagger(LogisticRegression()),
    LabelFlagger(Ridge(), contamination="strict"),
    LabelFlagger(DecisionTreeClassifier(max_depth=2)),
]


def all_checks():
    """The checks as a list: scikit-learn 1.6 hands pytest a generator, of which it warns."""
    names, values = parametrize_with_checks(FLAGGERS).args
    return pytest.mark.parametrize(names, list(values))


@all_checks()
def test_scikit_learn_estimator_checks(estimator, check):
    check(estimator)
