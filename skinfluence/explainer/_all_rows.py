"""Reports on all training rows: health, diagnostics, self-influence, coefficients, fidelity."""

from dataclasses import replace

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from skinfluence._utils.docs import shared_parameters
from skinfluence._utils.rows import NamedRows
from skinfluence.adapters import FittedModel, Settings
from skinfluence.effects import EFFECTS, RowEdits, resolve_method
from skinfluence.effects._residuals import unit_residual
from skinfluence.explainer._diagnostics import diagnostics_columns, leverage, out_of_sample_leverage
from skinfluence.explainer._fidelity import rows_concordance
from skinfluence.explainer._health import (
    Health,
    curvature_range,
    describe_solution,
    estimated_dof,
    null_directions,
)
from skinfluence.explainer._linearizations.closed_form import needs_objective
from skinfluence.explainer._linearizations.linear import Linearization
from skinfluence.explainer._validation import check_test_table
from skinfluence.objectives import Objective


class AllRows:
    """Methods of InfluenceExplainer on all training rows at once."""

    # set by InfluenceExplainer
    objective_: Objective
    estimator_: BaseEstimator
    fitted_model_: FittedModel
    linearization_: Linearization
    method: str
    _settings: Settings
    stationarity_: float
    polished_stationarity_: float
    distance_to_optimum_: float
    _moved: float
    _off_optimum: str | None
    training_rows_: NamedRows
    X_train_: object
    y_train_: object

    @shared_parameters
    def resolve_method(self, method=None):
        """Name of the method that computes the influences, with "auto" replaced by its choice.

        Returns
        -------
        str
            "first_order", "newton_step" or "refit".
        """
        check_is_fitted(self)
        return resolve_method(self.method if method is None else method, self.linearization_)

    @property
    def row_names_(self):
        """Names of the training rows: the index of the training data, else positions (n_train,).

        Any argument `rows` takes them; `row_names_[positions]` names rows that are known by
        position.
        """
        check_is_fitted(self)
        return self.training_rows_.names()

    def leverage(self):
        """Leverage of each training row: its share in its own prediction.

        Computed from the Hessian for every `curvature`.

        Returns
        -------
        ndarray of shape (n_train,)
            Sums to the effective number of parameters.
        """
        needs_objective(self, "leverage")
        many = self.objective_.n_rows * self.objective_.n_outputs
        inverse = self.linearization_.inverse_for("newton_step", many)
        return leverage(inverse)

    def out_of_sample_leverage(self, X=None):
        """Leverage of rows that the model was not fitted to.

        The variance of a raw prediction in units of the variance of the noise, x' H^-1 x for least
        squares: how little the training rows determine it. With K raw predictions the trace of
        J H^-1 J', J the derivative of the row's raw predictions in the coefficients. Computed from
        the Hessian for every `curvature`, at the fitted coefficients.

        Parameters
        ----------
        X : {array-like, sparse matrix, data frame} of shape (n_rows, n_features), default=None
            None: the training rows, each by the Hessian without it.

        Returns
        -------
        ndarray of shape (n_rows,)
            Infinite for a row whose prediction the training rows leave undetermined, such as one
            with a category that no training row has, in a model without a penalty.

        See Also
        --------
        skinfluence.mismatch.unlike_training : Rows whose leverage is unlike the training rows' own.
        """
        needs_objective(self, "out_of_sample_leverage")
        if X is not None:
            check_test_table(X, [*self.fitted_model_.transformers, self.fitted_model_.model][0])
        return out_of_sample_leverage(self.fitted_model_, self.linearization_, X)

    def health(self):
        """Report on the optimum, curvature, leverages and solver behind the influences.

        Returns
        -------
        Health
            Stationarity before and after polishing, distance to the optimum, curvature,
            condition, null directions by column name, effective degrees of freedom, rows of
            leverage over 0.5, solver and method. Prints as text; ``.frame()`` gives a table;
            ``.advice()`` sentences on what needs attention.
        """
        needs_objective(self, "health")
        inverse = self.linearization_.inverse
        hessian_inverse = self.linearization_.hessian_inverse
        # the user's last solution, not those of the estimates below
        reported, reported_of_hessian = replace(inverse.report), replace(hessian_inverse.report)
        try:
            with inverse.session(), hessian_inverse.session():
                low, high = curvature_range(inverse.hessian, inverse)
                h = self.leverage() if hessian_inverse.factorized else np.empty(0)
                dof = float(h.sum()) if len(h) else estimated_dof(hessian_inverse)
        finally:
            inverse.report, hessian_inverse.report = reported, reported_of_hessian
        damping = self.linearization_.damping
        loud = np.flatnonzero(h > 0.5)
        loud = loud[np.argsort(-h[loud], kind="stable")]
        return Health(
            n_rows=self.objective_.n_rows,
            n_parameters=self.objective_.n_parameters,
            stationarity=self.stationarity_,
            polished_stationarity=self.polished_stationarity_,
            moved=self._moved,
            distance_to_optimum=self.distance_to_optimum_,
            smallest_curvature=low,
            largest_curvature=high,
            condition=high / low if low > 0 else np.inf,
            null_directions=null_directions(self.fitted_model_, inverse.report.null_space),
            effective_dof=dof,
            high_leverage=loud,
            high_leverage_names=self.training_rows_.names(loud),
            solver=inverse.report.solver,
            solver_reason=inverse.report.reason or "as given",
            method=self.resolve_method(),
            damping=damping,
            newton_step_is_exact=(
                self.objective_.quadratic and not self.objective_.selects and damping == 0
            ),
            curvature=self.linearization_.curvature,
            is_hessian=inverse.hessian.exact,
            leverage_is_known=hessian_inverse.factorized,
            solution=describe_solution(reported),
            stands_in=self.objective_.stands_in,
            _backend=self.training_rows_.backend,
            _far=self._off_optimum,
        )

    @shared_parameters
    def self_influence(self, method=None):
        """Effect of removing each training row on its own loss.

        Under ``"newton_step"`` this is the closed-form leave-one-out loss minus the training
        loss. Large values mark rows that the others contradict (Koh & Liang, section 5.4).

        Returns
        -------
        ndarray of shape (n_train,)
            In units of the loss; not negative for convex losses. NaN for the only row of a class,
            with a warning, except for "first_order".
        """
        check_is_fitted(self)
        method = self.resolve_method(method)
        rows = np.arange(self.objective_.n_rows)
        objective, moved = self.linearization_.own_changes(method, rows)
        if EFFECTS[method].linear:
            if objective.closed_form:
                residual = objective.row_residual()
            else:
                residual = unit_residual(objective, self.linearization_.inverse)
            return (residual * moved).sum(axis=1)
        loss = objective.loss.exact
        return loss.value_change(objective.y, objective.raw_prediction, moved)

    @shared_parameters
    def coef_influence(self, rows=None, *, method=None):
        """Change of the coefficients when a row is removed.

        Returns
        -------
        ndarray of shape (n_rows, n_params)
            Coefficients without the row minus with it, laid out as ``coef_.ravel()`` followed by
            ``intercept_`` of the last step. NaN for the only row of a class, with a warning, except
            for "first_order".
        """
        needs_objective(self, "coef_influence")
        method = self.resolve_method(method)
        rows = self.training_rows_.positions(rows)
        if not len(rows):
            return self.objective_.estimator_layout(self.objective_.coef[None])[:0]
        self.linearization_.warn_of_last(method, rows)
        with self.linearization_.inverse.session():
            objective, changes = self.linearization_.changes(method, RowEdits.removals(rows))
            return objective.estimator_layout(changes.coef_changes())

    def leave_one_out_raw_predictions(self):
        """Raw prediction of each training row by the model fitted without it.

        In closed form by the leverage identity: exact for squared error, one Newton step for
        other losses. Hinge machines are refitted.

        Returns
        -------
        ndarray of shape (n_train,) or (n_train, n_outputs)
            In units of the raw prediction (predicted value, log-odds, margin). NaN for the only
            row of a class, with a warning: there is no model without it.
        """
        check_is_fitted(self)
        rows = np.arange(self.objective_.n_rows)
        linearization = self.linearization_
        objective, moved = linearization.own_changes(linearization.leave_one_out_method, rows)
        raw = objective.raw_prediction + moved
        return raw[:, 0] if raw.shape[1] == 1 else raw

    def diagnostics(self, *, dfbetas=True):
        """Classical leave-one-out diagnostics, one row per training row.

        Parameters
        ----------
        dfbetas : bool, default=True
            Whether to add one column per coefficient.

        Returns
        -------
        DataFrame
            In the frame type of the training data and with their index. For every model `row` (the
            names), `leverage`, `loss` and
            `leave_one_out_loss`. For least squares with one output also residuals, standardised
            and (externally) studentised residuals, `cooks_distance`, `dffits` and one
            `dfbetas_<name>` per coefficient; for binary logistic regression their one-step forms
            as R's ``influence.measures`` has them, with DFBETAS from Pearson residuals (R takes
            deviance residuals there). Likewise for Poisson, gamma and Tweedie regression, whose
            `leverage` is then that of the Fisher information, as in R. NaN where a row has leverage
            1 or is the only one of its class.

        References
        ----------
        D. A. Belsley, E. Kuh and R. E. Welsch, "Regression diagnostics", 1980. D. Pregibon,
        "Logistic regression diagnostics", Annals of Statistics 9, 1981.
        """
        needs_objective(self, "diagnostics")
        columns = diagnostics_columns(self.fitted_model_, self.linearization_, dfbetas)
        return self.training_rows_.frame(columns)

    def score(self, X, y):
        """Fidelity: agreement of predicted effects of removals with real refits.

        Lin's concordance between the predicted and the refitted change of the mean loss on (X, y),
        over 32 removed training rows: half with the largest gradients, half evenly spaced below
        them. The result is deterministic. A grid search over `damping`, `method` or `solver` must
        maximise this score and not the accuracy: these settings do not change the fitted model, so
        that all candidates would have the same accuracy. For accuracy pass ``scoring="accuracy"``
        to the search.

        Parameters
        ----------
        X : {array-like, sparse matrix, data frame} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Labels or target values of these rows.

        Returns
        -------
        float
            In [-1, 1], higher is better; NaN where a refit or a prediction does not exist.

        See Also
        --------
        skinfluence.metrics : Other measures of fidelity, as scorers.

        References
        ----------
        L. I. Lin, "A concordance correlation coefficient to evaluate reproducibility",
        Biometrics 45, 1989.
        """
        needs_objective(self, "score")
        return rows_concordance(self, X, y)
