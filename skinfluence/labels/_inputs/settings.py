"""What may be given to a flagger: tables of any type, weights, settings."""

from numbers import Integral

import narwhals.stable.v1 as nw
import numpy as np
from scipy import sparse
from sklearn.base import is_clusterer, is_outlier_detector
from sklearn.utils import check_array
from sklearn.utils.validation import _check_sample_weight, _num_samples, validate_data

from skinfluence._utils.checks import check_choice, check_number, check_whole
from skinfluence._utils.rows import NamedRows
from skinfluence.explainer._settings import check_weights, check_workers
from skinfluence.explainer._training_data import check_training_data, n_dimensions, refuse_file
from skinfluence.labels._inputs.rows import is_frame
from skinfluence.labels._inputs.steps import preparing_steps
from skinfluence.labels._inputs.tables import is_documents
from skinfluence.labels._sources.representations import REPRESENTATIONS
from skinfluence.solvers import get_solver

__all__ = ["check_settings", "check_weight", "gap_rows", "new_table", "read_table"]


def read_table(flagger, X, y):
    """The training rows of a flagger, which notes the names and the number of their columns.

    A table has two dimensions; frames and sparse matrices stay as they are. What is no table
    (documents, images) passes for an estimator that takes it, documents without an estimator too.
    """
    vars(flagger).pop("n_features_in_", None)  # of an earlier fit
    refuse_file(X, "X")
    estimator = flagger.estimator
    if estimator is None and preparing_steps(getattr(flagger, "_judged_for", None)):
        estimator = flagger._judged_for
    documents = estimator is None and is_documents(X)
    if not documents:
        check_training_data(X, y, flagger if estimator is None else estimator)
    any_shape = documents or estimator is not None
    flagger._is_table = not any_shape or n_dimensions(X) == 2
    NamedRows(X, y).pairs_with(y, "y")
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
    bad = np.zeros(_num_samples(X), dtype=bool)
    if is_frame(X):
        for column in nw.from_native(X, eager_only=True).iter_columns():
            bad |= np.asarray(column.is_null().to_numpy(), dtype=bool)
            if column.dtype.is_float():
                bad |= ~np.isfinite(np.asarray(column.to_numpy(), dtype=np.float64))
    elif sparse.issparse(X):
        rows = sparse.coo_array(X)
        bad[rows.row[~np.isfinite(rows.data)]] = True
    elif getattr(X, "ndim", 0) == 2 and X.dtype.kind == "f":
        bad = ~np.isfinite(X).all(axis=1)
    return bad


def check_weight(sample_weight, X):
    """Row weights of shape (n,), float64; ones for None."""
    NamedRows(X).pairs_with(sample_weight, "sample_weight")
    weight = _check_sample_weight(sample_weight, X, dtype=np.float64, copy=True)
    check_weights(weight)
    return weight


def check_settings(flagger, rankings):
    """Raise ValueError for parameters of a flagger that mean nothing."""
    check_choice("ranking", flagger.ranking, rankings)
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
    check_choice("representation", flagger.representation, REPRESENTATIONS)
    get_solver(flagger.solver, random_state=flagger.random_state)
    if not isinstance(flagger.verbose, Integral | np.bool_ | None):
        raise ValueError(f"verbose={flagger.verbose!r}. Expected None or a whole number.")
    check_workers(flagger.n_jobs)


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
