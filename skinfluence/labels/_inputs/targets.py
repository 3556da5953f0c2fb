"""Labels or values of any type, encoded, and the choice between the two."""

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
from sklearn.utils import check_array, check_consistent_length, column_or_1d
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import assert_all_finite

from skinfluence._encoding import is_missing, table_encoder
from skinfluence._utils.frames import take_rows
from skinfluence.labels._inputs.steps import preparing_steps
from skinfluence.labels._sources.columns import scaler_of

#: So few different whole numbers are classes.
FEW = 10
#: More different whole numbers than these are values where they come as floats.
MANY_CLASSES = 100
#: Rows and random orders on which the order of whole numbers is tested.
ORDER_ROWS, ORDERS = 1000, 20


class Target:
    """Labels or values `given`, and the sorted `classes`, None for a regression, as is `n_classes`.

    `codes` (n,) are the position of each label among the classes, -1 where it is none; or values.
    """

    def __init__(self, given, classes):
        self.given = given
        self.classes = classes
        self.n_classes = None if classes is None else len(classes)
        self.codes = self.encode(given)

    def take(self, mask):
        """The Target of some of the rows."""
        return self if mask.all() else Target(self.given[mask], self.classes)

    def encode(self, y):
        """Codes of labels, or the values of a regression."""
        if self.classes is None:
            numbers = {"dtype": np.float64, "ensure_2d": False, "ensure_min_samples": 0}
            return check_array(y, input_name="y", copy=True, **numbers)
        try:
            place = np.minimum(np.searchsorted(self.classes, y), len(self.classes) - 1)
            return np.where(self.classes[place] == y, place, -1)
        except TypeError:  # labels of a type that does not compare with the classes
            return np.full(len(y), -1)

    def encode_known(self, y, name):
        """The same of labels that must be among the classes."""
        codes = self.encode(y)
        if self.classes is not None and (codes < 0).any():
            raise ValueError(
                f"{name} holds {y[codes < 0][:5].tolist()}, which are not among the "
                f"classes. Expected labels of {self.classes.tolist()[:20]}."
            )
        return codes


def read_target(flagger, X, y, weight):
    """The Target of a fit, and a sentence on the type of whole numbers.

    A classifier or a regressor decides; without one strings and few different numbers are classes,
    numbers that are not whole are values, and for other whole numbers their order decides.
    """
    judged_for = getattr(flagger, "_judged_for", None)
    estimator = judged_for if flagger.estimator is None else flagger.estimator
    column = nw.from_native(y, allow_series=True, pass_through=True)
    categories = isinstance(column, nw.Series) and column.dtype in (nw.Categorical, nw.Enum)
    y, there, note = as_labels(y), weight > 0, ""
    check_consistent_length(X, y)
    _refuse_missing(y)
    kind = "continuous"
    if estimator is None or not is_regressor(estimator):
        decided = estimator is not None and is_classifier(estimator)
        kind = kind_of_target(y, decided)
        if kind == "multiclass" and y.dtype.kind in "iuf" and not (decided or categories):
            kind, note = _kind_of_numbers(X, y, there, preparing_steps(judged_for))
    if kind == "continuous" and there.sum() < 2:
        raise ValueError(
            f"Found {there.sum()} sample of positive weight; expected at least 2: a value is "
            "compared with a model of the others."
        )
    return Target(y, None if kind == "continuous" else sorted_classes(y[there])), note


def kind_of_target(y, classes):
    """Type of target of y, as scikit-learn names it; raise where it is to be `classes` and not."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that classes are many: decided by us
        try:
            kind = type_of_target(y, input_name="y")
            if classes or kind != "continuous":
                check_classification_targets(y)
        except TypeError as error:
            kinds = ", ".join(sorted({type(label).__name__ for label in y}))
            raise ValueError(
                f"y mixes labels that cannot be sorted: {kinds}. Make them all of one type, for "
                "instance with fit(X, [str(label) for label in y])."
            ) from error
    return kind


def _kind_of_numbers(X, y, there, steps):
    """("multiclass" or "continuous", why) for whole numbers, which may be either."""
    distinct = len(np.unique(y[there]))
    if distinct <= FEW:
        return "multiclass", ""
    taken = f" The {distinct} different whole numbers of y are treated as"
    hardly_repeat = distinct > 0.5 * there.sum() and there.sum() > 20
    if hardly_repeat or (distinct > MANY_CLASSES and y.dtype.kind == "f"):
        return "continuous", f"{taken} values, since there are so many."
    if _order_predicts(X, y, there, steps):
        return "continuous", f"{taken} values, since rows with near numbers are alike."
    return "multiclass", f"{taken} classes, since rows with near numbers are not alike."


def _order_predicts(X, y, there, steps):
    """Whether ridge regression predicts the numbers far better than the same in other orders.

    That is, whether their order doubles the share of variance that is predicted without the row,
    and by more than four standard deviations of that share under random orders.
    """
    random_state = np.random.RandomState(0)
    rows = np.sort(random_state.permutation(np.flatnonzero(there))[:ORDER_ROWS])
    values, codes = np.unique(y[rows], return_inverse=True)
    orders = [values, *(random_state.permutation(values) for _ in range(ORDERS))]
    targets = StandardScaler().fit_transform(np.transpose(orders)[codes])
    part = take_rows(X, rows)
    encoder = table_encoder(part, steps)[0]
    columns = encoder.fit_transform(part)
    columns = scaler_of(columns, encoder).transform(columns)
    model = make_pipeline(
        Nystroem(n_components=min(300, len(rows)), random_state=0),
        RidgeCV(np.logspace(-3, 3, 7), alpha_per_target=True),
    )
    with config_context(transform_output="default"):
        share = 1.0 + model.fit(columns, targets)[-1].best_score_  # of the variance, each order's
    gain, usual = share[0] - share[1:].mean(), max(share[1:].std(), 0.005)
    return bool(gain > 4.0 * usual and gain > share[1:].mean())


def as_labels(y):
    """One column of labels of any library as an ndarray of shape (n,)."""
    if y is None:
        raise ValueError("LabelFlagger requires y to be passed, but the target y is None.")
    y = column_or_1d(y.toarray() if sparse.issparse(y) else np.asarray(y), warn=True)
    if y.dtype.kind == "O" and len({type(v) for v in y}) == 1 and isinstance(y[0], Real):
        y = np.array(y.tolist())  # such as the integers of a nullable column
    return y


def sorted_classes(y):
    """The different labels of y, at least two."""
    classes = np.unique(y)
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
    missing = is_missing(y.tolist()) if y.dtype.kind in "Of" else np.zeros(1, dtype=bool)
    if missing.any():
        raise ValueError(
            f"Input y contains NaN: {missing.sum()} of {len(y)} labels are missing, first in row "
            f"{missing.argmax()}. Leave them out, for instance with "
            "fit(X[pandas.notna(y)], y[pandas.notna(y)])."
        )
    if y.dtype.kind != "O":
        assert_all_finite(y, input_name="y")
