"""Log loss of one-versus-rest machines: their probabilities, divided by their sum."""

import numpy as np

from skinfluence.losses._base import Loss
from skinfluence.losses._logistic import softmax_gradient
from skinfluence.losses._stable import largest, sigmoid, softmax, softplus, summed


class OneVsRestLogLoss(Loss):
    """log(sum_k sigmoid(raw_k)) - log(sigmoid(raw_y)) with one-hot targets.

    The loss of ``OneVsRestClassifier(LogisticRegression())`` on test rows, whose `predict_proba`
    divides the machines' probabilities by their sum. The machines themselves minimise each a
    logistic loss.
    """

    name = "one_vs_rest_log_loss"
    target_kind = "one_hot"
    separable = False
    convex = False
    multiclass = True

    def value(self, y, raw_prediction):
        u = -softplus(-raw_prediction)  # log of the sigmoid
        u -= largest(u)[..., None]
        return np.log(summed(np.exp(u))) - summed(y * u)

    def gradient(self, y, raw_prediction):
        return (self.probability(raw_prediction) - y) * sigmoid(-raw_prediction)

    def hessian_product(self, y, raw_prediction, V):
        q, slope = self.probability(raw_prediction), sigmoid(-raw_prediction)
        moved = slope * V
        inner = q * (moved - summed(q * moved)[..., None])
        return slope * inner - (q - y) * slope * sigmoid(raw_prediction) * V

    def probability(self, raw_prediction):
        return softmax(-softplus(-raw_prediction))

    def probability_gradient(self, codes, raw_prediction):
        q = self.probability(raw_prediction)
        return softmax_gradient(q, codes, q.shape[1]) * sigmoid(-raw_prediction)
