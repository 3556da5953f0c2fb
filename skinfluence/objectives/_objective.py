"""The Objective noun: the function that a fitted estimator minimised, in sum form."""

from functools import cached_property, partial
from inspect import signature

import numpy as np

from skinfluence.linalg import PerSampleGradients, RowCurvature, as_penalty, row_blocks
from skinfluence.objectives._curvature import (
    check_curvature,
    fisher_curvature,
    is_second_derivative,
    is_second_derivative_of_loss,
)
from skinfluence.objectives._hinge.machines import hinge_machines
from skinfluence.objectives._truncated import TruncatedLeastSquares

#: Residuals this small against the prediction's own part of the gradient may be rounding.
EXACT_FIT = 1e-4


class Objective:
    """J(theta) = sum_i s_i loss(y_i, f_i(theta)) + theta' P theta / 2.

    Shapes: n rows, K raw predictions f_i a row, p parameters; for linear predictors q design
    columns and p = K q (see the conventions page).
    An objective is a value: :meth:`with_coef` and :meth:`with_weights` give new ones. Of its
    arrays (n, K) it keeps the raw predictions: residuals and curvatures follow from them, and are
    formed some rows at a time where they are read.

    Parameters
    ----------
    loss : Loss
    predictor : Predictor of n rows
        With the coefficients, (K, q) for linear predictors: on the design's columns, so that the
        intercept belongs to centred features.
    y : ndarray of shape (n, K)
        Encoded targets: float64, or int8 for classes.
    penalty : Penalty, or ndarray of the shape of the coefficients
        An array is the diagonal of P; 0 where a coefficient is not penalised.
    weights : RowWeights
    coding : TargetCoding
    penalty_scaling : {"estimator", "mean"}
        Whether the penalty stays when rows leave, or is folded into every row's loss.
    cut : float, default=None
        Least squares drops singular values of the weighted rows below this share of the largest,
        as LinearRegression does (:attr:`truncated`). None where none is near that.
    refit_cut : float, default=None
        The same for what a removal leaves, which may be near that: known of LinearRegression.
    row_names : NamedRows, default=None
        For messages; positions without.
    dual : ndarray of shape (n, K), default=None
        What the estimator found where a smooth hinge stands in: the coefficients are
        ``dual' Z``, nearly. A guess at the optimum of the hinge.
    """

    #: whether removals follow from sums over rows instead of from a Hessian
    closed_form = False
    #: models that this one is made of, each with an objective of its own; see ComposedObjective
    members: tuple = ()
    #: whether raw predictions are what `decision_function` returns, for classifiers
    raw_are_decisions = True
    #: whether `predict` follows from the raw predictions
    predicts = True
    #: second derivative of the losses, (p, p), where the search for the optimum has made it
    data_hessian: np.ndarray | None = None

    def __init__(
        self,
        loss,
        predictor,
        y,
        penalty,
        weights,
        coding,
        *,
        penalty_scaling="estimator",
        cut=None,
        refit_cut=None,
        row_names=None,
        dual=None,
    ):
        self.loss = loss
        self.predictor = predictor
        self.y = y
        self.penalty = as_penalty(penalty)
        self.weights = weights
        self.coding = coding
        self.penalty_scaling = penalty_scaling
        self.cut = cut
        self.refit_cut = refit_cut
        self.row_names = row_names
        self.dual = dual

    def replace(self, **changes):
        """A copy with some parameters changed."""
        settings = {k: v for k, v in vars(self).items() if k in _SETTINGS}
        settings.update(changes)
        return self._with_settings(settings)

    def _with_settings(self, settings):
        return Objective(**settings)

    def without_caches(self):
        """A copy that holds its settings only: what is pickled and hashed."""
        return self.replace(row_names=None)

    def shown_rows(self, rows):
        """The first ten of some training rows by name, for messages."""
        rows = np.asarray(rows)[:10]
        return (rows if self.row_names is None else self.row_names.names(rows)).tolist()

    def with_coef(self, coef):
        """A copy at other coefficients."""
        return self.replace(predictor=self.predictor.with_coef(coef))

    def at_zero(self):
        """A copy at coefficients of zero."""
        return self.with_coef(np.zeros_like(self.coef))

    def with_penalty(self, penalty):
        """A copy with another penalty, which drops no singular values."""
        return self.replace(penalty=penalty, cut=None, refit_cut=None)

    def with_weights(self, rows, factors):
        """The objective of the data in which some rows' weights are multiplied by `factors`.

        Class weights that depend on the rows follow, and so does a penalty in mean form.
        """
        return self._weighted(self.weights.changed(rows, factors))

    def with_row_counts(self, counts):
        """A copy in which each row counts as often as `counts` has it."""
        return self._weighted(self.weights.with_counts(counts))

    def _weighted(self, weights, **changes):
        penalty = self.penalty
        if self.penalty_scaling == "mean":
            penalty = penalty.scaled(weights.amounts.sum() / self.weights.amounts.sum())
        return self.replace(weights=weights, penalty=penalty, **changes)

    def with_rows_replaced(self, rows, predictor, y, codes=None):
        """The objective of the data in which other rows stand in the place of some.

        The new rows come at the end and the old ones keep their places at weight zero: sums over
        rows do not see the difference, and sparse rows need not be written over.

        Parameters
        ----------
        rows : ndarray of int, shape (m,)
            Each at most once.
        predictor : LinearPredictor of m rows
        y : ndarray of shape (m, K)
        codes : ndarray of int, shape (m,), default=None
            Classes of the new targets, where class weights are used.
        """
        return self.replace(
            dual=None,
            predictor=self.predictor.followed_by(predictor),
            y=np.concatenate([self.y, y]),
            weights=self.weights.replaced(rows, codes),
        )

    def with_rows_added(self, predictor, y, sample_weight, codes=None):
        """The objective of the data with m more rows, which come at the end.

        Parameters
        ----------
        predictor : Predictor of m rows
        y : ndarray of shape (m, K)
        sample_weight : ndarray of shape (m,)
        codes : ndarray of int, shape (m,), default=None
            Classes of the targets, where class weights are used.
        """
        return self._weighted(
            self.weights.followed_by(sample_weight, codes),
            dual=None,
            predictor=self.predictor.followed_by(predictor),
            y=np.concatenate([self.y, y]),
        )

    @property
    def coef(self):
        """The coefficients, in the shape that the predictor has them."""
        return self.predictor.coef

    @property
    def design(self):
        """The design of a linear predictor; TypeError for others."""
        return self.predictor.design

    n_rows = property(lambda self: len(self.y))
    n_outputs = property(lambda self: self.y.shape[1])

    @property
    def n_parameters(self):
        return self.predictor.n_parameters

    @cached_property
    def sample_weight(self):
        """Effective weights s, shape (n, 1), or (n, K) where outputs weigh rows differently."""
        return self.weights.effective()

    @cached_property
    def truncated(self):
        """Its least squares by the singular values that are kept, where there is a `cut`."""
        return TruncatedLeastSquares(self)

    @cached_property
    def raw_prediction(self):
        """f_i of the training rows, shape (n, K)."""
        return self.predictor.raw()

    def raw_predictions(self, predictor):
        """f_i of any rows at the coefficients of this objective, shape (n_rows, K)."""
        return predictor.at(self.predictor).raw()

    @cached_property
    def residual(self):
        """Derivative of each row's loss in its raw prediction, per unit weight: (n, K)."""
        return self.row_residual()

    def row_residual(self, rows=slice(None)):
        """:attr:`residual` of some rows, without holding all: (n_rows, K)."""
        return self.loss.gradient(self.y[rows], self.raw_prediction[rows])

    def weighted_residual(self, rows=slice(None)):
        """s_i r_i of some rows: what they add to J', for each raw prediction, (n_rows, K)."""
        return self.sample_weight[rows] * self.row_residual(rows)

    @property
    def quadratic(self):
        """Whether it is quadratic in the coefficients, so that one Newton step is exact."""
        return self.loss.quadratic and self.predictor.linear

    @property
    def selects(self):
        """Whether an l1 penalty selects the columns, and another selection is another optimum."""
        return self.penalty.selects

    @property
    def stands_in(self):
        """Whether the loss is a smooth stand-in for that of the estimator."""
        return self.loss.exact is not self.loss

    @cached_property
    def hinge_machines(self):
        """The machine of each output at its exact optimum, where a smooth hinge stands in."""
        return hinge_machines(self)

    def row_values(self, loss=None):
        """Loss of each training row, without weights or penalty, shape (n,); or another loss."""
        loss = self.loss if loss is None else loss
        out = np.empty(self.n_rows)
        for rows in self.row_blocks():
            out[rows] = loss.value(self.y[rows], self.raw_prediction[rows])
        return out

    def row_blocks(self):
        """Slices of rows with which a few arrays (n_rows, K) stay in the cache."""
        return row_blocks(self.n_rows, 32 * self.n_outputs, cache_mib=2.0)

    def value(self):
        """J(theta)."""
        return self.data_value() + self.penalty.value(self.coef)

    def data_value(self):
        """Sum of the rows' losses times their weights."""
        s = self.sample_weight
        if s.shape[1] == 1:
            # a row without weight costs nothing, also where its loss is infinite
            data = s[:, 0] @ np.where(s[:, 0] != 0.0, self.row_values(), 0.0)
        else:  # a separable loss, weighted output by output
            per_output = self.loss.value(self.y[..., None], self.raw_prediction[..., None])
            data = (s * per_output).sum()
        return float(data)

    def gradient(self):
        """J'(theta) in the shape of the coefficients."""
        return self._gradient.copy()

    @cached_property
    def _gradient(self):
        # kept: a Newton step needs what the stationarity before it was measured by
        data = np.zeros((self.n_parameters, 1))
        for rows in self.row_blocks():
            data += self.predictor.take(rows).vjp(self.weighted_residual(rows)[:, :, None])
        gradient = data.reshape(self.coef.shape) + self.penalty.gradient(self.coef)
        return gradient if self.cut is None else self.truncated.project(gradient)

    @cached_property
    def gradient_scale(self):
        """Largest sum of absolute data-term gradients: what J' is small against.

        Where the model fits its data exactly the residuals are rounding, and a gradient relative
        to them means nothing: each counts at least as ``EXACT_FIT`` times what it would be if the
        row were predicted as zero.
        """
        total = np.zeros(self.coef.shape)
        for rows in self.row_blocks():
            y, raw = self.y[rows], self.raw_prediction[rows]
            curved = np.abs(self.loss.hessian_product(y, raw, raw))
            size = np.maximum(np.abs(self.loss.gradient(y, raw)), EXACT_FIT * curved)
            total += self.predictor.take(rows).absolute_sums(self.sample_weight[rows] * size)
        return float(total.max(initial=0.0))

    def stationarity(self, scale=None):
        """max|J'(theta)| / max|sum of absolute data-term gradients|; 0 at the optimum.

        `scale`, the denominator, may be given where it is known already.
        """
        scale = self.gradient_scale if scale is None else scale
        top = float(np.abs(self._gradient).max(initial=0.0))
        return top / scale if scale > 0 else top

    def per_sample_gradients(self, predictor=None, y=None):
        """Gradients of rows' losses per unit weight, as an operator (n, p); penalty left out."""
        if predictor is None:
            return PerSampleGradients(self.predictor, self.residual)
        predictor = predictor.at(self.predictor)
        return PerSampleGradients(predictor, self.loss.gradient(y, predictor.raw()))

    def row_curvature(self, rows=slice(None)):
        """s_i A_i: weighted K x K curvature of some rows, a RowCurvature."""
        s, y, raw = self.sample_weight[rows], self.y[rows], self.raw_prediction[rows]
        if self.loss.separable:
            return RowCurvature(s * self.loss.curvature(y, raw))
        factors = self.loss.hessian_factors(y, raw)
        if factors is None:
            return RowCurvature(s[:, :, None] * self.loss.hessian_matrix(y, raw))
        out = RowCurvature(*factors)
        return out if (s == 1.0).all() else out.scaled(s)  # its factor may be one array with it

    def hessian(self, damping=0.0, *, curvature="hessian", class_ratio=None, penalty_ratio=1.0):
        """J''(theta) + damping * sum(sample_weight) * I, as an operator.

        The ratios give the Hessian that a change of other rows leaves behind: every class weight
        times `class_ratio` (C,), the penalty times `penalty_ratio`. With another `curvature` the
        second derivative of the data term leaves out the predictor's own ("gauss_newton"), or is
        replaced by a Fisher matrix of the data (see
        :func:`~skinfluence.objectives._curvature.fisher_curvature`); the penalty's second
        derivative stays.
        """
        penalty = self.penalty.at(self.coef).scaled(penalty_ratio)
        check_curvature(self.loss, curvature)
        exact = is_second_derivative(self, curvature)
        of_loss = is_second_derivative_of_loss(self.loss, curvature)
        form = self.row_curvature if of_loss else partial(fisher_curvature, self, curvature)
        residual = self.weighted_residual
        damping = damping * self.weights.base.sum() if damping else 0.0
        if damping:
            penalty = penalty.damped(damping)
        if class_ratio is not None:
            ratio = self.weights.spread(class_ratio)  # shape: (n, 1) or (n, K)
            form = partial(_scaled_curvature, form, ratio)
            residual = partial(_scaled_residual, residual, ratio)
        shifts = self.predictor.common_shifts(penalty) if self.loss.shift_invariant else None
        out = self.predictor.hessian(
            form,
            penalty,
            non_identifiable=shifts,
            residual=residual if exact else None,
            exact=exact,
            damping=damping,
        )
        out.row_weight = self.sample_weight
        out.convex = (self.loss.convex or not of_loss) and (self.predictor.linear or not exact)
        out.data = self.data_hessian if of_loss and class_ratio is None else None
        if self.cut is not None:
            out.truncated = self.truncated
        return out

    def estimator_layout(self, coef):
        """Coefficients with any leading axes in the estimator's own order, flat (..., p)."""
        return self.predictor.estimator_layout(coef)


def _scaled_residual(residual, ratio, rows):
    return ratio[rows] * residual(rows)


def _scaled_curvature(form, ratio, rows):
    """Curvature of some rows for weights `ratio` (n, 1 or K) times theirs."""
    return form(rows).scaled(ratio[rows])


_SETTINGS = tuple(signature(Objective).parameters)
