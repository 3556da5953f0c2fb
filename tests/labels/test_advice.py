"""What an error text advises runs as it is printed."""

import datetime

import numpy
import numpy as np
import pandas
import pytest
from sklearn.cluster import KMeans
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from skinfluence import CleanedClassifier, LabelFlagger
from tests.labels._tables import NUMBERS, frame
from tests.labels._tables import X as numbers
from tests.labels._tables import y as labels

column, forest = numbers[:, 0], RandomForestClassifier(5, random_state=0)
days = pandas.to_datetime([datetime.date(2020, 1, 1 + i % 28) for i in range(200)])
WITHOUT = {
    "pandas": "X.drop(columns='day')",
    "polars": "X.drop('day')",
    "pyarrow": "X.drop_columns(['day'])",
}
both = np.c_[labels, labels[::-1]]
quick = LabelFlagger(representation="linear")


def linear(estimator=None, **settings):
    return LabelFlagger(estimator, representation="linear", **settings)


#: What raises, what the text advises, and what runs it: "{}" stands for the advice.
CASES = {
    "a column": (
        "quick.fit(X, y)", "numpy.reshape(X, (-1, 1))", "quick.fit({}, y)", column, labels),
    "a series": ("quick.fit(X, y)", "X.to_frame()", "quick.fit({}, y)",
                 pandas.Series(column, name="a"), labels),
    "exchanged": ("quick.fit(y, X)", "fit(X, y)", "quick.{}", numbers, labels),
    "labels of two types": (
        "quick.fit(X, y)", "fit(X, [str(label) for label in y])", "quick.{}",
        numbers, np.array([1 if label else "no" for label in labels], dtype=object)),
    "missing labels": (
        "quick.fit(X, y)", "fit(X[pandas.notna(y)], y[pandas.notna(y)])", "quick.{}",
        numbers, np.where(np.arange(200) == 3, None, labels)),
    "missing numbers": (
        "quick.fit(X, y)", "fit(X[pandas.notna(y)], y[pandas.notna(y)])", "quick.{}",
        numbers, np.where(np.arange(200) == 3, np.nan, labels)),
    "a class": ("LabelFlagger(LogisticRegression).fit(X, y)", "LogisticRegression()",
                "LabelFlagger({}).fit(X, y)", numbers[:, :1], labels),
    "a clustering": ("LabelFlagger(KMeans()).fit(X, y)", "LabelFlagger()", "{}.fit(X, y)",
                     numbers[:60], labels[:60]),
    "no weights": ('CleanedClassifier(KNeighborsClassifier(), action="reweight").fit(X, y)',
                   'action="drop"', "CleanedClassifier(KNeighborsClassifier(), {}).fit(X, y)",
                   numbers[:60], labels[:60]),
    "report of two": ("flagger.report()", "flagger.flaggers_[0].report()", "{}", numbers, both),
    "cleaned two": ('CleanedClassifier(forest, quick, action="drop").fit(X, y)',
                    "LabelFlagger().fit(X, y).flagged_", "{}", numbers[:30], both[:30]),
    **{f"a name, {library}": (
        "quick.fit(X, 'day')", f"fit({drop}, X['day'])", "quick.{}",
        ({**NUMBERS, "day": labels}, library), None)
       for library, drop in WITHOUT.items()},
    **{f"dates, {library}": (
        "quick.fit(X, y)", f"fit({drop}, y)", "quick.{}",
        ({**NUMBERS, "day": days}, library), labels)
       for library, drop in WITHOUT.items()},
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_the_advice_runs_as_it_is_printed(case):
    raises, advice, runs, X, y = CASES[case]
    X = frame(*X) if isinstance(X, tuple) else X
    names = {**globals(), "LabelFlagger": linear, "X": X, "y": y}
    if "flagger." in raises:
        names["flagger"] = linear().fit(X, y)
    with pytest.raises((ValueError, TypeError, AttributeError)) as caught:
        eval(raises, names)
    assert advice in str(caught.value)
    eval(runs.format(advice), names)


def test_the_names_of_the_cases_are_used():
    """What `eval` takes from this module: linters see no use of it."""
    used = (numpy, KMeans, LogisticRegression, KNeighborsClassifier, CleanedClassifier, quick)
    assert all(part is not None for part in used)
