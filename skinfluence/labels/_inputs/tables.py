"""Conversion of a table of any type to numbers, for flaggers without an estimator."""

from numbers import Real

import narwhals.stable.v1 as nw
import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.utils import check_array

from skinfluence._utils.frames import frame_backend, without_column
from skinfluence.labels._inputs.directions import leading_directions

#: Columns that a categorical column becomes, at most: rarer categories share one.
MOST_CATEGORIES = 30
#: Numbers of more rows are scaled, and then have single precision.
MOST_ROWS_IN_DOUBLE = 20_000
#: Words of a column of free text that count, and columns that it becomes, at most.
MOST_WORDS, MOST_DIRECTIONS = 50_000, 300
#: A word, also of one letter; a text without any is one as a whole.
WORD = r"(?u)\b\w+\b|^\W*$"
#: Strings of so many words on the mean, hardly one of them twice, are free text.
WORDS_OF_TEXT = 3
FLOATS = [np.float64, np.float32]


def table_encoder(X, steps=()):
    """(unfitted transformer from rows like those of X to numbers, sentence on the columns).

    After the user's own `steps`, where there are any: numbers as they are (of many rows scaled),
    gaps with the mean and a column that marks them; categories one-hot, a gap as one of them, rare
    and unseen ones in one column; free text as the leading directions of its TF-IDF. The
    representation scales them. The sentence is empty where all columns are numbers.
    """
    if steps:
        prepared = make_pipeline(*[clone(step) for step in steps]).fit_transform(X)
        said = f" Columns by {', '.join(type(step).__name__ for step in steps)}."
        return make_pipeline(*steps, table_encoder(prepared)[0]), said
    if is_documents(X):
        return _of_text(), " Documents by TF-IDF."
    if not frame_backend(X) and getattr(X, "dtype", np.dtype(object)).kind not in "OUT":
        numbers = _of_numbers()
        return make_pipeline(numbers, TextDirections()) if _is_tfidf(X) else numbers, ""
    places: dict = {"numbers": [], "sparse": [], "categories": [], "text": []}
    columns, kinds = _columns(X), []
    for j, column in enumerate(columns):
        places[_kind(column, X)].append(j)
    for kind, word in (("categories", "categorical"), ("text", "free text by TF-IDF")):
        names = [str(getattr(columns[j], "name", j)) for j in places[kind]]
        more = f" and {len(names) - 5} more" if len(names) > 5 else ""
        kinds += [f"{word}: {', '.join(names[:5])}{more}"] if names else []
    many = X.shape[0] > MOST_ROWS_IN_DOUBLE
    of_numbers = _of_many_numbers if many else _of_numbers
    parts = [of_numbers(columns=places["numbers"])] if places["numbers"] else []
    parts += [_of_numbers(columns=places["sparse"])] if places["sparse"] else []
    parts += [_of_categories(columns=places["categories"])] if places["categories"] else []
    parts += [_of_text(columns=[j]) for j in places["text"]]
    union = ArrayUnion([(str(number), part) for number, part in enumerate(parts)])
    return union, f" Columns {'; '.join(kinds)}." if kinds else ""


def entries(column):
    """The entries of one column of any library as a list."""
    known = nw.from_native(column, pass_through=True, eager_only=True, allow_series=True)
    if isinstance(known, list | tuple):
        return list(known)
    return known.to_list() if isinstance(known, nw.Series) else np.asarray(column).tolist()


def is_missing(values):
    """Mask of the entries of a list that are None, NaN, or a missing value of pandas."""
    # pandas.NA answers a comparison with itself, which has no truth value: known by name
    return np.array(
        [v is None or type(v).__name__ == "NAType" or bool(v != v) for v in values], dtype=bool
    )


def is_documents(X):
    """Whether X is a sequence of texts, in place of a table."""
    if len(getattr(X, "shape", ())) > 1 or frame_backend(X):
        return False
    if isinstance(X, list | tuple) and len(X) and not (X[0] is None or isinstance(X[0], str)):
        return False
    if isinstance(X, np.ndarray) and X.dtype.kind not in "OUT":
        return False
    values = entries(X)
    texts = sum(isinstance(value, str) for value in values)
    return texts > 0 and texts + is_missing(values).sum() == len(values)


def _of_numbers(**which):
    # not the imputer's own indicator, which in scikit-learn 1.6 follows the configured output
    filled = SimpleImputer(keep_empty_features=True).set_output(transform="default")
    missing = MissingIndicator(error_on_new=False).set_output(transform="default")
    union = FeatureUnion([("filled", filled), ("missing", missing)])
    return make_pipeline(_reader(_numbers, which), union.set_output(transform="default"))


def _of_many_numbers(**which):
    scaler = StandardScaler().set_output(transform="default")
    return make_pipeline(_of_numbers(**which), scaler, _reader(_single, {}))


def _of_categories(**which):
    one_hot = OneHotEncoder(
        max_categories=MOST_CATEGORIES,
        handle_unknown="infrequent_if_exist",
        sparse_output=False,
        dtype=np.float32,
    )
    return make_pipeline(_reader(_categories, which), one_hot.set_output(transform="default"))


