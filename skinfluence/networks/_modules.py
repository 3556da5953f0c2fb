"""Modules of PyTorch as a scikit-learn classifier and regressor."""

import copy
from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from skinfluence._utils.warnings import warn_user
from skinfluence.losses import SquaredError
from skinfluence.networks._training import train
from skinfluence.objectives import Objective, RowWeights, TargetCoding, log_loss_of
from skinfluence.predictors._torch import ClassOutput, ModuleFunction, TorchPredictor
from skinfluence.predictors._torch_checks import check_outputs, check_table


class _Module(BaseEstimator):
    """What classifier and regressor share: parameters, training, raw predictions."""

    _parameter_constraints = {
        "module": "no_validation",
        "weight_decay": [Interval(Real, 0.0, None, closed="left")],
        "layers": [list, str, None],
        "max_iter": [Interval(Integral, 0, None, closed="left")],
    }

    def __init__(self, module, *, weight_decay=0.0, layers=None, max_iter=0):
        self.module = module
        self.weight_decay = weight_decay
        self.layers = layers
        self.max_iter = max_iter

    def _fit(self, X, y, sample_weight, output=None):
        """Train from the module's own parameters, and keep where the training ended."""
        function = self._function = ModuleFunction(self.module, X.shape[1], self.layers, output)
        if not function.names:
            raise ValueError(
                f"layers={self.layers!r} leaves no parameters of the module to explain; those with "
                "requires_grad=False are constants. Expected at least one. FeatureMap puts a "
                "module without parameters before another estimator."
            )
        self.coef_ = function.parameters()
        weights = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        start = self._objective(X, y, weights)
        self._check_outputs(start)
        trained, self.n_iter_ = train(start, self.max_iter)
        self.coef_ = trained.coef
        self.module_ = copy.deepcopy(self.module)
        function.write(self.coef_, self.module_)
        return self

    def _objective(self, X, y, sample_weight):
        """The weighted sum of losses plus weight_decay / 2 times squares, per unit of weight."""
        loss, coding = self._loss_and_coding()
        weights = RowWeights(sample_weight)
        return Objective(
            loss,
            TorchPredictor(X, self.coef_, self._function),
            coding.encode(y),
            np.full(self.coef_.shape, self.weight_decay * weights.base.sum()),
            weights,
            coding,
            penalty_scaling="mean",
        )

    def _check_outputs(self, objective):
        """Raise for outputs that are not what the loss takes."""
        check_outputs(objective.predictor, objective.coding.n_outputs)

    def _raw(self, X):
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, dtype=[np.float64, np.float32])
        return TorchPredictor(X, self.coef_, self._function).raw()


class ModuleClassifier(ClassifierMixin, _Module):
    """Classifier of a PyTorch module: log loss plus weight decay.

    It minimises ``sum_i s_i loss_i / sum_i s_i + weight_decay / 2 ||theta||^2`` by L-BFGS, from the
    parameters that the module has. With ``max_iter=0``, the default, the module is taken as it was
    trained elsewhere, for :class:`skinfluence.InfluenceExplainer`. All computations are in double
    precision, without dropout, and batch normalisation uses its running statistics. Needs torch:
    ``pip install 'skinfluence[torch]'``.

    Parameters
    ----------
    module : torch.nn.Module
        Takes rows (n, n_features), which it may reshape to images, and returns one number per
        class, or one number for two classes.
    output : {"logits", "proba"}, default="logits"
        What the module returns. Logarithms of probabilities are logits.
    weight_decay : float, default=0.0
        Of the mean loss, as in the optimisers of torch.
    layers : list of str, default=None
        Names of the layers or parameters that are trained and explained; the others are constants.
        None for all parameters that require gradients.
    max_iter : int, default=0
        Largest number of iterations of L-BFGS in `fit`.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    coef_ : ndarray of shape (p,)
        The explained parameters, one layer after the other.
    module_ : torch.nn.Module
        A copy of the module with these parameters.
    n_iter_ : int
    n_features_in_ : int

    See Also
    --------
    ModuleRegressor : For real targets.
    FeatureMap : A module as a transformer before another estimator.

    Examples
    --------
    >>> from skinfluence.networks import ModuleClassifier
    >>> ModuleClassifier(None, weight_decay=0.01)
    ModuleClassifier(module=None, weight_decay=0.01)
    """

    _parameter_constraints = {
        **_Module._parameter_constraints,
        "output": [StrOptions({"logits", "proba"})],
    }

    def __init__(self, module, *, output="logits", weight_decay=0.0, layers=None, max_iter=0):
        super().__init__(module, weight_decay=weight_decay, layers=layers, max_iter=max_iter)
        self.output = output

    def fit(self, X, y, sample_weight=None):
        """Train the module's parameters further, or take them as they are.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training rows.
        y : array-like of shape (n_samples,)
            Labels, of two classes or more.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows; all ones by default.

        Returns
        -------
        self : ModuleClassifier
            Fitted.
        """
        self._validate_params()
        check_table(X)
        X, y = validate_data(self, X, y, dtype=[np.float64, np.float32])
        check_classification_targets(y)
        self.classes_ = np.unique(y)
        if len(self.classes_) < 2:
            raise ValueError(
                f"y has one class, {self.classes_.tolist()}. Expected rows of at least 2 classes."
            )
        return self._fit(X, y, sample_weight, ClassOutput(len(self.classes_), self.output))

    def _check_outputs(self, objective):
        bare = copy.copy(objective.predictor)
        bare.function = copy.copy(bare.function)
        bare.function.output = None
        check_outputs(bare)
        _check_probabilities(bare.raw(), self.output)
        super()._check_outputs(objective)

    def _loss_and_coding(self):
        return log_loss_of(self.classes_)

    def decision_function(self, X):
        """Log odds of two classes, or raw predictions of more.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to predict.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes)
            Raw predictions.
        """
        raw = self._raw(X)
        return raw[:, 0] if raw.shape[1] == 1 else raw

    def predict_proba(self, X):
        """Probabilities of the classes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to predict.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Probabilities, in the order of `classes_`.
        """
        raw = self._raw(X)
        return self._loss_and_coding()[0].probability(raw)

    def predict(self, X):
        """Class of the largest probability of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to predict.

        Returns
        -------
        ndarray of shape (n_samples,)
            Labels.
        """
        raw = self._raw(X)
        return self.classes_[self._loss_and_coding()[1].predicted_codes(raw)]


