"""Checks of the input of a flagger: tables of any type, weights, settings."""

from numbers import Integral, Real

import numpy as np
from sklearn.base import is_clusterer, is_outlier_detector
from sklearn.utils import check_array
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import _check_sample_weight, _num_samples, validate_data

from skinfluence._encoding import is_documents
from skinfluence._utils.checks import check_weights, check_workers
from skinfluence._utils.frames import frame_backend, n_dimensions, refuse_file
from skinfluence._utils.rows import NamedRows
from skinfluence.explainer import check_training_data
from skinfluence.labels._inputs.steps import preparing_steps
from skinfluence.labels._sources.representations import REPRESENTATIONS

CONTAMINATION = [StrOptions({"auto", "strict"}), Interval(Real, 0, 1, closed="both")]
#: Of the parameters of LabelFlagger; `check_settings` looks at the others.
CONSTRAINTS: dict = {
    "ranking": [StrOptions({"leave_one_out", "cross_validation"})],
    "representation": [StrOptions(set(REPRESENTATIONS))],
    "n_components": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
    "noise_model": ["boolean"],
    "contamination": CONTAMINATION,
    "damping": [StrOptions({"auto"}), Interval(Real, 0, None, closed="left")],
    "max_iter": [Interval(Integral, 1, None, closed="left")],
    "random_state": ["random_state"],
    "verbose": ["verbose", None],
}


def check_settings(flagger):
    """Raise ValueError for parameters of a flagger that are no valid settings."""
    flagger._validate_params()
    check_workers(flagger.n_jobs)
    estimator = flagger.estimator
    if isinstance(estimator, type):
        name = estimator.__name__
        raise ValueError(f"estimator is the class {name}. Pass an instance, {name}().")
    predicts = hasattr(estimator, "fit") and hasattr(estimator, "predict")
    if estimator is not None and (
        not predicts or is_clusterer(estimator) or is_outlier_detector(estimator)
    ):
        raise ValueError(
            f"estimator={estimator!r} predicts no labels and no values. Expected a classifier, a "
            "regressor or a pipeline that ends with one; None lets LabelFlagger() choose itself."
        )


def read_table(flagger, X, y):
    """The training rows of a flagger, which notes the names and the number of their columns.

    A table has two dimensions; frames and sparse matrices stay as they are. What is no table
    (documents, images) passes for an estimator that takes it, documents without an estimator too.
    """
    refuse_file(X, "X")
    estimator = flagger.estimator
    if estimator is None and preparing_steps(getattr(flagger, "_judged_for", None)):
        estimator = flagger._judged_for
    documents = estimator is None and is_documents(X)
    if not documents:
        check_training_data(X, y, flagger if estimator is None else estimator)
    flagger._is_table = not (documents or estimator is not None) or n_dimensions(X) == 2
    NamedRows(X, y).pairs_with(y, "y")
    return new_table(flagger, X, reset=True)


def new_table(flagger, X, reset=False):
    """A table of rows, with the columns that `fit` has seen unless these are `reset`."""
    if flagger._is_table and not frame_backend(X):
        if isinstance(X, list | tuple) and np.asarray(X).dtype.kind == "U":
            X = np.array(X, dtype=object)  # numbers among strings stay numbers
        checks = {"dtype": None, "ensure_all_finite": False, "input_name": "X"}
        X = check_array(X, accept_sparse=True, **checks)
        if not getattr(X, "has_canonical_format", True):  # scalers take an entry in parts for two
            X = X.copy()
            X.sum_duplicates()
    validate_data(flagger, X, skip_check_array=True, reset=reset)
    return X


def check_weight(sample_weight, X):
    """Row weights of shape (n,), float64; ones for None."""
    NamedRows(X).pairs_with(sample_weight, "sample_weight")
    weight = _check_sample_weight(
        sample_weight, np.empty((_num_samples(X), 0)), dtype=np.float64, copy=True
    )
    check_weights(weight)
    return weight