def _of_text(**which):
    words = TfidfVectorizer(
        sublinear_tf=True, token_pattern=WORD, max_features=MOST_WORDS, dtype=np.float32
    )
    return make_pipeline(_reader(_documents, which), words, TextDirections())


def _reader(function, which):
    # what the user has configured concerns the user's transformers, not these
    return FunctionTransformer(function, kw_args=which).set_output(transform="default")


class ArrayUnion(FeatureUnion, auto_wrap_output_keys=None):  # type: ignore[call-arg]
    """Columns of several transformers side by side, as an array whatever is configured."""


class TextDirections(TransformerMixin, BaseEstimator):
    """Leading directions of TF-IDF columns, turned so that all have about the same variance.

    Scaling the columns to variance one then leaves distances between rows as they are.
    """

    def fit(self, X, y=None):
        """Find the directions."""
        n_components = min(MOST_DIRECTIONS, *X.shape)
        directions = leading_directions(X, n_components, np.random.RandomState(0), n_iter=5)
        turned = np.random.RandomState(0).standard_normal((n_components, n_components))
        turned = np.linalg.qr(turned)[0].astype(X.dtype)
        self.components_ = turned @ directions.T  # shape: (m, n_words)
        return self

    def transform(self, X):
        """Columns of rows, (n_rows, m)."""
        return X @ self.components_.T


def _is_tfidf(X):
    """Whether these are many sparse columns in which each row has length one, or zero."""
    if not sparse.issparse(X) or X.shape[1] <= MOST_DIRECTIONS or X.dtype.kind != "f":
        return False
    lengths = np.asarray(X.multiply(X).sum(axis=1)).ravel()
    return bool(np.all((np.abs(lengths - 1.0) < 1e-5) | (lengths == 0.0)))


def _columns(X):
    """Columns of a frame (of narwhals), or of an array of objects."""
    known = nw.from_native(X, eager_only=True, pass_through=True)
    return list(known.iter_columns()) if isinstance(known, nw.DataFrame) else list(X.T)


def _kind(column, X):
    """What a column holds: numbers, stored as sparse ones or not, categories or text."""
    if isinstance(column, nw.Series):
        dtype = column.dtype
        if _is_numeric(dtype):
            return "numbers"
        if _is_sparse(column):
            return "sparse"
        if dtype not in (nw.String, nw.Categorical, nw.Enum, nw.Object):
            raise ValueError(
                f"Column {column.name!r} holds {dtype}. Expected numbers, booleans, strings or "
                "categories. Make it one of them, or leave it out: "
                f"fit({without_column(X, column.name)}, y)."
            )
    values = entries(column)
    there = [v for v, gap in zip(values, is_missing(values).tolist(), strict=True) if not gap]
    for v in there:
        if not isinstance(v, str | Real):
            raise TypeError(
                f"X holds a {type(v).__name__}: argument must be a string or a real number."
            )
    if not any(isinstance(v, str) for v in there):
        return "numbers"
    if not all(isinstance(v, str) for v in there):
        return "categories"
    many = len(set(there)) > min(MOST_CATEGORIES, len(there) / 2)
    words = np.mean([len(v.split()) for v in there[:1000]])
    return "text" if many and words >= WORDS_OF_TEXT else "categories"


def _is_numeric(dtype):
    return dtype.is_numeric() or dtype == nw.Boolean


def _is_sparse(column):
    """Whether it is a column of pandas that holds only what is not zero."""
    return type(getattr(column.to_native(), "dtype", None)).__name__ == "SparseDtype"


def _numbers(X, columns=None):
    """Numbers of some columns, NaN for gaps: array or CSR, in single precision where all are."""
    settings = {"dtype": FLOATS, "ensure_all_finite": "allow-nan", "input_name": "X"}
    if columns is None:
        return check_array(X, accept_sparse="csr", **settings)
    all_columns, single = _columns(X), np.float32
    chosen = [all_columns[j] for j in columns]
    if frame_backend(X) and all(_is_sparse(column) for column in chosen):
        return check_array(X.iloc[:, columns], accept_sparse="csr", **settings)
    for j, column in enumerate(chosen):
        if isinstance(column, nw.Series) and _is_numeric(column.dtype):
            single = single if column.dtype == nw.Float32 else np.float64
            chosen[j] = column.cast(nw.Float64).to_numpy()
        else:
            single, values = np.float64, entries(column)
            chosen[j] = np.where(is_missing(values), np.nan, np.array(values, dtype=object))
    return check_array(np.column_stack(chosen).astype(single, copy=False), **settings)


def _single(X):
    return X.astype(np.float32)


def _categories(X, columns):
    """Categories as strings, None for gaps: what a column of mixed objects holds has no order."""
    out, all_columns = np.empty((X.shape[0], len(columns)), dtype=object), _columns(X)
    for j, column in enumerate(columns):
        values = entries(all_columns[column])
        gaps = is_missing(values).tolist()
        out[:, j] = [None if gap else str(v) for v, gap in zip(values, gaps, strict=True)]
    return out


def _documents(X, columns=None):
    """Texts as a list of strings, empty ones for gaps."""
    values = entries(X if columns is None else _columns(X)[columns[0]])
    return [v if isinstance(v, str) else "" for v in values]
