"""A PyTorch module as a transformer: the frozen part of a network before a scikit-learn model."""

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from skinfluence.predictors._torch import ModuleFunction, TorchPredictor
from skinfluence.predictors._torch_checks import check_outputs, check_table


class FeatureMap(TransformerMixin, BaseEstimator):
    """Transformer that returns the outputs of a PyTorch module, whose parameters stay as they are.

    Put before LogisticRegression or another supported model it is a network of which the last layer
    is trained, as the Inception network of Koh & Liang, section 5.2. Its derivative is known:
    :func:`skinfluence.perturbation.perturbation_influence` and
    :class:`skinfluence.attacks.TrainingSetAttack` change pixels through the whole network. Needs
    torch: ``pip install 'skinfluence[torch]'``.

    Parameters
    ----------
    module : torch.nn.Module
        Takes rows (n, n_features), which it may reshape to images, and returns (n, ...); what it
        returns is flattened to one row each.

    Attributes
    ----------
    n_features_in_ : int
    n_features_out_ : int

    References
    ----------
    P. W. Koh and P. Liang, "Understanding black-box predictions via influence functions", ICML
    2017, section 5.2.

    Examples
    --------
    >>> from skinfluence.networks import FeatureMap
    >>> FeatureMap(None)
    FeatureMap(module=None)
    """

    def __init__(self, module):
        self.module = module

    def fit(self, X, y=None):
        """Check the rows; nothing is trained.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.
        y : array-like of shape (n_samples,), default=None
            Not used.

        Returns
        -------
        self : FeatureMap
            Fitted.
        """
        check_table(X)
        X = validate_data(self, X, dtype=np.float64)
        self._function = ModuleFunction(self.module, X.shape[1], [])
        check_outputs(self._predictor(X))
        self.n_features_out_ = self._predictor(X[:1]).raw().shape[1]
        return self

    def _predictor(self, X):
        return TorchPredictor(X, np.zeros(0), self._function)

    def transform(self, X):
        """Outputs of the module.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples, n_features_out)
            Features.
        """
        check_is_fitted(self)
        return self._predictor(validate_data(self, X, reset=False, dtype=np.float64)).raw()

    def vjp(self, X, V):
        """Derivatives of numbers in the rows, from those in the outputs.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
            Rows.
        V : ndarray of shape (..., n_samples, n_features_out)
            Derivatives in the outputs.

        Returns
        -------
        ndarray of shape (..., n_samples, n_features)
            Derivatives in the rows.
        """
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, dtype=np.float64)
        V, expected = np.asarray(V, dtype=np.float64), (len(X), self.n_features_out_)
        if V.shape[-2:] != expected:
            raise ValueError(f"V has shape {V.shape}. Expected (..., {len(X)}, {expected[1]}).")
        return self._predictor(X).input_vjp(V)

    def get_feature_names_out(self, input_features=None):
        """Names of the outputs, "featuremap0" and so on.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Not used.

        Returns
        -------
        ndarray of shape (n_features_out,)
            Names.
        """
        check_is_fitted(self)
        return np.array([f"featuremap{j}" for j in range(self.n_features_out_)], dtype=object)
