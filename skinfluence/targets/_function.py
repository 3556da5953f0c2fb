"""A function of the user as one number for all test rows."""

import numpy as np

from skinfluence.targets._base import JointTarget


class FunctionTarget(JointTarget):
    """A function of the raw predictions of all test rows, with its derivative.

    Parameters
    ----------
    func : callable
        ``func(raw) -> float`` for raw predictions (n_test, n_outputs): predicted values before the
        link, log-odds or margins.
    gradient : callable
        ``gradient(raw) -> (n_test, n_outputs)``, its derivative.
    name : str, default="function"
        In titles.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.linear_model import Ridge
    >>> from skinfluence import InfluenceExplainer
    >>> from skinfluence.targets import FunctionTarget
    >>> X, y = load_diabetes(return_X_y=True)
    >>> explainer = InfluenceExplainer(Ridge(0.1)).fit(X, y)
    >>> spread = FunctionTarget(
    ...     lambda raw: raw.var(), lambda raw: 2 * (raw - raw.mean()) / len(raw), "variance")
    >>> change = explainer.influence(X, target=spread)[0]
    >>> print(f"row {change.argmin()}: {change.min():.1f}")
    row 256: -39.9
    """

    def __init__(self, func, gradient, name="function"):
        self.func = func
        self._gradient = gradient
        self.name = name

    def bind(self, objective, raw, y_test):
        target = super().bind(objective, raw, y_test)
        value, slopes = self.func(raw), np.asarray(self._gradient(raw))
        if np.ndim(value) != 0:
            raise ValueError(
                f"func returned an array of shape {np.shape(value)}; expected one number for all "
                "test rows."
            )
        if slopes.shape != raw.shape:
            raise ValueError(
                f"gradient returned an array of shape {slopes.shape}; expected {raw.shape}, that "
                "of the raw predictions."
            )
        return target

    def value(self, raw):
        return float(self.func(raw))

    def gradient(self, raw):
        return np.asarray(self._gradient(raw), dtype=np.float64)
