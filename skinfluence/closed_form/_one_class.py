"""OneClassMachine: decision values of OneClassSVM, by real refits of which most rows share one."""

from functools import cached_property

import numpy as np
from sklearn.base import clone

from skinfluence.closed_form._base import ClosedFormModel
from skinfluence.losses import Loss
from skinfluence.objectives import TargetCoding


class NegativeMargin(Loss):
    """Minus the decision value, on the side of the label: -y raw.

    The machine itself adds up what lies outside, max(0, -raw). That is 0 for all other rows,
    whatever is removed, and at every predicted label.
    """

    name = ""  # no loss of its own in the registry
    target_kind = "margin"

    def value(self, y, raw_prediction):
        return (-y * raw_prediction)[..., 0]

    def gradient(self, y, raw_prediction):
        return -y * np.ones_like(raw_prediction)

    def hessian_product(self, y, raw_prediction, V):
        return np.zeros(np.broadcast_shapes(np.shape(raw_prediction), np.shape(V)))


class OneClassMachine(ClosedFormModel):
    """OneClassSVM, whose rows have no labels: all are taken as inliers, +1.

    The dual coefficients add up to nu times the number of rows, so that every removal moves the
    machine. Without a row of coefficient 0 the solution is that of all rows with a sum smaller by
    nu, as long as the row has coefficient 0 there, too: one refit serves all such rows. The kernel
    is held fixed.

    Parameters
    ----------
    estimator : fitted OneClassSVM
    X : ndarray or CSR of shape (n, n_features)
    sample_weight : ndarray of shape (n,)
    """

    methods = ("refit",)
    by_refits = True

    def __init__(self, estimator, X, sample_weight):
        coding = TargetCoding("margin", 1, np.array([-1, 1]))
        inliers = np.ones(X.shape[0], dtype=int)
        super().__init__(estimator, X, inliers, sample_weight, coding, NegativeMargin())
        self.estimator.gamma = estimator._gamma

    def estimator_raw(self, estimator, X):
        return estimator.decision_function(X).reshape(-1, 1)

    def last_of_class(self):
        return np.zeros(self.n_rows, dtype=bool)

    def class_is_lost(self, rows):
        return len(rows) >= self.n_rows

    @cached_property
    def _shared(self):
        """(machine that is the one without any row of a mask, the mask)."""
        n, without = self.n_rows, np.zeros(self.n_rows, dtype=bool)
        if n < 2 or np.ptp(self.sample_weight) > 0.0:
            return None, without
        machine = clone(self.estimator).set_params(nu=self.estimator.nu * (n - 1) / n)
        machine.fit(self.X, sample_weight=self.sample_weight)
        without[:] = True
        without[machine.support_] = False
        return machine, without

    def without(self, rows):
        if len(rows) == 1 and self._shared[1][rows[0]]:
            return self._shared[0]
        return super().without(rows)
