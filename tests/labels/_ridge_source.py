"""A small source for tests: ridge regression with its exact leave-one-out predictions."""

import numpy as np

from skinfluence.labels._sources.prediction import OutOfSamplePrediction


class RidgeSource:
    """Ridge with an unpenalised intercept; counts how often it was fitted."""

    def __init__(self, X, y, alpha=1e-3):
        self.Z, self.y = np.column_stack([np.ones(len(X)), X]), np.asarray(y, dtype=float)
        self.penalty = alpha * np.eye(self.Z.shape[1])
        self.penalty[0, 0] = 0.0
        self.weights = []

    def fit(self, weight):
        self.weights.append(weight)
        inverse = np.linalg.inv((self.Z.T * weight) @ self.Z + self.penalty)
        coef = inverse @ (self.Z.T @ (weight * self.y))
        leverage = weight * np.einsum("ij,jk,ik->i", self.Z, inverse, self.Z)
        residual = (self.y - self.Z @ coef) / (1.0 - leverage)
        return OutOfSamplePrediction(
            value=self.y - residual,
            predict=lambda X: np.column_stack([np.ones(len(X)), X]) @ coef,
            leverage=leverage,
            description="ridge",
            damping=self.penalty[1, 1],
        )
