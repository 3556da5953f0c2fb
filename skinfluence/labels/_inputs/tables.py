"""From a table of any type to numbers: what a flagger does where it has no estimator to do it."""

import warnings

import narwhals.stable.v1 as nw
import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.preprocessing import OneHotEncoder
from sklearn.utils.validation import _num_samples, check_array

from skinfluence.labels._inputs.rows import is_frame

__all__ = ["TableEncoder"]

#: Columns that a categorical column becomes, at most: rarer categories share one.
MOST_CATEGORIES = 30
FLOATS = [np.float64, np.float32]
REMEDY = (
    "Fill them, or give the flagger a pipeline that does: "
    "LabelFlagger(make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression()))."
)


class TableEncoder(TransformerMixin, OneToOneFeatureMixin, BaseEstimator):
    """Numeric columns as they are, categorical ones one-hot encoded.

    Columns of strings, of categories and of objects are categorical, in pandas, polars and pyarrow
    frames alike; arrays and sparse matrices are numeric. Rare categories share a column, with those
    that fit has not seen. Numbers are scaled by the representation,
    which knows the weights of the rows.

    Attributes
    ----------
    categorical_ : ndarray of int
        Positions of the encoded columns.
    numeric_ : ndarray of int or None
        Positions of the others; None where the data are no frame.
    one_hot_ : OneHotEncoder or None
        Of the categorical columns.
    """

    def fit(self, X, y=None):
        """Find the categorical columns and their categories."""
        self.fit_transform(X)
        return self

    def fit_transform(self, X, y=None):
        """Fit, and give the numbers."""
        self.categorical_, self.numeric_, self.one_hot_ = np.empty(0, int), None, None
        if is_frame(X):
            columns = list(nw.from_native(X, eager_only=True).iter_columns())
            numeric = [_is_numeric(column) for column in columns]
            self.categorical_ = np.flatnonzero(np.logical_not(numeric))
            self.numeric_ = np.flatnonzero(numeric)
            if len(self.categorical_):
                self.one_hot_ = OneHotEncoder(
                    max_categories=MOST_CATEGORIES,
                    handle_unknown="infrequent_if_exist",
                    drop="if_binary",
                    sparse_output=False,
                ).fit(self._categories(columns))
        return self.transform(X)

    def transform(self, X):
        """Numbers of rows: ndarray or CSR of shape (n_rows, n_columns), float64 or float32."""
        if self.numeric_ is None or not is_frame(X):
            return _numbers(X)
        columns = list(nw.from_native(X, eager_only=True).iter_columns())
        _refuse_missing(columns)
        single = all(column.dtype == nw.Float32 for column in columns)
        matrix = np.empty(
            (_num_samples(X), len(self.numeric_)), np.float32 if single else np.float64
        )
        for j, position in enumerate(self.numeric_):
            matrix[:, j] = columns[position].cast(nw.Float64).to_numpy()
        if self.one_hot_ is not None:
            matrix = np.hstack([matrix, self._encoded(columns)])
        return check_array(matrix, dtype=FLOATS, input_name="X")

    def _categories(self, columns):
        """Categories as strings: what a column of mixed objects holds has no order."""
        _refuse_missing(columns)
        chosen = [columns[position].to_list() for position in self.categorical_]
        return np.array([[str(v) for v in column] for column in chosen], dtype=object).T

    def _encoded(self, columns):
        with warnings.catch_warnings():
            # a category that fit has not seen is taken for a rare one, as the docstring says
            warnings.simplefilter("ignore", UserWarning)
            return self.one_hot_.transform(self._categories(columns))


def _is_numeric(column):
    kind = column.dtype
    if kind.is_numeric() or kind == nw.Boolean:
        return True
    if kind in (nw.String, nw.Categorical, nw.Enum, nw.Object):
        return False
    raise ValueError(
        f"Column {column.name!r} holds {kind}. Expected numbers, booleans, strings or categories: "
        "turn it into such a column, or give the flagger a pipeline that does."
    )


def _refuse_missing(columns):
    bad = [
        column.name
        for column in columns
        if column.is_null().any() or (column.dtype.is_float() and column.is_nan().any())
    ]
    if bad:
        shown = ", ".join(map(repr, bad[:10])) + (" ..." if len(bad) > 10 else "")
        raise ValueError(f"X contains NaN or missing values in the column(s) {shown}. {REMEDY}")


def _numbers(X):
    """A numeric array or CSR; an error names the columns that hold NaN."""
    X = check_array(X, accept_sparse="csr", dtype=FLOATS, ensure_all_finite=False, input_name="X")
    values = X.data if sparse.issparse(X) else X
    with np.errstate(over="ignore", invalid="ignore"):
        fine = np.isfinite(values.sum(dtype=np.float64))  # no mask of the size of X
    if fine or np.isfinite(values).all():
        return _small_indices(X)
    if np.isnan(values).any():
        if sparse.issparse(X):
            columns = np.unique(X.indices[np.isnan(values)])
        else:
            columns = np.flatnonzero(np.isnan(X).any(axis=0))
        raise ValueError(f"Input X contains NaN in the column(s) {columns[:10].tolist()}. {REMEDY}")
    raise ValueError("Input X contains infinity or a value too large: expected finite numbers.")


def _small_indices(X):
    """A sparse array whose indices have 32 bits where that is enough; anything else as it is."""
    if not sparse.issparse(X):
        return X
    X = sparse.csr_array(X)
    if X.indices.dtype != np.int32 and max(X.nnz, *X.shape) < 2**31 - 1:
        X = sparse.csr_array(
            (X.data, X.indices.astype(np.int32), X.indptr.astype(np.int32)), shape=X.shape
        )
    return X
