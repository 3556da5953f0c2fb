"""The labels or values that are judged: of any type, encoded; and which of the two they are."""

import warnings
from numbers import Real

import narwhals.stable.v1 as nw
import numpy as np
from scipy import sparse
from sklearn import config_context
from sklearn.base import is_classifier, is_regressor
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import assert_all_finite

from skinfluence.labels._inputs.rows import is_missing, take_rows
from skinfluence.labels._inputs.steps import preparing_steps
from skinfluence.labels._inputs.tables import table_encoder

__all__ = ["Target", "as_labels", "read_target"]

#: So few different whole numbers are classes.
FEW = 10
#: More different whole numbers than these are values where they come as floats.
MANY_CLASSES = 100
#: Rows and random orders on which the order of whole numbers is tested.
ORDER_ROWS, ORDERS = 1000, 20


class Target:
    """The given labels or values of the training rows.

    `given` as the user gave them; `classes` (K,), the sorted labels of the rows with weight, None
    for regression; `codes` (n,), the position of each label among them, -1 where it is none, or the
    values.
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


def read_target(flagger, X, y, weight):
    """The Target of a fit, and in words what whole numbers were taken for.

    A classifier or a regressor decides; without one strings and few different numbers are classes,
    numbers that are not whole are values, and for other whole numbers their order decides.
    """
    estimator = judged_for = getattr(flagger, "_judged_for", None)
    if flagger.estimator is not None:
        estimator = flagger.estimator
    categories, y = _is_categorical(y), as_labels(y)
    if len(y) != len(weight):
        raise ValueError(f"X has {len(weight)} rows but y has {len(y)}. Expected one label a row.")
    _refuse_missing(y)
    if estimator is not None and is_regressor(estimator):
        return _values(y, weight), ""  # also whole numbers, of which type_of_target may warn
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that classes are many: decided here
        try:
            kind = type_of_target(y, input_name="y")
        except TypeError as error:
            raise _mixed(y) from error
    note = ""
    if estimator is not None and is_classifier(estimator):
        if kind == "continuous":
            raise ValueError(
                f"Unknown label type: y is continuous, and {type(estimator).__name__} is a "
                "classifier. Expected class labels; for values pass a regressor."
            )
    elif kind == "multiclass" and y.dtype.kind in "iuf" and not categories:
        kind, note = _kind_of_numbers(X, y, weight > 0, preparing_steps(judged_for))
    if kind == "continuous":
        return _values(y, weight), note
    if kind in ("binary", "multiclass"):
        return Target(y, _sorted_classes(y[weight > 0])), note
    raise ValueError(
        f"Unknown label type: y is {kind!r}. Expected one column of class labels of one type, or "
        "of numbers."
    )


def _is_categorical(y):
    """Whether the user says that y has categories, by the type of a column."""
    column = nw.from_native(y, allow_series=True, pass_through=True)
    return isinstance(column, nw.Series) and column.dtype in (nw.Categorical, nw.Enum)


def _kind_of_numbers(X, y, there, steps):
    """("multiclass" or "continuous", why) for whole numbers, which may be either."""
    distinct = len(np.unique(y[there]))
    if distinct <= FEW:
        return "multiclass", ""
    said = f" The {distinct} different whole numbers of y were taken for"
    hardly_repeat = distinct > 0.5 * there.sum() and there.sum() > 20
    if hardly_repeat or (distinct > MANY_CLASSES and y.dtype.kind == "f"):
        return "continuous", f"{said} values, since there are so many."
    if _order_tells(X, y, there, steps):
        return "continuous", f"{said} values, since rows with near numbers are alike."
    return "multiclass", f"{said} classes, since rows with near numbers are not alike."


def _order_tells(X, y, there, steps):
    """Whether a regression predicts the numbers far better than the same in other orders.

    The names of classes may be exchanged, and classes are as predictable as before; ages are not.
    The order is what is predicted where it doubles the share of variance that is predicted by
    ridge regression on radial basis functions, left out one by one, and by more than four standard
    deviations of that share under random orders.
    """
    random_state = np.random.RandomState(0)
    rows = np.sort(random_state.permutation(np.flatnonzero(there))[:ORDER_ROWS])
    values, codes = np.unique(y[rows], return_inverse=True)
    orders = [values, *(random_state.permutation(values) for _ in range(ORDERS))]
    targets = StandardScaler().fit_transform(np.transpose(orders)[codes])
    part = take_rows(X, rows)
    columns = table_encoder(part, steps).fit_transform(part)
    model = make_pipeline(
        StandardScaler(with_mean=not sparse.issparse(columns)),
        Nystroem(n_components=min(300, len(rows)), random_state=0),
        RidgeCV(np.logspace(-3, 3, 7), alpha_per_target=True),
    )
    with config_context(transform_output="default"):
        share = 1.0 + model.fit(columns, targets)[-1].best_score_  # of the variance, each order's
    gain, usual = share[0] - share[1:].mean(), max(share[1:].std(), 0.005)
    return bool(gain > 4.0 * usual and gain > share[1:].mean())


def _values(y, weight):
    """The Target of a regression."""
    n = np.count_nonzero(weight)
    if n < 2:
        raise ValueError(
            f"Found {n} sample of positive weight; expected at least 2: a value is judged by a "
            "model of the others."
        )
    return Target(_numbers(y), None)


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
    if sparse.issparse(y):
        raise ValueError(
            f"y is a sparse matrix of shape {y.shape}; expected one label a row, shape (n,). For "
            "a single column pass y.toarray().ravel()."
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


def _mixed(y):
    kinds = ", ".join(sorted({type(label).__name__ for label in y}))
    return ValueError(
        f"y mixes labels that cannot be sorted: {kinds}. Make them all of one type, for instance "
        "with fit(X, [str(label) for label in y])."
    )


def _sorted_classes(y):
    try:
        classes = np.unique(y)
    except TypeError as error:
        raise _mixed(y) from error
    if len(classes) < 2:
        raise ValueError(
            f"The rows of positive weight are all of one class ({classes.tolist()[0]!r}); expected "
            "rows of at least 2 classes: with 1 class there is no other label to suggest."
        )
    if len(classes) == len(y) > FEW and y.dtype.kind not in "biuf":
        raise ValueError(
            f"The {len(y)} labels of y all differ, {classes[:3].tolist()} first; expected classes "
            "of several rows each. For values pass numbers: [float(label) for label in y]."
        )
    return classes


def _refuse_missing(y):
    missing = is_missing(y.tolist()) if y.dtype.kind in "Of" else np.zeros(len(y), dtype=bool)
    if missing.any():
        raise ValueError(
            f"Input y contains NaN: {missing.sum()} of {len(y)} labels are missing, first in row "
            f"{missing.argmax()}. Leave them out, for instance with "
            "fit(X[pandas.notna(y)], y[pandas.notna(y)])."
        )
    if y.dtype.kind != "O":
        assert_all_finite(y, input_name="y")
