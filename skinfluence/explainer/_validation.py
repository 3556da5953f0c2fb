"""Checks of settings and training data, and of estimators that were fitted before."""

import numpy as np
from scipy import sparse
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import Pipeline
from sklearn.utils import get_tags
from sklearn.utils.validation import _num_samples, check_is_fitted, column_or_1d

from skinfluence._utils.checks import check_choice, check_number, check_verbose, check_workers
from skinfluence._utils.frames import frame_backend, n_dimensions, refuse_file, without_column
from skinfluence._utils.warnings import warn_user
from skinfluence.adapters import UnsupportedEstimatorError, unwrap
from skinfluence.adapters._precision import is_frozen
from skinfluence.effects import methods_for
from skinfluence.objectives import CURVATURES
from skinfluence.solvers import get_solver

#: Coefficients that differ by more than this part of the largest one are those of another model.
SAME_MODEL = 0.01
#: Rows, and about how many entries, of which a copy is kept.
WATCHED_ROWS, WATCHED_ENTRIES = 32, 20_000
#: Steps that may take a column of texts, or anything else that is no table.
_ANY_INPUT = ("sklearn.feature_extraction.", "sklearn.preprocessing._function", "sklearn.pipeline.")


def check_settings(explainer):
    """Raise ValueError for invalid parameters of the explainer."""
    get_solver(explainer.solver, random_state=explainer.random_state)
    check_choice("method", explainer.method, ("auto", *methods_for("rows")))
    check_choice("curvature", explainer.curvature, CURVATURES)
    if explainer.curvature == "empirical_fisher" and explainer.method == "newton_step":
        raise ValueError(
            'method="newton_step" needs the Hessian, and curvature="empirical_fisher" replaces it. '
            'Use method="first_order", "refit" or "auto" (first order here), or '
            'curvature="hessian".'
        )
    check_choice("penalty_scaling", explainer.penalty_scaling, ("estimator", "mean"))
    if explainer.polish not in (True, False):
        raise ValueError(f"polish={explainer.polish!r} is not known. Expected True or False.")
    check_number("damping", explainer.damping, least=0.0)
    check_workers(explainer.n_jobs)
    check_verbose(explainer.verbose)
    memory = explainer.memory
    if not (isinstance(memory, str | None) or hasattr(memory, "cache")):
        raise ValueError(
            f"memory={memory!r}. Expected None, the name of a folder in a string, or a "
            "joblib.Memory."
        )
    check_number("temperature", explainer.temperature, above=0.0)


