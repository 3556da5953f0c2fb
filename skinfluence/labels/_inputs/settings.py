"""What may be given to a flagger: tables of any type, weights, settings."""

from numbers import Integral

import narwhals.stable.v1 as nw
import numpy as np
from scipy import sparse
from sklearn.base import is_clusterer, is_outlier_detector
from sklearn.utils import check_array
from sklearn.utils.validation import (
    _check_sample_weight,
    _num_samples,
    validate_data,
)

from skinfluence._checks import check_number, check_whole
from skinfluence._training_data import check_training_data, n_dimensions
from skinfluence.labels._inputs.rows import is_frame
from skinfluence.labels._inputs.steps import preparing_steps
from skinfluence.labels._inputs.tables import is_documents
from skinfluence.labels._sources.representations import REPRESENTATIONS
from skinfluence.solvers import get_solver

__all__ = [
    "check_settings",
    "check_weight",
    "gap_rows",
    "new_table",
    "read_table",
]


def read_table(flagger, X, y):
    """The training rows of a flagger, which notes the names and the number of their columns.

    A table has two dimensions; frames and sparse matrices stay as they are. What is no table
    (documents, images) passes for an estimator that takes it, documents without an estimator too.
    """
    vars(flagger).pop("n_features_in_", None)  # of an earlier fit
    estimator = flagger.estimator
    if estimator is None and preparing_steps(getattr(flagger, "_judged_for", None)):
        estimator = flagger._judged_for
    documents = estimator is None and is_documents(X)
    if not documents:
        check_training_data(X, y, flagger if estimator is None else estimator)
    any_shape = documents or estimator is not None
    flagger._is_table = not any_shape or n_dimensions(X) == 2
    X = _checked_table(X, flagger._is_table)
    validate_data(flagger, X, skip_check_array=True)
    return X


def new_table(flagger, X):
    """A table of new rows, with the columns that `fit` has seen."""
    X = _checked_table(X, flagger._is_table)
    validate_data(flagger, X, skip_check_array=True, reset=False)
    return X


def _checked_table(X, is_table):
    if is_frame(X) or not is_table:
        return X
    if isinstance(X, list | tuple) and np.asarray(X).dtype.kind == "U":
        X = np.array(X, dtype=object)  # numbers among strings stay numbers
    return check_array(X, accept_sparse=True, dtype=None, ensure_all_finite=False, input_name="X")


def gap_rows(X):
    """Mask of the rows of a table with a missing or infinite entry."""
    if is_frame(X):
        columns = nw.from_native(X, eager_only=True).iter_columns()
        bad = np.zeros(_num_samples(X), dtype=bool)
        for column in columns:
            bad |= np.asarray(column.is_null().to_numpy(), dtype=bool)
            if column.dtype.is_float():
                bad |= ~np.isfinite(np.asarray(column.to_numpy(), dtype=np.float64))
        return bad
    if sparse.issparse(X):
        rows, bad = sparse.coo_array(X), np.zeros(X.shape[0], dtype=bool)
        bad[rows.row[~np.isfinite(rows.data)]] = True
        return bad
    bad = np.zeros(_num_samples(X), dtype=bool)
    if getattr(X, "ndim", 0) == 2 and X.dtype.kind == "f" and not np.isfinite(X).all():
        bad = ~np.isfinite(X).all(axis=1)
    return bad


def check_weight(sample_weight, X):
    """Row weights of shape (n,), float64; ones for None."""
    weight = _check_sample_weight(sample_weight, X, dtype=np.float64, copy=True)
    if (weight < 0).any():
        raise ValueError(
            "sample_weight has negative entries; expected weights >= 0 (0 leaves a row out)."
        )
    if not weight.any():
        raise ValueError(
            "sample_weight is zero for every row; expected at least one non-zero number."
        )
    return weight


def check_settings(flagger, rankings):
    """Raise ValueError for parameters of a flagger that mean nothing."""
    if flagger.ranking not in list(rankings):
        raise ValueError(
            f"ranking={flagger.ranking!r} is not known. Expected one of {list(rankings)}."
        )
    if flagger.estimator is not None:
        _check_estimator(flagger.estimator)
    words = ("auto", "strict")
    check_number("contamination", flagger.contamination, words=words, least=0.0, most=1.0)
    check_number("damping", flagger.damping, words=("auto",), least=0.0)
    check_whole("max_iter", flagger.max_iter)
    if not (isinstance(flagger.n_components, str) and flagger.n_components == "auto"):
        check_whole("n_components", flagger.n_components)
    if not isinstance(flagger.noise_model, bool | np.bool_):
        raise ValueError(f"noise_model={flagger.noise_model!r}. Expected True or False.")
    if flagger.representation not in list(REPRESENTATIONS):
        raise ValueError(
            f"representation={flagger.representation!r} is not known. Expected one of "
            f"{list(REPRESENTATIONS)}."
        )
    get_solver(flagger.solver, random_state=flagger.random_state)
    n_jobs = flagger.n_jobs
    whole = isinstance(n_jobs, Integral) and not isinstance(n_jobs, bool)
    if n_jobs is not None and (not whole or n_jobs == 0):
        raise ValueError(
            f"n_jobs={n_jobs!r}. Expected None, a positive integer, or -1 for all processors."
        )


def _check_estimator(estimator):
    """Raise ValueError for what predicts no labels and no values."""
    name = estimator.__name__ if isinstance(estimator, type) else type(estimator).__name__
    if isinstance(estimator, type):
        raise ValueError(f"estimator is the class {name}. Pass an instance, {name}().")
    predicts = hasattr(estimator, "fit") and hasattr(estimator, "predict")
    if not predicts or is_clusterer(estimator) or is_outlier_detector(estimator):
        raise ValueError(
            f"estimator={estimator!r} predicts no labels and no values. Expected a classifier, a "
            "regressor or a pipeline that ends with one; None lets LabelFlagger() choose itself."
        )
