"""Several labels or values a row: each column of y is judged by itself."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge

from skinfluence import CleanedClassifier, LabelCleaner, LabelFlagger
from tests.labels._quick import quick
from tests.labels._tables import LIBRARIES, X, frame, y

other = (X[:, 1] > np.median(X[:, 1])).astype(int)
BOTH = np.c_[y, other]
FLAGGERS = {
    "representation": LabelFlagger(representation="linear"),
    "closed form": LabelFlagger(LogisticRegression(C=1e-3, max_iter=1000)),
    "cross-validated": LabelFlagger(RandomForestClassifier(10, random_state=0)),
}


@pytest.mark.parametrize("kind", FLAGGERS)
def test_each_column_is_judged_by_itself(kind):
    found = clone(FLAGGERS[kind]).fit(X, BOTH)
    for j in (0, 1):
        want = clone(FLAGGERS[kind]).fit(X, BOTH[:, j])
        for name in ("scores_", "flagged_", "ranking_", "suggested_", "label_quality_"):
            np.testing.assert_array_equal(getattr(found, name)[:, j], getattr(want, name))
        np.testing.assert_array_equal(
            found.score_labels(X[:5], BOTH[:5])[:, j], want.score_labels(X[:5], BOTH[:5, j])
        )
        assert len(found.flaggers_[j].report(n_against=0)) == 200
    scores = [one.score(X, BOTH[:, j]) for j, one in enumerate(found.flaggers_)]
    assert found.score(X, BOTH) == pytest.approx(sum(scores))
    assert found.n_features_in_ == 6


@pytest.mark.parametrize("container", [*LIBRARIES, "sparse", "lists"])
def test_columns_of_every_container(container):
    labels = {"sparse": sparse.csr_array(BOTH), "lists": BOTH.tolist()}.get(container)
    if labels is None:
        labels = frame({"a": np.where(y, "yes", "no"), "b": other}, container)
    flagger = FLAGGERS["representation"]
    found, want = clone(flagger).fit(X, labels), clone(flagger).fit(X, BOTH)
    np.testing.assert_allclose(found.scores_, want.scores_)
    if container in LIBRARIES:
        assert set(found.suggested_[:, 0]) == {"yes", "no"}


def test_columns_of_values_and_of_classes():
    values = np.c_[X[:, 2], y]
    found = LabelFlagger(representation="linear").fit(X[:, :2], values)
    assert [one.target_type_ for one in found.flaggers_] == ["values", "classes"]
    found = LabelFlagger(Ridge()).fit(X[:, :2], values)
    assert [one.target_type_ for one in found.flaggers_] == ["values", "values"]


def test_a_fit_to_one_column_forgets_several():
    found = clone(FLAGGERS["representation"]).fit(X, BOTH).fit(X, y)
    assert found.scores_.shape == (200,) and not hasattr(found, "flaggers_")
    assert len(found.report(n_against=0)) == 200


def test_what_is_refused_says_what_to_do():
    flagger = clone(FLAGGERS["representation"]).fit(X, BOTH)
    for ask in (flagger.report, flagger.suggest_review, lambda: flagger.update([0], [1]),
                lambda: flagger.explainer_, lambda: flagger.row_names_):  # fmt: skip
        with pytest.raises(AttributeError, match=r"flagger\.flaggers_\[0\]\.report\(\)"):
            ask()
    with pytest.raises(ValueError, match=r"Column 1 of y: .* one class"):
        quick().fit(X, np.c_[y, np.ones(200)])
    with pytest.raises(ValueError, match="y has 1 columns; expected 2"):
        flagger.score_labels(X, y)
    trees = RandomForestClassifier(5)
    for cleaner in (LabelCleaner(quick()), CleanedClassifier(trees, quick(), action="drop")):
        with pytest.raises(ValueError, match=r"y has 2 columns.*LabelFlagger\(\)\.fit\(X, y\)"):
            cleaner.fit(X, BOTH)
