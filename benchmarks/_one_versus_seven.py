"""MNIST, 1 versus 7, as in Figure 1 of Koh & Liang (2017)."""

from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression

from benchmarks._real_data import loaders
from skinfluence import InfluenceExplainer

#: Weight decay 0.01 on the mean loss, no intercept; their test row, a 7.
WEIGHT_DECAY, TEST_ROW = 0.01, 30

INTRODUCTION = (
    "MNIST, 1 versus 7, as in Koh & Liang's Figure 1: the training rows from 5,000 on, logistic "
    "regression on pixels / 255, no intercept, weight decay 0.01 on the mean loss "
    '(penalty_scaling="mean"). '
)


@dataclass
class OneVersusSeven:
    """The digits, and the model of them."""

    X: np.ndarray
    y: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray

    @classmethod
    def load(cls, quick):
        """All training rows, or few of them."""
        X, y, X_test, y_test = loaders().mnist_binary()
        n = 1500 if quick else len(y)
        return cls(X[:n].astype(float), y[:n], X_test.astype(float), y_test)

    @property
    def test(self):
        """The test row of Figure 1."""
        return self.X_test[[TEST_ROW]], self.y_test[[TEST_ROW]]

    @property
    def same(self):
        """Which training rows are of its digit."""
        return self.y == self.y_test[TEST_ROW]

    def model(self, n_rows):
        strength = 1 / (n_rows * WEIGHT_DECAY)
        return LogisticRegression(C=strength, fit_intercept=False, max_iter=1000)

    def explained(self, curvature="hessian"):
        model = self.model(len(self.y))
        explainer = InfluenceExplainer(model, penalty_scaling="mean", curvature=curvature)
        return explainer.fit(self.X, self.y)
