"""scikit-learn's own conformance suite on the flagger around every kind of estimator."""

import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.estimator_checks import parametrize_with_checks

from skinfluence import LabelFlagger

QUICK = [LabelFlagger(representation="linear"), LabelFlagger(LogisticRegression())]
# as it comes, and with cross-validation: many more fits
SLOW = [LabelFlagger(), LabelFlagger(DecisionTreeClassifier(max_depth=2))]


def all_checks(flaggers):
    """The checks as a list: scikit-learn 1.6 hands pytest a generator, of which it warns."""
    names, values = parametrize_with_checks(flaggers).args
    return pytest.mark.parametrize(names, list(values))


@all_checks(QUICK)
def test_scikit_learn_estimator_checks(estimator, check):
    check(estimator)


@pytest.mark.slow
@all_checks(SLOW)
def test_scikit_learn_estimator_checks_of_every_source(estimator, check):
    check(estimator)
