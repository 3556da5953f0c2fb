"""The noun ClosedFormModel: removals for an estimator without an objective."""

import copy
import warnings
from abc import ABC, abstractmethod
from functools import cached_property

import numpy as np
from scipy import sparse
from sklearn.base import clone
from sklearn.utils.validation import has_fit_parameter

from skinfluence.objectives import Objective, log_loss_of

#: Raw predictions of the given rows that differ by more, relative to their size, are of others.
SAME_MODEL = 1e-6


class ClosedFormModel(ABC):
    """A fitted estimator that is computed from its training rows in closed form.

    It stands where an :class:`~skinfluence.objectives.Objective` stands for other estimators: a
    loss of raw predictions, a coding of labels, and training rows. What the removal of a row does
    to raw predictions is read from it directly, without coefficients and without a Hessian.

    Shapes: n training rows, n_test test rows, m removals, K raw predictions a row. Classifiers of
    two classes have one raw prediction, the log-odds of the second class; others have one a class.

    A subclass writes :meth:`estimator_raw`, and :meth:`reader` for the removal of single rows.
    Groups are removed by fitting the estimator itself again, and rows too where `by_refits`.

    Parameters
    ----------
    estimator : fitted estimator
    X : ndarray or CSR of shape (n, n_features)
    y : array-like of shape (n,) or (n, K)
        Labels or values, as the estimator was given them.
    sample_weight : ndarray of shape (n,)
    coding : TargetCoding, default=None
        That of a classifier's labels by default.
    loss : Loss, default=None
        The negative log-likelihood of the label by default.
    """

    closed_form = True
    members = ()
    raw_are_decisions = True
    #: whether `predict` follows from the raw predictions
    predicts = True
    #: effects that it has, of single rows and of groups
    methods: tuple[str, ...] = ("first_order", "newton_step", "refit")
    #: whether the removal of a row is a refit of the estimator itself
    by_refits = False
    stands_in = False
    cut = None
    coef = None
    row_names = None

    def __init__(self, estimator, X, y, sample_weight, coding=None, loss=None):
        if coding is None:
            loss, coding = log_loss_of(estimator.classes_)
        # rows arrive checked, as arrays: the names of their columns are known no longer
        self.estimator = copy.copy(estimator)
        vars(self.estimator).pop("feature_names_in_", None)
        self.X, self.labels = X, np.asarray(y)
        self.sample_weight = np.asarray(sample_weight, dtype=np.float64)
        self.coding, self.loss = coding, loss
        self.codes = coding.codes(y) if coding.is_classification else None
        self.y = coding.encode(y) if self.codes is None else coding.encode_codes(self.codes)
        self.takes_weights = has_fit_parameter(estimator, "sample_weight")
        self.predictor = RowsOfModel(self, X)

    @property
    def n_rows(self):
        return self.X.shape[0]

    @property
    def n_outputs(self):
        return self.coding.n_outputs

    @property
    def n_parameters(self):
        """Numbers in a row, by which blocks of test rows are sized."""
        return self.X.shape[1]

    @cached_property
    def raw_prediction(self):
        """Raw predictions of the training rows, (n, K)."""
        return self.raw(self.X)

    def raw(self, X):
        """Raw predictions of other rows, (n_test, K)."""
        return self.estimator_raw(self.estimator, X)

    @abstractmethod
    def estimator_raw(self, estimator, X):
        """Raw predictions (n_test, K) of a fitted estimator of this kind."""

    def raw_predictions(self, predictor):
        """Raw predictions of a predictor's rows, (n_test, K)."""
        return predictor.raw()

    def row_values(self, loss=None):
        """Loss of each training row, (n,)."""
        return (loss or self.loss).value(self.y, self.raw_prediction)

    def with_row_counts(self, counts):
        """The same model, whose rows a sampler took as often as `counts` says: by their weights."""
        if not self.takes_weights and (counts != 1).any():
            raise TypeError(
                f"{type(self.estimator).__name__} takes no sample_weight, by which rows that a "
                "sampler dropped or repeated are known. Resample first: X_new, y_new = "
                "sampler.fit_resample(X, y), then InfluenceExplainer(estimator).fit(X_new, y_new)."
            )
        return self

    def row_residual(self):
        """Derivative of each training row's loss in its raw predictions, (n, K)."""
        return self.loss.gradient(self.y, self.raw_prediction)

    shown_rows = Objective.shown_rows

    def last_of_class(self):
        """Rows that are the last of their class, a mask (n,)."""
        out = np.zeros(self.n_rows, dtype=bool)
        if self.codes is not None:
            weighted = self.sample_weight > 0
            for held in (np.ones(self.n_rows, dtype=bool), weighted):
                sizes = np.bincount(self.codes[held], minlength=len(self.coding.classes))
                out |= held & (sizes == 1)[self.codes]
        return out

    def class_is_lost(self, rows):
        """Whether a class has no row, or none with weight, without a group of rows."""
        if self.codes is None:
            return len(rows) >= self.n_rows
        left = np.ones(self.n_rows, dtype=bool)
        left[rows] = False
        n_classes = len(self.coding.classes)
        counts = np.bincount(self.codes[left], self.sample_weight[left], minlength=n_classes)
        return bool((counts == 0.0).any())

    def only_refits(self):
        """Leave the methods that need a closed form out."""
        self.methods, self.by_refits = ("refit",), True

    def reader(self, X, *, linear):
        """Changes of test rows' raw predictions by the removal of single rows.

        Parameters
        ----------
        X : ndarray or CSR of shape (n_test, n_features)
        linear : bool
            Whether they are derivatives (first order) or differences (refits).

        Returns
        -------
        callable
            ``read(rows) -> (n_test, len(rows), K)``; may be called from several threads.
        """
        raise TypeError(f"{type(self).__name__} needs a reader, or `by_refits`.")

    def contracted_reader(self, X, slopes):
        """Derivatives by the removal of single rows, contracted with the slopes of test rows.

        Parameters
        ----------
        X : ndarray or CSR of shape (n_test, n_features)
        slopes : ndarray of shape (n_test, K)

        Returns
        -------
        callable or None
            ``read(rows, out=None) -> (n_test, len(rows))``; None where :meth:`reader` costs less.
        """
        return None

    def without(self, rows):
        """The estimator fitted without some rows; None where it cannot be."""
        left = np.ones(self.n_rows, dtype=bool)
        left[rows] = False
        left = np.flatnonzero(left)
        weights = {"sample_weight": self.sample_weight[left]} if self.takes_weights else {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                return self.refitted(self.X[left], self.labels[left], weights)
            except (ValueError, np.linalg.LinAlgError):  # what is left is too little for it
                return None

    def refitted(self, X, y, weights):
        """A clone of the estimator fitted to some rows."""
        return clone(self.estimator).fit(X, y, **weights)

    def raw_anew(self, X):
        """Raw predictions (n_test, K) as the training rows make them; None where they make none.

        By another fit of the estimator, unless the model itself knows them from its sums.
        """
        again = self.without(np.empty(0, dtype=int))
        return None if again is None else self.estimator_raw(again, X)

    def check_rows(self):
        """Raise where the given rows are not those that the estimator was fitted to."""
        name = type(self.estimator).__name__
        if not self.takes_weights and np.ptp(self.sample_weight) > 0:
            raise ValueError(
                f"{name} takes no sample_weight, and the given weights differ. Leave them out."
            )
        some = self.X[np.linspace(0, self.n_rows - 1, min(self.n_rows, 100)).astype(int)]
        anew = self.raw_anew(some)
        if anew is not None:
            raw = self.raw(some)
            size = np.abs(raw[np.isfinite(raw)]).max(initial=1.0)
            tolerance = SAME_MODEL if self.X.dtype == np.float64 else 1e-3
            if np.nanmax(np.abs(raw - anew), initial=0.0) <= tolerance * size:
                return
        raise ValueError(
            f"{name} is another model than the given rows, labels and weights make: it was fitted "
            "to others, or its settings were changed afterwards. Pass the X, y and sample_weight "
            "that it was fitted to."
        )

    def method_for(self, method):
        """Name of the effect of a `method`; raise for those that the model does not have."""
        if method == "auto":
            return "refit"
        if method in self.methods:
            return method
        name = type(self.estimator).__name__
        why = "is a step of an objective, which it does not have"
        if method == "first_order":
            why = "is a derivative, which it does not have"
        raise ValueError(
            f"method={method!r} {why}: {name} is computed from its rows in closed form. Expected "
            f"one of {['auto', *self.methods]}."
        )


class RowsOfModel:
    """Rows with the model that predicts them: what a Predictor is for other estimators."""

    dtype = np.dtype(np.float64)
    linear = False

    def __init__(self, model, X):
        self.model, self.X = model, X

    @property
    def n_rows(self):
        return self.X.shape[0]

    @property
    def n_parameters(self):
        return self.model.n_parameters

    @property
    def n_stored(self):
        return self.n_parameters

    def of(self, X):
        """The same for other rows."""
        return RowsOfModel(self.model, X)

    def take(self, rows):
        """The same for some of the rows, a slice or an array of int."""
        return RowsOfModel(self.model, self.X[rows])

    def at(self, other):
        """The same: there are no parameters."""
        return self

    def raw(self):
        """Raw predictions, (n, K)."""
        return self.model.raw(self.X)


def as_dense(X):
    """X as an ndarray of float64."""
    return np.asarray(X.toarray() if sparse.issparse(X) else X, dtype=np.float64)
