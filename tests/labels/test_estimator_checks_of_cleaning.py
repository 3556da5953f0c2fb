"""scikit-learn's own conformance suite on the cleaned estimators and the sampler."""

import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from sklearn.utils.estimator_checks import parametrize_with_checks

from skinfluence import CleanedClassifier, CleanedRegressor, LabelCleaner, LabelFlagger

WEIGHTS_ARE_REPEATS = (
    "check_sample_weight_equivalence_on_dense_data",
    "check_sample_weight_equivalence_on_sparse_data",
)
quick = LabelFlagger(representation="linear")
QUICK = [
    CleanedClassifier(flagger=quick, action="relabel"),
    CleanedRegressor(flagger=quick, action="drop"),
    CleanedClassifier(
        DecisionTreeClassifier(random_state=0), LabelFlagger(LogisticRegression()), action="drop"
    ),
    CleanedRegressor(DecisionTreeRegressor(random_state=0), quick, action="reweight"),
    CleanedClassifier(
        make_pipeline(StandardScaler(), LogisticRegression()), quick, action="reweight"
    ),
    LabelCleaner(quick),
]
# as they come: many more fits
SLOW = [CleanedClassifier(), CleanedRegressor()]


def expected_failed_checks(estimator):
    """Check -> reason; a check that is named here and passes is a failure too."""
    if isinstance(estimator, LabelCleaner):
        return {}  # it predicts nothing that the checks could compare
    if estimator.action == "auto":
        return {}  # these checks have so few rows that nothing is done
    if isinstance(estimator, CleanedClassifier) and estimator.action in ("drop", "relabel"):
        return {}  # none of their labels, drawn at random, is flagged
    if isinstance(estimator.estimator, DecisionTreeRegressor):
        return {}  # grown to one value a leaf, whatever the weights are
    reason = (
        "a label is judged by the other rows: a repetition of the row is one of them and vouches "
        "for it, a weight does not; weight zero is the same as an absent row (tested by name)"
    )
    return dict.fromkeys(WEIGHTS_ARE_REPEATS, reason)


def all_checks(estimators):
    """The checks as a list: scikit-learn 1.6 hands pytest a generator, of which it warns."""
    mark = parametrize_with_checks(estimators, expected_failed_checks=expected_failed_checks)
    names, values = mark.args
    return pytest.mark.parametrize(names, list(values), **mark.kwargs)


# of scikit-learn's trees, whose leaves say zero
@pytest.mark.filterwarnings("ignore:divide by zero encountered in log:RuntimeWarning")
@all_checks(QUICK)
def test_scikit_learn_estimator_checks(estimator, check):
    check(estimator)


@pytest.mark.slow
@all_checks(SLOW)
def test_scikit_learn_estimator_checks_of_the_defaults(estimator, check):
    check(estimator)
