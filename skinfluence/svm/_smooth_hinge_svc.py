"""A linear support-vector classifier with the smooth hinge, fitted to its optimum."""

from numbers import Integral, Real

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from skinfluence._utils.warnings import warn_user
from skinfluence.linalg import Design
from skinfluence.losses import TEMPERATURE, SmoothHinge
from skinfluence.objectives import Objective, RowWeights, TargetCoding, minimize
from skinfluence.predictors import LinearPredictor
from skinfluence.solvers import AutoSolver

__all__ = ["SmoothHingeSVC"]


class SmoothHingeSVC(ClassifierMixin, BaseEstimator):
    """Linear support-vector classifier with the smooth hinge loss.

    Minimises ``1/2 ||w||^2 + C sum_i s_i t log(1 + exp((1 - y_i (w x_i + b)) / t))`` by Newton's
    method, to the optimum and not to a tolerance: the loss is twice differentiable, so that its
    influence functions exist and are exact derivatives. As the temperature t tends to 0 the loss
    tends to the hinge. Three or more classes are fitted one versus rest.

    Parameters
    ----------
    C : float, default=1.0
        Inverse strength of the penalty, as in :class:`~sklearn.svm.LinearSVC`.
    temperature : float, default=0.01
        t > 0, in units of the margin. Koh & Liang use 0.001 and 0.1.
    fit_intercept : bool, default=True
        Whether to fit an intercept, which is not penalised.
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes, multiplied with `sample_weight`.
    max_iter : int, default=200
        Largest number of Newton steps at each temperature.

    Attributes
    ----------
    coef_ : ndarray of shape (1, n_features) or (n_classes, n_features)
    intercept_ : ndarray of shape (1,) or (n_classes,)
    classes_ : ndarray of shape (n_classes,)
    n_iter_ : int
        Newton steps, over all temperatures.
    stationarity_ : float
        max|J'| relative to the data-term gradients; about 1e-13 at the optimum.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features,)

    See Also
    --------
    sklearn.svm.LinearSVC : The hinge and the squared hinge.

    References
    ----------
    P. W. Koh and P. Liang, "Understanding black-box predictions via influence functions", ICML
    2017, section 4.2. C. Liu et al., equation (18) and Figure 4 of its reproduction.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.preprocessing import scale
    >>> from skinfluence.svm import SmoothHingeSVC
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> model = SmoothHingeSVC(temperature=0.1).fit(scale(X), y)
    >>> round(model.score(scale(X), y), 2)
    0.99
    """

    _parameter_constraints = {
        "C": [Interval(Real, 0.0, None, closed="neither")],
        "temperature": [Interval(Real, 0.0, None, closed="neither")],
        "fit_intercept": ["boolean"],
        "class_weight": [dict, StrOptions({"balanced"}), None],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(
        self, C=1.0, temperature=TEMPERATURE, *, fit_intercept=True, class_weight=None, max_iter=200
    ):
        self.C = C
        self.temperature = temperature
        self.fit_intercept = fit_intercept
        self.class_weight = class_weight
        self.max_iter = max_iter

    def fit(self, X, y, sample_weight=None):
        """Fit to the optimum.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
            Labels, of two classes or more.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows; all ones by default.

        Returns
        -------
        self : SmoothHingeSVC
            Fitted.

        Warns
        -----
        ConvergenceWarning
            When Newton's method stopped short of the optimum.
        """
        self._validate_params()
        X, y = validate_data(self, X, y, accept_sparse="csr", dtype=[np.float64, np.float32])
        if sparse.issparse(X):
            X = sparse.csr_array(X)
        check_classification_targets(y)
        self.classes_ = np.unique(y)
        if len(self.classes_) < 2:
            raise ValueError(
                "SmoothHingeSVC needs samples of at least 2 classes, but the data contains only "
                f"one class: {self.classes_[0]!r}."
            )
        weights = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        result = self._minimize(X, y, weights)
        n_features = X.shape[1]
        objective = result.objective
        flat = objective.estimator_layout(objective.coef)
        K = objective.n_outputs
        self.coef_ = flat[: K * n_features].reshape(K, n_features)
        self.intercept_ = flat[K * n_features :] if self.fit_intercept else np.zeros(K)
        self.stationarity_ = result.stationarity
        if not result.converged:
            warn_user(
                f"Newton's method stopped after {self.n_iter_} steps at stationarity "
                f"{result.stationarity:.1e}, expected below 1e-9. Increase max_iter "
                f"(now {self.max_iter}), scale the features, or raise the temperature "
                f"(now {self.temperature}).",
                ConvergenceWarning,
            )
        return self

    def _minimize(self, X, y, sample_weight):
        """Optimum by continuation: from a warm temperature down to the wanted one."""
        K = 1 if len(self.classes_) == 2 else len(self.classes_)
        coding = TargetCoding("margin", K, self.classes_)
        center = None
        if self.fit_intercept:
            center = Design(X).rmatmul(sample_weight[:, None])[:, 0] / sample_weight.sum()
        design = Design(X, center, self.fit_intercept)
        penalty = np.full((K, design.shape[1]), 1.0 / self.C)
        if self.fit_intercept:
            penalty[:, -1] = 0.0
        weights = RowWeights(sample_weight)
        codes = coding.codes(y)
        if self.class_weight == "balanced":
            weights = RowWeights(sample_weight, codes, counts=sample_weight)
        elif self.class_weight is not None:
            fixed = compute_class_weight(self.class_weight, classes=self.classes_, y=y)
            weights = RowWeights(sample_weight, codes, fixed)
        objective = Objective(
            SmoothHinge(max(1.0, self.temperature)),
            LinearPredictor(design, np.zeros_like(penalty)),
            coding.encode_codes(codes),
            penalty,
            weights,
            coding,
        )
        self.n_iter_ = 0
        temperature = max(1.0, self.temperature)
        while True:
            last = temperature <= self.temperature
            objective = objective.replace(loss=SmoothHinge(temperature))
            settings = {} if last else {"tol": 1e-3}
            solver = AutoSolver.for_newton_steps()
            result = minimize(objective, solver, max_iter=self.max_iter, **settings)
            self.n_iter_ += result.n_iter
            objective = result.objective
            if last:
                return result
            temperature = max(self.temperature, temperature / 5.0)

    def decision_function(self, X):
        """Signed distance to the margin's centre.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes)
            Positive for the second of two classes; largest for the predicted one of more.
        """
        check_is_fitted(self)
        X = validate_data(self, X, accept_sparse="csr", dtype=[np.float64, np.float32], reset=False)
        raw = Design(X).matmul(self.coef_.T) + self.intercept_
        return raw[:, 0] if raw.shape[1] == 1 else raw

    def predict(self, X):
        """Predicted class of each row.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,)
            Labels from `classes_`.
        """
        raw = self.decision_function(X)
        codes = (raw > 0).astype(int) if raw.ndim == 1 else raw.argmax(axis=1)
        return self.classes_[codes]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
