"""Mistakes of a first user: each is refused with words that say what was got and what to pass."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression, Ridge

from skinfluence import CleanedClassifier, CleanedRegressor, LabelFlagger
from skinfluence.labels import find_wrong_labels
from tests.labels._quick import quick

rng = np.random.RandomState(0)
X = rng.randn(60, 3)
VALUES = X[:, 0] + 0.1 * rng.randn(60)
y = (VALUES > 0).astype(int)
y[:3] = 1 - y[:3]
FRAME = pd.DataFrame(X, columns=list("abc"), index=[f"r{i}" for i in range(60)])
COLUMN = pd.Series(y, index=FRAME.index)
PROBA = np.column_stack([1 - (X[:, 0] > 0) * 0.8 - 0.1, (X[:, 0] > 0) * 0.8 + 0.1])
REVERSED = pd.DataFrame(PROBA[:, ::-1], columns=[1, 0], index=FRAME.index)

MISTAKES = {
    "the name of a file.*read_csv": lambda: quick().fit("data.csv", y),
    "X is None; expected a table": lambda: quick().fit(None, y),
    r"another order.*y.loc\[X.index\]": lambda: quick().fit(FRAME, COLUMN[::-1]),
    "sample_weight is a pandas object .* another order": lambda: quick().fit(
        FRAME, COLUMN, sample_weight=(COLUMN + 1)[::-1]
    ),
    "The 60 labels of y all differ.*float": lambda: quick().fit(X, VALUES.astype(str)),
    'are for strategy="gain"': lambda: quick().fit(X, y).suggest_review(X_test=X, y_test=y),
    "explain='yes'. Expected 'all' or a whole number, at least 0": lambda: (
        quick().fit(X, y).report(explain="yes")
    ),
    "Unknown label type": lambda: find_wrong_labels(VALUES, PROBA),
    r"columns of proba are \[1, 0\].*pass classes=\[1, 0\]": lambda: find_wrong_labels(
        COLUMN, REVERSED
    ),
    r"another order.*y.loc\[proba.index\]": lambda: find_wrong_labels(COLUMN[::-1], REVERSED),
    "Expected a classifier; use CleanedRegressor": lambda: CleanedClassifier(Ridge()).fit(X, y),
    "Expected a regressor; use CleanedClassifier": lambda: CleanedRegressor(
        LogisticRegression()
    ).fit(X, VALUES),
    "flagger.estimator=Ridge.*Expected a classifier": lambda: CleanedClassifier(
        flagger=LabelFlagger(Ridge())
    ).fit(X, y),
    "flagger='auto'. Expected an instance": lambda: CleanedClassifier(flagger="auto").fit(X, y),
    r"LabelFlagger\(estimator\)": lambda: CleanedRegressor(flagger=Ridge()).fit(X, VALUES),
}


@pytest.mark.parametrize("words", MISTAKES)
def test_refused_with_advice(words):
    with pytest.raises(ValueError, match=f"(?is){words}"):
        MISTAKES[words]()


def test_the_advice_about_the_order_runs():
    expected = find_wrong_labels(y, PROBA).flagged
    assert expected.any()
    np.testing.assert_array_equal(find_wrong_labels(y, PROBA[:, 1]).flagged, expected)
    in_order = find_wrong_labels(COLUMN[::-1].loc[REVERSED.index], REVERSED, classes=[1, 0])
    np.testing.assert_array_equal(in_order.flagged, expected)
    flagged = quick().fit(FRAME, COLUMN[::-1].loc[FRAME.index]).flagged_
    np.testing.assert_array_equal(flagged, quick().fit(X, y).flagged_)


def test_nothing_is_headed_where_nothing_is_flagged():
    summary = quick(contamination=0.0).fit(X, y).summary()
    assert "No row is flagged." in str(summary)
    assert "the most suspicious first" not in str(summary)


def test_verbose_line_is_one_sentence(capsys):
    quick(verbose=1).fit(X, y)
    assert ".:" not in capsys.readouterr().out
