"""Half the squared error."""

import numpy as np

from skinfluence.losses._base import Loss
from skinfluence.losses._stable import summed


class SquaredError(Loss):
    """(y - raw_prediction)^2 / 2, summed over outputs.

    The half keeps the Hessian 1 and so the penalty of Ridge equal to `alpha`.

    Examples
    --------
    >>> import numpy as np
    >>> from skinfluence.losses import SquaredError
    >>> float(SquaredError().value(np.array([3.0]), np.array([1.0])))
    2.0
    """

    name = "squared_error"
    target_kind = "real"
    quadratic = True
    canonical = True

    def value(self, y, raw_prediction):
        return 0.5 * summed((raw_prediction - y) ** 2)

    def gradient(self, y, raw_prediction):
        return raw_prediction - y

    def hessian_product(self, y, raw_prediction, V):
        return np.array(np.broadcast_to(V, np.broadcast_shapes(V.shape, np.shape(raw_prediction))))

    def fisher_matrix(self, raw_prediction):
        # half the squared error is minus the log-likelihood of a normal law of unit variance
        K = raw_prediction.shape[-1]
        return np.broadcast_to(np.eye(K), (*raw_prediction.shape, K))

    def value_change(self, y, raw_prediction, change):
        return summed((raw_prediction - y + 0.5 * change) * change)
