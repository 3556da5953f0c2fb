"""What may be given to a flagger: tables of any type, labels of any type, weights, settings."""

import warnings
from numbers import Integral, Real

import narwhals.stable.v1 as nw
import numpy as np
from scipy import sparse
from sklearn.base import is_classifier, is_regressor
from sklearn.utils import check_array, check_consistent_length, column_or_1d
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import (
    _check_sample_weight,
    _num_samples,
    assert_all_finite,
    validate_data,
)

from skinfluence._checks import check_number, check_whole
from skinfluence._training_data import check_training_data, n_dimensions
from skinfluence.labels._inputs.rows import is_frame, is_missing
from skinfluence.labels._inputs.steps import preparing_steps
from skinfluence.labels._inputs.tables import is_documents
from skinfluence.labels._sources.representations import REPRESENTATIONS
from skinfluence.solvers import get_solver

__all__ = [
    "Target",
    "as_labels",
    "check_settings",
    "check_weight",
    "gap_rows",
    "new_table",
    "read_table",
    "read_target",
]

#: More different whole numbers than these are values where they come as floats.
MANY_CLASSES = 100


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


class Target:
    """The given labels or values of the training rows.

    Attributes
    ----------
    given : ndarray of shape (n,)
        As the user gave them.
    classes : ndarray of shape (K,) or None
        Sorted labels of the rows with weight; None for regression.
    codes : ndarray of shape (n,)
        Position of each label among the classes, -1 where it is none of them; the values of a
        regression.
    """

    def __init__(self, given, classes):
        self.given = given
        self.classes = classes
        self.codes = self.encode(given)

    def encode(self, y):
        """Codes of labels, or the values of a regression."""
        return _numbers(y) if self.classes is None else codes_of(y, self.classes)

    @property
    def n_classes(self):
        """K; None for regression."""
        return None if self.classes is None else len(self.classes)


def read_target(estimator, y, weight):
    """The Target of a fit.

    Parameters
    ----------
    estimator : estimator or None
        A classifier or a regressor decides what the target is; else the values do.
    y : array-like of shape (n,)
    weight : ndarray of shape (n,)

    Returns
    -------
    Target
    """
    y = as_labels(y)
    check_consistent_length(y, weight)
    _refuse_missing(y)
    if estimator is not None and is_regressor(estimator):
        return _values(y, weight)  # also whole numbers, of which type_of_target may warn
    kind = kind_of_target(y)
    if estimator is not None and is_classifier(estimator):
        classification = True
        if kind == "continuous":
            raise ValueError(
                f"Unknown label type: y is continuous, and {type(estimator).__name__} is a "
                "classifier. Expected class labels; for values pass a regressor."
            )
    elif kind in ("binary", "multiclass"):
        classification = True
    elif kind == "continuous":
        classification = False
    else:
        raise ValueError(
            f"Unknown label type: y is {kind!r}. Expected one column of class labels of one type, "
            "or of numbers."
        )
    if not classification:
        return _values(y, weight)
    classes = _sorted_classes(y[weight > 0])
    return Target(y, classes)


def _values(y, weight):
    """The Target of a regression."""
    n = np.count_nonzero(weight)
    if n < 2:
        raise ValueError(
            f"Found {n} sample of positive weight; expected at least 2: a value is judged by a "
            "model of the others."
        )
    return Target(_numbers(y), None)


def kind_of_target(y):
    """scikit-learn's type of a target, but whole numbers that hardly repeat are values.

    scikit-learn takes every column of whole numbers for classes, prices and counts too.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that classes are many: decided here
        kind = type_of_target(y, input_name="y")
    if kind == "multiclass" and y.dtype.kind in "iuf":
        distinct = len(np.unique(y))
        many = distinct > MANY_CLASSES and y.dtype.kind == "f"
        if many or (distinct > 0.5 * len(y) and len(y) > 20):
            return "continuous"
    return kind


def codes_of(y, classes):
    """Position of each label in the sorted classes; -1 where it is none of them."""
    try:
        place = np.minimum(np.searchsorted(classes, y), len(classes) - 1)
        known = np.asarray(classes[place] == y, dtype=bool)
    except TypeError:  # labels of a type that does not compare with the classes
        known, place = np.zeros(len(y), dtype=bool), np.zeros(len(y), dtype=np.intp)
    return np.where(known, place, -1)


def as_labels(y):
    """One column of labels of any library as an ndarray of shape (n,)."""
    if y is None:
        raise ValueError(
            "LabelFlagger requires y to be passed, but the target y is None: wrong labels can only "
            "be found among given ones."
        )
    y = column_or_1d(np.asarray(y), warn=True)
    if y.dtype.kind == "c":
        raise ValueError("Complex data not supported: y holds complex numbers.")
    if y.dtype.kind == "O" and len({type(v) for v in y}) == 1 and isinstance(y[0], Real):
        y = np.array(y.tolist())  # such as the integers of a nullable column
    return y


def _numbers(y):
    if y.dtype.kind not in "biuf":
        try:
            y = y.astype(np.float64)
        except ValueError as error:
            raise ValueError(
                f"could not convert y to numbers ({error}): a regressor expects values, a "
                "classifier takes labels."
            ) from error
    return y.astype(np.float64)


def _sorted_classes(y):
    try:
        classes = np.unique(y)
    except TypeError as error:
        kinds = ", ".join(sorted({type(label).__name__ for label in y}))
        raise ValueError(
            f"y mixes labels that cannot be sorted: {kinds}. Make them all of one type first, for "
            "instance with y.astype(str)."
        ) from error
    if len(classes) < 2:
        raise ValueError(
            f"The rows of positive weight are all of one class ({classes.tolist()[0]!r}); expected "
            "rows of at least 2 classes: with 1 class there is no other label to suggest."
        )
    return classes


def _refuse_missing(y):
    if y.dtype.kind == "O":
        missing = is_missing(y.tolist())
        if missing.any():
            raise ValueError(
                f"y contains NaN: {missing.sum()} of {len(y)} labels are missing, first in row "
                f"{missing.argmax()}. Leave these rows out first."
            )
    else:
        assert_all_finite(y, input_name="y")


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
    words = ("auto", "strict")
    check_number("contamination", flagger.contamination, words=words, least=0.0, most=1.0)
    check_number("damping", flagger.damping, words=("auto",), least=0.0)
    for name in ("max_iter", "n_components"):
        check_whole(name, getattr(flagger, name))
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
