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
    LabelCleaner(quick),
]
# as they come, and around more: many more fits
SLOW = [
    CleanedClassifier(),
    CleanedRegressor(),
    CleanedClassifier(
        DecisionTreeClassifier(random_state=0), LabelFlagger(LogisticRegression()), action="drop"
    ),
    CleanedRegressor(DecisionTreeRegressor(random_state=0), quick, action="reweight"),
    CleanedClassifier(
        make_pipeline(StandardScaler(), LogisticRegression()), quick, action="reweight"
    ),
]


#: Ten formats, of which the check of sparse arrays has the same.
LONG = ("check_estimator_sparse_matrix",)


def all_checks(estimators, without=()):
    """The checks as a list: scikit-learn 1.6 hands pytest a generator, of which it warns.

    Without those that hold a weight of two for a repeated row: a label is judged by the other rows;
    a repetition of the row is one of them and vouches for it, a weight does not. Whether that shows
    is chance on fifteen rows. Weight zero is the same as an absent row (tested by name).
    """
    mark = parametrize_with_checks(estimators)
    names, values = mark.args
    kept = [pair for pair in values if _name(pair) not in (*WEIGHTS_ARE_REPEATS, *without)]
    return pytest.mark.parametrize(names, kept, **mark.kwargs)


def _name(pair):
    check = getattr(pair, "values", pair)[1]
    return getattr(check, "func", check).__name__


@all_checks(QUICK, LONG)
def test_scikit_learn_estimator_checks(estimator, check):
    check(estimator)


@pytest.mark.slow
# of scikit-learn's trees, whose leaves say zero
@pytest.mark.filterwarnings("ignore:divide by zero encountered in log:RuntimeWarning")
@all_checks(SLOW)
def test_scikit_learn_estimator_checks_of_the_defaults(estimator, check):
    check(estimator)
