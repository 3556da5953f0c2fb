"""An empirical risk that is written in PyTorch, minimised and differentiated automatically."""

from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from skinfluence.networks._training import train
from skinfluence.objectives import Objective, RowWeights, TargetCoding
from skinfluence.predictors._torch import RowFunction, TorchPredictor
from skinfluence.predictors._torch_checks import check_outputs, explained_errors
from skinfluence.predictors._torch_loss import TorchLoss


class RiskMinimizer(RegressorMixin, BaseEstimator):
    """Minimiser of a risk of one's own: two functions of PyTorch, and nothing else.

    It minimises ``sum_i s_i loss(predict(theta, x_i), y_i) + penalty / 2 ||theta||^2`` over theta.
    Influences follow by automatic differentiation of both functions, as in Liu et al., section 6.
    Needs torch: ``pip install 'skinfluence[torch]'``.

    Parameters
    ----------
    prediction : callable
        ``prediction(theta, x)`` of tensors of shapes (p,) and (n_features,) returns the raw
        prediction of one row, of shape () or (K,). `predict` returns these numbers.
    loss : callable
        ``loss(raw, y)`` of tensors of shapes (K,) and () or (n_outputs,) returns the loss of one
        row, of shape (). Twice differentiable.
    start : array-like of shape (p,)
        Parameters from which L-BFGS starts.
    penalty : float, default=0.0
        Strength of the quadratic penalty.
    max_iter : int, default=1000
        Largest number of iterations; 0 takes `start` as the fitted parameters.
    convex : bool, default=True
        Whether the risk has one optimum. Then the explainer moves the parameters to it by Newton's
        method; otherwise they are explained as they are.

    Attributes
    ----------
    coef_ : ndarray of shape (p,)
    n_iter_ : int
    n_features_in_ : int

    References
    ----------
    C. Liu et al., reproduction of Koh & Liang (2017), section 6.

    Examples
    --------
    >>> from skinfluence.networks import RiskMinimizer
    >>> def prediction(theta, x):
    ...     return theta[0] + x @ theta[1:]
    >>> def loss(raw, y):
    ...     return (raw[0] - y).cosh().log()
    >>> model = RiskMinimizer(prediction, loss, start=[0.0, 0.0, 0.0])
    """

    _parameter_constraints = {
        "prediction": [callable],
        "loss": [callable],
        "start": ["array-like"],
        "penalty": [Interval(Real, 0.0, None, closed="left")],
        "max_iter": [Interval(Integral, 0, None, closed="left")],
        "convex": ["boolean"],
    }

    def __init__(self, prediction, loss, start, *, penalty=0.0, max_iter=1000, convex=True):
        self.prediction = prediction
        self.loss = loss
        self.start = start
        self.penalty = penalty
        self.max_iter = max_iter
        self.convex = convex

    def fit(self, X, y, sample_weight=None):
        """Minimise the risk.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training rows.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows; all ones by default.

        Returns
        -------
        self : RiskMinimizer
            Fitted.
        """
        self._validate_params()
        X, y = validate_data(self, X, y, dtype=np.float64, multi_output=True, y_numeric=True)
        self.coef_ = np.array(self.start, dtype=np.float64).ravel()
        self._n_outputs = 0 if y.ndim == 1 else y.shape[1]
        weights = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        start = self._objective(X, y, weights)
        self._check(start)
        trained, self.n_iter_ = train(start, self.max_iter)
        self.coef_ = trained.coef
        return self

    @staticmethod
    def _check(start):
        """Evaluate both functions, so that errors of theirs are named."""
        check_outputs(start.predictor, what="`prediction`")
        with explained_errors("`loss`", start.predictor.X.shape[1]):
            values = start.row_values()
            _ = start.gradient()
        bad = np.flatnonzero(~np.isfinite(values))
        if len(bad):
            raise ValueError(
                f"`loss` is {values[bad[0]]} for row {bad[0]} at the parameters `start`, where the "
                f"raw prediction is {start.raw_prediction[bad[0]]} and y is {start.y[bad[0]]}. "
                "Expected finite numbers: choose another start or another loss."
            )

    def _objective(self, X, y, sample_weight):
        predictor = TorchPredictor(X, self.coef_, RowFunction(self.prediction), self.convex)
        targets = np.asarray(y, dtype=np.float64).reshape(len(y), -1)
        loss = TorchLoss(self.loss, flat=self._n_outputs == 0, convex=self.convex)
        return Objective(
            loss,
            predictor,
            targets,
            np.full(self.coef_.shape, float(self.penalty)),
            RowWeights(sample_weight),
            TargetCoding("real", targets.shape[1]),
        )

    def predict(self, X):
        """Raw predictions of rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to predict.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, K)
            What `prediction` returns for each row.
        """
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, dtype=np.float64)
        raw = TorchPredictor(X, self.coef_, RowFunction(self.prediction)).raw()
        return raw[:, 0] if raw.shape[1] == 1 else raw
