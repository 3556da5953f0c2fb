"""Weighted sums and means of a target over the test rows."""

import numpy as np

from skinfluence._utils.checks import as_floats
from skinfluence.targets._base import JointTarget, Target
from skinfluence.targets._named import bind_target


class WeightedSum(JointTarget):
    """Weighted sum of a target over the test rows.

    With weights 1 and -1 it is the difference of two rows; where these differ by one unit of one
    column, it is the coefficient of that column.

    Parameters
    ----------
    target : str or Target, default="auto"
        A target with a number for each test row.
    weights : array-like of shape (n_test,), default=None
        One for each test row; None is ones.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.linear_model import Ridge
    >>> from skinfluence import InfluenceExplainer
    >>> from skinfluence.targets import WeightedSum
    >>> X, y = load_diabetes(return_X_y=True)
    >>> explainer = InfluenceExplainer(Ridge()).fit(X, y)
    >>> pair = np.eye(2, 10)  # ones in column 0 and in column 1
    >>> difference = WeightedSum("predict", [1, -1])
    >>> by_row = explainer.influence(pair, target=difference)[0]
    >>> coefs = explainer.coef_influence()
    >>> print(f"{by_row[7]:.6f} {coefs[7, 0] - coefs[7, 1]:.6f}")
    0.063893 0.063893
    """

    each: Target
    factors: np.ndarray

    def __init__(self, target="auto", weights=None):
        self.target = target
        self.weights = weights

    def bind(self, objective, raw, y_test):
        each = bind_target(self.target, objective, raw, y_test)
        if each.joint and self.weights is None:
            return each  # one number is its own sum
        return self._over(each, len(raw))

    @classmethod
    def of(cls, each, n_test):
        """The target over a bound target with a number for each of n_test rows."""
        return cls()._over(each, n_test)

    def _over(self, each, n_test):
        return self._replace(each=each, factors=self._factors(n_test), name=self._name(each))

    def _factors(self, n_test):
        if self.weights is None:
            return np.ones(n_test)
        weights = as_floats(self.weights, "weights")
        if weights.shape != (n_test,):
            raise ValueError(
                f"weights has shape {weights.shape}; expected ({n_test},), one for each test row."
            )
        return weights

    def _name(self, each):
        return f"sum of the {each.name}"

    def value(self, raw):
        return float(self.factors @ self.each.value(raw))

    def gradient(self, raw):
        return self.factors[:, None] * self.each.gradient(raw)

    def change(self, raw, moved):
        return self.factors @ self.each.change(raw, moved)


class Mean(WeightedSum):
    """Mean of a target over the test rows.

    Parameters
    ----------
    target : str or Target, default="auto"
        A target with a number for each test row.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skinfluence import InfluenceExplainer
    >>> from skinfluence.targets import Mean
    >>> X, y = load_iris(return_X_y=True)
    >>> explainer = InfluenceExplainer(LogisticRegression(max_iter=1000)).fit(X, y)
    >>> values = explainer.influence(X, y, target=Mean("loss"))
    >>> values.shape
    (1, 150)
    """

    def __init__(self, target="auto"):
        super().__init__(target)

    def _factors(self, n_test):
        return np.full(n_test, 1.0 / n_test)

    def _name(self, each):
        return f"mean {each.name}"