def _check_probabilities(out, output):
    """Whether what a module returned is what `output` says."""
    sums = out.sum(axis=1) if out.shape[1] > 1 else np.ones(len(out))
    are_proba = (out >= 0).all() and (out <= 1).all() and (np.abs(sums - 1.0) < 1e-5).all()
    if output == "logits" and are_proba:
        warn_user(
            "The module returns probabilities for all rows, which are taken for logits: the "
            'softmax is applied twice. Pass output="proba" if they are probabilities.',
        )
    if output == "proba" and not are_proba:
        raise ValueError(
            f'output="proba", but the module returns numbers from {out.min():.3g} to '
            f"{out.max():.3g}, which are no probabilities. Expected numbers from 0 to 1, of sum 1; "
            'pass output="logits" for a module without softmax or sigmoid.'
        )
    n_sure = int(((out == 0) | (out == 1)).any(axis=1).sum())
    if output == "proba" and n_sure:
        raise ValueError(
            f"The module returns probabilities of exactly 0 or 1 for {n_sure} rows, of which no "
            'logarithm is left. Expected logits: drop the last softmax, and pass output="logits".'
        )


class ModuleRegressor(RegressorMixin, _Module):
    """Regressor of a PyTorch module: half the squared error plus weight decay.

    It minimises ``sum_i s_i ||y_i - f(x_i)||^2 / 2 / sum_i s_i + weight_decay / 2 ||theta||^2`` by
    L-BFGS, from the parameters that the module has; with ``max_iter=0``, the default, the module is
    taken as it was trained elsewhere. Weight decay w of a training by ``torch.nn.MSELoss`` of K
    outputs is K w / 2 in these units. See :class:`ModuleClassifier`.

    Parameters
    ----------
    module : torch.nn.Module
        Takes rows (n, n_features), returns (n,) or (n, n_outputs).
    weight_decay : float, default=0.0
        Of the mean of half the squared errors.
    layers : list of str, default=None
        Names of the layers or parameters that are trained and explained; None for all.
    max_iter : int, default=0
        Largest number of iterations of L-BFGS in `fit`.

    Attributes
    ----------
    coef_ : ndarray of shape (p,)
        The explained parameters, one layer after the other.
    module_ : torch.nn.Module
        A copy of the module with these parameters.
    n_iter_ : int
    n_features_in_ : int

    See Also
    --------
    ModuleClassifier : For classes.

    Examples
    --------
    >>> from skinfluence.networks import ModuleRegressor
    >>> ModuleRegressor(None, max_iter=500)
    ModuleRegressor(max_iter=500, module=None)
    """

    def fit(self, X, y, sample_weight=None):
        """Train the module's parameters further, or take them as they are.

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
        self : ModuleRegressor
            Fitted.
        """
        self._validate_params()
        check_table(X)
        X, y = validate_data(
            self, X, y, dtype=[np.float64, np.float32], multi_output=True, y_numeric=True
        )
        self._n_outputs = 1 if y.ndim == 1 else y.shape[1]
        self._flat = y.ndim == 1
        return self._fit(X, y, sample_weight)

    def _loss_and_coding(self):
        return SquaredError(), TargetCoding("real", self._n_outputs)

    def predict(self, X):
        """Values of the module's outputs, in the shape of the training targets.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to predict.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Predicted values.
        """
        raw = self._raw(X)
        return raw[:, 0] if self._flat else raw
