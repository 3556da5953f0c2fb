"""Texts: documents in place of a table, columns of free text, pipelines that take either."""

import numpy as np
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.feature_extraction import DictVectorizer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skinfluence import CleanedClassifier, LabelCleaner, LabelFlagger
from skinfluence.labels._sources.members import fit_forest
from tests.labels._quick import quick
from tests.labels._tables import frame

rng = np.random.default_rng(0)
truth = rng.choice(list("abc"), 300)
common, own = [f"w{i}" for i in range(60)], {c: [f"{c}{i}" for i in range(30)] for c in "abc"}
DOCS = [" ".join([*rng.choice(own[c], 5), *rng.choice(common, 9)]) for c in truth]
given = truth.copy()
wrong = np.zeros(300, bool)
wrong[rng.choice(300, 15, replace=False)] = True
given[wrong] = [{"a": "b", "b": "c", "c": "a"}[t] for t in truth[wrong]]
pipe = make_pipeline(TfidfVectorizer(), LogisticRegression())
by_counts = make_pipeline(TfidfVectorizer(), MultinomialNB())


def series(library):
    table = frame({"text": DOCS}, library)
    return table["text"]


CONTAINERS = {
    "list": lambda: DOCS,
    "tuple": lambda: tuple(DOCS),
    "strings": lambda: np.array(DOCS),
    "objects": lambda: np.array(DOCS, dtype=object),
    "pandas": lambda: series("pandas"),
    "polars": lambda: series("polars"),
    "pyarrow": lambda: series("pyarrow"),
}


def flattened(images):
    return images.reshape(len(images), -1)


def about_right(flagged):
    return 12 <= flagged.sum() <= 19 and (flagged & wrong).sum() >= 12


@pytest.mark.parametrize("container", CONTAINERS)
def test_documents_without_an_estimator(container):
    docs = CONTAINERS[container]()
    found = quick().fit(docs, given)
    assert about_right(found.flagged_)
    assert "Documents by TF-IDF" in found.description_
    assert not hasattr(found, "n_features_in_")
    assert found.score_labels(docs[:4], given[:4]).shape == (4,)
    assert len(found.report(n_against=1)) == 300


@pytest.mark.parametrize(
    ("estimator", "container"),
    [(pipe, "list"), (pipe, "strings"), (pipe, "pandas"), (by_counts, "strings")],
    ids=lambda value: value if isinstance(value, str) else value[-1].__class__.__name__,
)
def test_a_pipeline_gets_the_documents(estimator, container):
    docs = CONTAINERS[container]()
    found = LabelFlagger(estimator).fit(docs, given)
    assert average_precision_score(wrong, found.scores_) > 0.9
    if estimator is pipe:
        vectors = TfidfVectorizer().fit_transform(DOCS)
        want = LabelFlagger(LogisticRegression()).fit(vectors, given)
        np.testing.assert_allclose(found.scores_, want.scores_, atol=1e-8)
        kept, labels = LabelCleaner(LabelFlagger(pipe)).fit_resample(docs, given)
        assert type(kept) is type(docs) and len(kept) == len(labels) < 300
    for flagger in (quick(), LabelFlagger(pipe)):
        cleaned = CleanedClassifier(estimator, flagger, action="drop").fit(docs, given)
        assert (cleaned.predict(docs) == truth).mean() > 0.9


def test_updates_and_new_documents():
    found = LabelFlagger(pipe).fit(DOCS[:250], given[:250])
    assert average_precision_score(wrong[250:], found.score_labels(DOCS[250:], given[250:])) > 0.7
    rows = found.suggest_review(10)
    assert wrong[rows].mean() >= 0.8
    found.update(rows, truth[rows])
    assert not found.flagged_[rows].any()
    found.suggest_review(3, strategy="gain", X_test=DOCS[250:], y_test=truth[250:])


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
def test_a_column_of_free_text_is_not_one_hot_encoded(library):
    noise = np.random.default_rng(1).standard_normal(300)
    texts = [None if i == 7 else text for i, text in enumerate(DOCS)]
    table = frame({"x": noise, "text": texts, "kind": np.array(["u", "v"] * 150)}, library)
    found = quick().fit(table, given)
    assert about_right(found.flagged_)
    assert "categorical: kind; free text by TF-IDF: text" in found.description_
    with config_context(transform_output="pandas"):
        assert about_right(clone(found).fit(table, given).flagged_)


def test_a_pipeline_with_a_text_column():
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame({"text": DOCS})
    encode = make_column_transformer((TfidfVectorizer(), "text"))
    found = LabelFlagger(make_pipeline(encode, LogisticRegression())).fit(table, given)
    assert average_precision_score(wrong, found.scores_) > 0.9


def test_other_inputs_of_a_pipeline():
    counted = [{word: 1 for word in doc.split()} for doc in DOCS]
    found = LabelFlagger(make_pipeline(DictVectorizer(), LogisticRegression())).fit(counted, given)
    assert average_precision_score(wrong, found.scores_) > 0.9
    images = TfidfVectorizer(max_features=64).fit_transform(DOCS).toarray().reshape(-1, 8, 8)
    flat = FunctionTransformer(flattened)
    found = LabelFlagger(make_pipeline(flat, LogisticRegression())).fit(images, given)
    assert found.flagged_.shape == (300,)


def test_a_column_of_numbers_is_still_no_table():
    for column in (np.arange(300.0), list(range(300))):
        with pytest.raises(ValueError, match="X is one column"):
            quick().fit(column, given)
    with pytest.raises(ValueError, match="X is one column"):
        LabelFlagger(LogisticRegression()).fit(DOCS, given)
    table = LabelFlagger(LogisticRegression()).fit(np.eye(300), given)
    with pytest.raises(ValueError, match="2D array"):
        table.score_labels(DOCS, given)


def test_texts_without_words_are_words_as_a_whole():
    signs = [{"a": ":-) !", "b": ":-( ?", "c": ""}[c] for c in truth]
    found = quick().fit(signs, given)
    assert (found.flagged_ == wrong).all()
    assert (found.suggested_[wrong] == truth[wrong]).all()


def hidden_docs():
    others = [f"v{i}" for i in range(200)]
    drawn = np.random.default_rng(0)
    return [" ".join([*text.split()[:3], *drawn.choice(others, 12)]) for text in DOCS]


def test_cross_validated_trees_get_the_directions_in_order():
    hidden = hidden_docs()
    found = LabelFlagger(ranking="cross_validation", noise_model=False).fit(hidden, truth)
    assert (found.suggested_ == truth).mean() > 0.83


def test_pooled_trees_get_the_directions_in_order(monkeypatch):
    grown, module = [], "skinfluence.labels._sources.representations."
    monkeypatch.setattr(module + "fit_forest", lambda *_: grown.append(fit_forest(*_)) or grown[-1])
    hidden = hidden_docs()
    LabelFlagger(noise_model=False, random_state=0).fit(hidden, truth)
    codes = grown[0].out_of_bag.argmax(axis=1)
    assert (np.unique(truth)[codes] == truth).mean() > 0.83  # .53 where they were mixed
