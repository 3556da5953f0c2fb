"""Transformers from a table of any type to columns of numbers."""

import numpy as np
from sklearn.base import clone
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from skinfluence._encoding._columns import (
    MOST_CATEGORIES,
    categories,
    columns_of,
    documents,
    is_documents,
    kind_of,
    numbers,
)
from skinfluence._encoding._text import FOR_DISTANCES, FOR_TREES, TextDirections, is_tfidf
from skinfluence._utils.frames import frame_backend

#: Numbers of more rows are scaled, and then have single precision.
MOST_ROWS_IN_DOUBLE = 20_000
#: Words of a column of free text that count.
MOST_WORDS = 50_000
#: A word, also of one letter; a text without any is one as a whole.
WORD = r"(?u)\b\w+\b|^\W*$"


def table_encoder(X, steps=(), *, model="distances"):
    """(unfitted transformer from rows like those of X to numbers, sentence on the columns).

    After the user's own `steps`, where there are any: numbers as they are (of many rows scaled),
    gaps with the mean and a column that marks them; categories one-hot, a gap as one of them, rare
    and unseen ones in one column; free text as the leading directions of its TF-IDF, for models of
    "distances" between rows or for "trees". For "linear" ones numbers are scaled, and categories
    and all words are sparse columns. The sentence is empty where all columns are numbers.
    """
    if steps:
        prepared = make_pipeline(*[clone(step) for step in steps]).fit_transform(X)
        said = f" Columns by {', '.join(type(step).__name__ for step in steps)}."
        return make_pipeline(*steps, table_encoder(prepared, model=model)[0]), said
    if is_documents(X):
        return _of_text(model), " Documents by TF-IDF."
    if not frame_backend(X) and getattr(X, "dtype", np.dtype(object)).kind not in "OUT":
        plain = _of_numbers(scaled=model == "linear")
        return make_pipeline(plain, *_directions(model)) if is_tfidf(X) else plain, ""
    places: dict = {"numbers": [], "sparse": [], "categories": [], "text": []}
    columns, kinds = columns_of(X), []
    for j, column in enumerate(columns):
        places[kind_of(column, X)].append(j)
    for kind, word in (("categories", "categorical"), ("text", "free text by TF-IDF")):
        names = [str(getattr(columns[j], "name", j)) for j in places[kind]]
        more = f" and {len(names) - 5} more" if len(names) > 5 else ""
        kinds += [f"{word}: {', '.join(names[:5])}{more}"] if names else []
    linear, many = model == "linear", X.shape[0] > MOST_ROWS_IN_DOUBLE
    parts = []
    if places["numbers"]:
        parts.append(_of_numbers(linear or many, many and not linear, columns=places["numbers"]))
    if places["sparse"]:
        parts.append(_of_numbers(columns=places["sparse"]))
    if places["categories"]:
        parts.append(_of_categories(linear, columns=places["categories"]))
    parts += [_of_text(model, columns=[j]) for j in places["text"]]
    union = ArrayUnion([(str(number), part) for number, part in enumerate(parts)])
    return union, f" Columns {'; '.join(kinds)}." if kinds else ""


class ArrayUnion(FeatureUnion, auto_wrap_output_keys=None):  # type: ignore[call-arg]
    """Columns of several transformers side by side, as an array whatever is configured."""


def _of_numbers(scaled=False, single=False, **which):
    # not the imputer's own indicator, which in scikit-learn 1.6 follows the configured output
    parts = (
        ("filled", SimpleImputer(keep_empty_features=True)),
        ("missing", MissingIndicator(error_on_new=False)),
    )
    union = FeatureUnion([(name, _plain(part)) for name, part in parts])
    steps = [_reader(numbers, which), _plain(union)]
    steps += [_plain(StandardScaler())] if scaled else []
    steps += [_reader(_single, {})] if single else []
    return make_pipeline(*steps)


def _single(X):
    return X.astype(np.float32)


def _of_categories(sparse, **which):
    one_hot = OneHotEncoder(
        max_categories=MOST_CATEGORIES,
        handle_unknown="infrequent_if_exist",
        sparse_output=sparse,
        dtype=np.float64 if sparse else np.float32,
    )
    return make_pipeline(_reader(categories, which), _plain(one_hot))


def _of_text(model, **which):
    tfidf = TfidfVectorizer(
        sublinear_tf=True, token_pattern=WORD, max_features=MOST_WORDS, dtype=np.float32
    )
    return make_pipeline(_reader(documents, which), tfidf, *_directions(model))


def _directions(model):
    sizes = {"distances": FOR_DISTANCES, "trees": FOR_TREES}
    return [TextDirections(sizes[model])] if model in sizes else []


def _reader(function, which):
    return _plain(FunctionTransformer(function, kw_args=which))


def _plain(transformer):
    # what the user has configured concerns the user's transformers, not these
    return transformer.set_output(transform="default")
