"""InfluenceExplainer: validates, wires the layers and computes influences."""

import copy
from time import perf_counter

from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted

from skinfluence._utils.checks import check_weights
from skinfluence._utils.docs import shared_parameters
from skinfluence._utils.rows import NamedRows
from skinfluence._utils.warnings import warn_user
from skinfluence.adapters import Settings, check_supported, explain_estimator
from skinfluence.effects import resolve_method
from skinfluence.explainer._delegation import EstimatorDelegation
from skinfluence.explainer._edited_models import EditedModels
from skinfluence.explainer._linearizations.closed_form import (
    ClosedFormLinearization,
    check_closed_form,
)
from skinfluence.explainer._linearizations.composed import linearize, polish_all
from skinfluence.explainer._linearizations.linear import Linearization, influences
from skinfluence.explainer._most_influential import MostInfluential
from skinfluence.explainer._targets import TestRows
from skinfluence.explainer._validation import (
    TableWatch,
    check_settings,
    check_test_table,
    check_training_data,
    inliers,
    labels_of,
    warn_of_refit,
)
from skinfluence.losses import TEMPERATURE
from skinfluence.solvers import get_solver
from skinfluence.solvers._base import seeded
from skinfluence.targets import bind_target


class InfluenceExplainer(EditedModels, MostInfluential, EstimatorDelegation):
    """Influence of training rows on predictions: the effect of their removal.

    A scikit-learn meta-estimator. It fits a clone of `estimator`, and computes the effects of
    removing training rows from one factorisation of its Hessian, without retraining.

    Sign: value without the row minus value with it. For losses, positive means that the training
    row helps the test row. See the conventions page of the documentation.

    Settings are read by `fit`: a change by `set_params` takes effect at the next fit. Each call
    reads `method`, `memory`, `n_jobs` and `verbose`.

    Parameters
    ----------
    estimator : estimator, default=None
        A clone of it is fitted, even if it is fitted already; a FrozenEstimator is not fitted
        again. Any that :func:`skinfluence.supports` supports: a classifier or regressor, also as
        the last step of a Pipeline (earlier steps are fitted once and then fixed), in a
        FrozenEstimator (already fitted), or in a search such as GridSearchCV (its best estimator is
        explained). An estimator
        that holds such ones (TransformedTargetRegressor, OneVsRestClassifier, MultiOutput, Voting,
        Bagging) is explained through its members. Results of statsmodels are explained as they
        are. None is ``LogisticRegression()``.
    solver : str or Solver, default="auto"
        How the Hessian is inverted: "auto" (see :class:`skinfluence.solvers.AutoSolver` for the
        rules), "cholesky", "eigh", "woodbury", "cg", "neumann", "lissa", "kfac", "ekfac",
        or a solver with settings of its own.
    damping : float, default=0.0
        Adds ``damping * sum(sample_weight)`` to the Hessian's diagonal, for the inverse only.
    curvature : {"hessian", "gauss_newton", "fisher", "empirical_fisher"}, default="hessian"
        Matrix that is inverted. "gauss_newton" leaves out the second derivative of raw predictions
        that are not linear in the parameters, and is the Hessian for others. "fisher": the mean of
        ``g_i g_i'`` over labels drawn from the model; for squared error and logistic losses it is
        the Hessian, and hinges have none. "empirical_fisher": the sum of ``s_i g_i g_i'`` at the
        given labels, for first order only; for squared error it assumes residuals of variance one.
        The penalty's second derivative belongs to all three. Refits, leverages and diagnostics do
        not depend on it.
    method : {"auto", "first_order", "newton_step", "refit"}, default="auto"
        The effect of removing a row: the influence function, one Newton step with the row's
        leverage (exact for squared error), or a converged refit. "auto" is the Newton step wherever
        the Hessian is factorised, and first order otherwise; for hinge machines, which have no
        curvature, it is the exact refit.
    penalty_scaling : {"estimator", "mean"}, default="estimator"
        Whether the penalty is constant when a row is removed (as in the estimator) or proportional
        to the number of rows (weight decay on the mean loss, as in Koh & Liang).
    polish : bool, default=True
        Move the coefficients to the exact optimum by Newton steps before explaining.
        ``polish=False`` keeps them, as Koh & Liang keep the weights of a hinge machine.
    temperature : float, default=0.01
        Temperature of the smooth hinge that replaces the hinge of ``SVC`` and
        ``LinearSVC(loss="hinge")`` in first order and Newton steps. Refits use the hinge itself.
    memory : str or joblib.Memory, default=None
        Where `score` caches its refits.
    n_jobs : int, default=None
        Threads for refits. Results do not depend on it.
    random_state : int, RandomState instance or None, default=None
        For solvers that draw samples ("lissa", "cg"). None: their own fixed seed. A
        RandomState gives one seed at `fit`; the results of the explainer then repeat.
    verbose : int, default=None
        Computations of more than two seconds (polishing, forming of Hessians, solutions, refits,
        leverages, influences) show a bar with the remaining time in terminals and notebooks. 0
        shows none. 1 also prints what `fit` did, and writes lines with the expected time to logs.

    Attributes
    ----------
    estimator_ : estimator
        The fitted clone.
    objective_ : Objective
        Its objective, at the explained coefficients.
    stationarity_ : float
        Relative size of the gradient at the estimator's own coefficients; 0 at an optimum.
    polished_stationarity_ : float
        The same at the explained coefficients.
    distance_to_optimum_ : float
        Distance of the estimator's own coefficients from the optimum of the given rows, in units of
        the sampling error: about m if a share m of its training rows is missing, about 2 for as
        many other rows. 0 if polishing moved no raw prediction by more than 1e-6 of their spread,
        NaN without polishing. See the page "Distance to the optimum".
    fitted_model_ : FittedModel
        Parts of the fitted clone; returns the predictor of new data.
    linearization_ : Linearization
        The objective with its inverse Hessian, made at first use.
    X_train_ : as given
        The training table, by reference.
    y_train_, sample_weight_train_ : array-like of shape (n_train, ...)
        Labels and weights that the last step was trained on, in copies; the weights are None where
        it got none.
    row_names_ : pandas.Index or ndarray of shape (n_train,)
        Names of the training rows: the index of the data, else their positions.
    classes_ : ndarray of shape (n_classes,)
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features,)

    See Also
    --------
    skinfluence.LabelFlagger : Wrong labels, and labels to check first.
    skinfluence.groups : The removal of groups of rows; the fewest rows that flip a prediction.
    skinfluence.perturbation : Other features or another label of a training row.
    skinfluence.selection : Relative influence, rows that differ from each other, prototypes.
    skinfluence.components : Contributions of the training loss and of the inverse Hessian.
    skinfluence.metrics : Agreement with real refits, as scorers for searches.
    skinfluence.solvers : Inverses of the Hessian, with their settings.
    skinfluence.svm : A support-vector classifier with a smooth loss.
    skinfluence.datasets : Small data sets, and wrong labels to find.
    skinfluence.testing : Checks for losses, estimators and solvers of your own.

    References
    ----------
    P. W. Koh and P. Liang, "Understanding black-box predictions via influence functions", ICML
    2017. R. D. Cook and S. Weisberg, "Residuals and influence in regression", 1982.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skinfluence import InfluenceExplainer
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> model = make_pipeline(StandardScaler(), LogisticRegression())
    >>> explainer = InfluenceExplainer(model).fit(X[:400], y[:400])
    >>> explainer.influence(X[400:], y[400:]).shape
    (169, 400)
    """

    def __init__(
        self,
        estimator=None,
        *,
        solver="auto",
        damping=0.0,
        curvature="hessian",
        method="auto",
        penalty_scaling="estimator",
        polish=True,
        temperature=TEMPERATURE,
        memory=None,
        n_jobs=None,
        random_state=None,
        verbose=None,
    ):
        self.estimator = estimator
        self.solver = solver
        self.damping = damping
        self.curvature = curvature
        self.method = method
        self.penalty_scaling = penalty_scaling
        self.polish = polish
        self.temperature = temperature
        self.memory = memory
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    _linearization: Linearization | ClosedFormLinearization

    def fit(self, X, y, sample_weight=None, **params):
        """Fit the estimator and read its objective.

        Parameters
        ----------
        X : {array-like, sparse matrix, data frame} of shape (n_train, n_features)
            Held by reference: do not change it afterwards. Changes of whole columns, and of the
            order of rows, are noticed and refused.
        y : array-like of shape (n_train,) or (n_train, n_outputs)
            Labels or target values; None for one-class machines.
        sample_weight : array-like of shape (n_train,), default=None
            Goes to the last step of a pipeline.
        **params : dict
            Further fit parameters of the estimator.

        Returns
        -------
        self : InfluenceExplainer
            Fitted.

        Raises
        ------
        UnsupportedEstimatorError
            For estimators without a known differentiable objective, before anything is fitted.
        ValueError
            For an invalid table: a file name, a single column, X and y exchanged. For y or weights
            whose pandas index has the rows of X in another order.

        Warns
        -----
        UserWarning
            When the estimator was fitted before and fitting it again gives another model.
        ConvergenceWarning
            When the coefficients are further from the optimum of the given rows than sampling,
            the estimator's tolerance and rounding allow, or no optimum was reached.
        """
        check_settings(self)
        for name, value in {"sample_weight": sample_weight, **params}.items():
            if name.endswith("sample_weight"):
                check_weights(value)
        y = inliers(X, self._default_estimator()) if y is None else y
        check_training_data(X, y, self._default_estimator())
        check_supported(self._default_estimator())
        names = NamedRows(X, y)
        names.pairs_with(y, "y")
        names.pairs_with(sample_weight, "sample_weight")
        y = copy.deepcopy(y)  # corrected in place, as labels are, it stays what it was
        start = perf_counter()
        self.estimator_ = self._fit_inner(X, y, sample_weight, params)
        self._tell("fitted the estimator", start)
        warn_of_refit(self)
        start = perf_counter()
        self._settings = Settings(self.damping == 0, float(self.temperature), self.penalty_scaling)
        self.fitted_model_ = explain_estimator(self.estimator_, X, y, sample_weight, self._settings)
        closed_form = self.fitted_model_.objective.closed_form
        polished = self._keep_closed_form() if closed_form else self._polish()
        self.X_train_, self.y_train_ = X, labels_of(self.estimator_, self.fitted_model_.y)
        self.sample_weight_train_ = self.fitted_model_.sample_weight
        check_weights(self.sample_weight_train_)  # by whatever name they came
        self.training_rows_ = self.objective_.row_names = names
        self._watch = TableWatch(self.fitted_model_.X)
        self._tell("read its objective and moved to the optimum", start)
        if closed_form:
            made = self.fitted_model_, self.n_jobs, self.verbose
            self._linearization = ClosedFormLinearization(*made)
            return self
        seed = {} if self.random_state is None else {"random_state": self.random_state}
        solver = seeded(get_solver(self.solver, verbose=self.verbose, **seed))
        self._linearization = linearize(
            self.fitted_model_,
            polished,
            solver=solver,
            damping=float(self.damping),
            n_jobs=self.n_jobs,
            verbose=self.verbose,
            curvature=self.curvature,
        )
        return self

    @property
    def linearization_(self):  # type: ignore[override]
        """Objective with its inverse Hessian, at the current `n_jobs` and `verbose`."""
        if not hasattr(self, "_linearization"):
            raise AttributeError("linearization_ is made by fit: call fit(X, y) first.")
        self._watch.check(self.fitted_model_.X)
        made = self._linearization
        made.n_jobs, made.verbose = self.n_jobs, self.verbose
        return made

    @property
    def distance_to_optimum_(self):  # type: ignore[override]
        """Distance of the estimator's own coefficients from the optimum; measured when asked."""
        if not hasattr(self, "_distance"):
            raise AttributeError("distance_to_optimum_ is made by fit: call fit(X, y) first.")
        return self._distance() if callable(self._distance) else self._distance

    def _polish(self):
        """Set objective_ and its distance from where it was fitted; warn where that is far.

        Returns what polishing found.
        """
        polished = polish_all(
            self.fitted_model_,
            self._default_estimator(),
            move=self.polish,
            damping=float(self.damping),
            verbose=self.verbose,
        )
        self.objective_ = self.fitted_model_.objective = polished.objective
        self.stationarity_ = polished.stationarity
        self.polished_stationarity_ = polished.polished_stationarity
        self._distance = polished.distance
        self._moved, self._off_optimum = polished.moved, polished.warning
        if polished.warning:
            warn_user(polished.warning, ConvergenceWarning)
        return polished

    def _keep_closed_form(self):
        """Set objective_ to a model in closed form, computed from its rows."""
        self.objective_ = model = self.fitted_model_.objective
        check_closed_form(self, model)
        self.stationarity_ = self.polished_stationarity_ = self._distance = 0.0

    def _tell(self, what, start):
        if self.verbose:
            print(f"[InfluenceExplainer] {what} in {perf_counter() - start:.2f} s")

    @shared_parameters
    def test_rows(self, X_test, y_test=None, *, target="auto"):
        """Test rows with their raw predictions and target, for tasks other than removal.

        Returns
        -------
        TestRows
            Raw predictions and the target with its derivative.
        """
        if not hasattr(self, "fitted_model_"):
            check_is_fitted(self)  # which reads the tags first
        check_test_table(X_test, [*self.fitted_model_.transformers, self.fitted_model_.model][0])
        names = NamedRows(X_test)
        names.pairs_with(y_test, "y_test", "X_test")
        for name, values in getattr(target, "__dict__", {}).items():  # groups, weights
            names.pairs_with(values, name, "X_test")
        predictor = self.fitted_model_.predictor(X_test)
        target = bind_target(target, self.objective_, predictor.raw(), y_test)
        return TestRows(self.objective_, predictor, target)

    def _resolved(self, X_test, y_test, target, method, rows=None):
        """(test rows, method, training rows) of one call."""
        tests = self.test_rows(X_test, y_test, target=target)  # checks that it is fitted
        method = resolve_method(self.method if method is None else method, self.linearization_)
        return tests, method, self.training_rows_.positions(rows)

    @shared_parameters
    def influence(self, X_test, y_test=None, *, target="auto", method=None, rows=None):
        """Effect of removing each training row on each test row.

        Parameters
        ----------
        target : str or Target, default="auto"
            The number whose change is computed: "loss", "predict", "decision_function",
            "predict_proba" (of the predicted class) or an object of :mod:`skinfluence.targets`,
            such as ``Probability("spam")`` or ``Mean("loss")``. "auto" is the loss where labels are
            given, otherwise "predict": the loss at the predicted label for classifiers, the
            predicted value (summed over outputs) for regressors.
        rows : array-like of int, of names, or bool mask, default=None
            Training rows, by position, by name in the index of the training data, or by a mask; all
            by default. See the page "Names of rows".

        Returns
        -------
        ndarray of shape (n_test, n_train) or (n_test, n_rows)
            Value without the training row minus value with it, in units of the target. Positive
            for the loss: the training row helps the test row. One row for targets with one number
            for all test rows.

        Raises
        ------
        ValueError
            For unknown labels, wrong shapes, NaN, an empty test set, or a target that the model
            does not have.

        Warns
        -----
        RuntimeWarning
            For training rows that are the only one of their class: a refit without them would be
            another model. They are NaN, except for "first_order", which describes the fitted model.

        References
        ----------
        Koh & Liang (2017), equation (2): first order is -s_i / sum(s) times I_up,loss.
        """
        tests, method, rows = self._resolved(X_test, y_test, target, method, rows)
        return influences(self.linearization_, tests, method, rows)