class TableWatch:
    """Copy of a few rows of a table kept by reference, to detect that it was edited.

    Changes of whole columns and orders of rows are detected, those of single rows may not be.

    Parameters
    ----------
    X : ndarray or CSR of shape (n, n_features)
    """

    def __init__(self, X):
        n = min(WATCHED_ROWS, 1 + WATCHED_ENTRIES // X.shape[1], X.shape[0])
        self.rows = np.linspace(0, X.shape[0] - 1, n).astype(int)
        self.copy = _entries(X, self.rows)

    def check(self, X):
        """Raise where X has changed."""
        if not np.array_equal(self.copy, _entries(X, self.rows)):
            raise RuntimeError(
                "The training table was changed after fit, which holds it by reference: the model "
                "and its Hessian are those of other rows. Fit again, or pass fit(X.copy(), y)."
            )


def _entries(X, rows):
    some = X[rows]
    return np.concatenate([some.data, some.indices]) if sparse.issparse(some) else some


def inliers(X, estimator):
    """Labels +1 for a one-class machine, which has none; None for other estimators."""
    unlabelled = get_tags(estimator).estimator_type == "outlier_detector"
    return np.ones(_num_samples(X), dtype=int) if unlabelled else None


def labels_of(estimator, y):
    """Training labels, in one dimension where a classifier took a column of them for that."""
    one_label = isinstance(getattr(estimator, "classes_", None), np.ndarray)
    shape = np.shape(y) if isinstance(y, list) else getattr(y, "shape", ())
    return column_or_1d(y) if one_label and shape[1:] == (1,) else y


def check_training_data(X, y, estimator):
    """Raise where X is not a table or y not a column of labels.

    Parameters
    ----------
    X, y : as given to `fit`
    estimator : estimator
        Whose first step takes X.
    """
    refuse_file(X, "X")
    if isinstance(y, str):
        raise ValueError(_labels_by_name(X, y))
    if n_dimensions(X) != 1 or _takes_columns(_first_step(estimator)):
        return
    if n_dimensions(y) == 2:
        raise ValueError(
            f"X has shape {np.shape(X)} and y has shape {np.shape(y)}: they are exchanged. "
            "Pass fit(X, y), the table first and the labels second."
        )
    table = "X.to_frame()" if hasattr(X, "to_frame") else "numpy.reshape(X, (-1, 1))"
    if isinstance(X[0] if isinstance(X, list) else None, dict):
        table = "pandas.DataFrame(X)"
    raise ValueError(
        f"X is one column of type {type(X).__name__} and shape {np.shape(X)}; expected a table "
        f"of shape (n_rows, n_features). Pass {table}."
    )


def check_test_table(X_test, first_step):
    """Raise where test rows are the name of a file, or a pandas or polars Series."""
    refuse_file(X_test, "X_test")
    first_step = _first_step(first_step)
    if hasattr(X_test, "to_frame") and len(X_test.shape) == 1 and not _takes_columns(first_step):
        raise ValueError(
            f"X_test is a Series of shape {X_test.shape}; expected a table of shape (n_test, "
            "n_features). For row i of a frame X pass X[i:i + 1], for a column X_test.to_frame()."
        )


def warn_of_refit(explainer):
    """Warn where an estimator was fitted before and its refit is another model.

    Where it is the same model, print that it was fitted again if `verbose`.
    """
    given, fitted = explainer.estimator, explainer.estimator_
    if is_frozen(given):
        return
    try:
        check_is_fitted(given)
        before, after = unwrap(given)[1], unwrap(fitted)[1]
    except (NotFittedError, TypeError, UnsupportedEstimatorError):
        return
    if is_frozen(given) or not hasattr(before, "coef_"):
        return  # not fitted, or not in its last step
    name, old, new = type(before).__name__, np.asarray(before.coef_), np.asarray(after.coef_)
    what = f"The {name} was fitted before. A clone of it was fitted to these rows and is explained"
    if old.shape == new.shape and np.abs(old - new).max() <= SAME_MODEL * np.abs(old).max():
        if explainer.verbose:
            print(f"[InfluenceExplainer] {what}: the same model.")
        return
    how = "its coefficients have another shape"
    if old.shape == new.shape:
        how = f"its coefficients differ by up to {np.abs(old - new).max():.2g}"
    warn_user(
        f"{what}: {how}. To explain the model as it is, pass "
        "FrozenEstimator(estimator) and the rows that it was trained on.",
    )


def _labels_by_name(X, y):
    library = frame_backend(X)
    if library and y in (X.column_names if library == "pyarrow" else list(X.columns)):
        return (
            f"y is {y!r}, the name of a column of X; expected the labels themselves. Pass fit("
            f"{without_column(X, y)}, X[{y!r}])."
        )
    return f"y is {y!r}; expected one label or value for each row of X, in an array or a column."


def _first_step(estimator):
    """First step of an unfitted estimator, which takes the user's table."""
    while True:
        if isinstance(estimator, Pipeline):
            estimator = estimator.steps[0][1]
        elif type(estimator).__name__.endswith(("SearchCV", "FrozenEstimator")):
            estimator = estimator.estimator
        else:
            return estimator


def _takes_columns(step):
    """Whether a step may take something else than a table, such as a column of texts."""
    module = type(step).__module__
    return module.startswith(_ANY_INPUT) or not module.startswith(("sklearn.", "skinfluence."))
