"""scikit-learn's own conformance suite on the flagger around every kind of estimator."""

import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.estimator_checks import parametrize_with_checks

from skinfluence import LabelFlagger
from tests.labels.test_estimator_checks_of_cleaning import LONG, _name

QUICK = [LabelFlagger(representation="linear"), LabelFlagger(LogisticRegression())]
# as it comes, and with cross-validation: many more fits
SLOW = [LabelFlagger(), LabelFlagger(DecisionTreeClassifier(max_depth=2))]


def all_checks(flaggers, without=()):
    """The checks as a list: scikit-learn 1.6 hands pytest a generator, of which it warns."""
    names, values = parametrize_with_checks(flaggers).args
    kept = [pair for pair in values if _name(pair) not in without]
    return pytest.mark.parametrize(names, kept)


@all_checks(QUICK, LONG)
def test_scikit_learn_estimator_checks(estimator, check):
    check(estimator)


@pytest.mark.slow
@all_checks(SLOW)
def test_scikit_learn_estimator_checks_of_every_source(estimator, check):
    check(estimator)
