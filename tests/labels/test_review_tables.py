"""Tables and answers of a reviewer are checked as those of `fit`; all rows may be reviewed."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tests.labels._quick import quick

rng = np.random.default_rng(0)
X = pd.DataFrame(rng.standard_normal((80, 3)) * [1, 5, 0.2], columns=list("abc"))
values = X.a + 0.3 * X.b + rng.standard_normal(80)
y = (values > 0).astype(int)
MODELS = [None, LogisticRegression(), make_pipeline(StandardScaler(), LogisticRegression())]


def gain(flagger, X_test, y_test):
    return flagger.suggest_review(5, strategy="gain", X_test=X_test, y_test=y_test)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(
    "table, message",
    [
        (X[["c", "b", "a"]], "feature names should match"),
        (X.rename(columns={"a": "z"}), "feature names should match"),
        (X[["a", "b"]], "feature names should match"),
    ],
)
def test_test_rows_with_other_columns_are_refused(model, table, message):
    flagger = quick(model).fit(X, y)
    with pytest.raises(ValueError, match=message):
        gain(flagger, table[:20], y[:20])


def test_test_rows_are_as_many_columns_wide_and_have_as_many_known_labels():
    table = X.to_numpy()
    flagger = quick(LogisticRegression()).fit(table, y)
    with pytest.raises(ValueError, match="2 features"):
        gain(flagger, table[:20, :2], y[:20])
    with pytest.raises(ValueError, match="labels"):
        gain(flagger, table[:20], y[:20] + 7)
    with pytest.raises(ValueError, match="19"):
        gain(flagger, table[:20], y[:19])


@pytest.mark.parametrize("model", MODELS)
def test_nullable_columns_give_what_plain_ones_give(model):
    plain = X.assign(b=(X.b > 0).astype(float))
    nullable = X.assign(b=(X.b > 0).astype(int).astype("Int64"))
    chosen = [gain(quick(model).fit(table, y), table[:20], y[:20]) for table in (plain, nullable)]
    np.testing.assert_array_equal(*chosen)


@pytest.mark.parametrize("model", [*MODELS, Ridge()])
@pytest.mark.parametrize("contamination", ["auto", "strict", 0.1])
def test_all_rows_may_be_reviewed(model, contamination):
    labels = values if isinstance(model, Ridge) else y
    flagger = quick(model, contamination=contamination).fit(X, labels)
    flagger.update(np.arange(len(X)), labels)
    assert not flagger.flagged_.any()
    np.testing.assert_array_equal(flagger.label_quality_, 1.0)
    if model is not None and labels is y:
        assert flagger.contamination_ == 0.0
    assert len(flagger.suggest_review(5)) == 0
    assert len(flagger.suggest_review(5, strategy="gain")) == 0
    assert not flagger.report(n_against=0)["flag"].any()
    flagger.update([0], labels[:1])
