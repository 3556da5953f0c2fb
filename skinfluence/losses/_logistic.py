"""Binary logistic loss on margins, and the multinomial (softmax) loss on one-hot targets."""

import numpy as np

from skinfluence.losses._base import Loss
from skinfluence.losses._stable import (
    largest,
    scaled_sigmoid,
    sigmoid,
    softmax,
    softplus,
    softplus_change,
    summed,
)


def softmax_gradient(p, codes, K):
    """Derivative of p[codes] in K raw predictions, (n, K), for a softmax or sigmoid p (n, C)."""
    every = np.arange(len(p))
    own = p[every, codes][:, None]
    # the others' sum instead of one minus the own, of which nothing is left near one
    p[every, codes] = 0.0
    others = p.sum(axis=1, keepdims=True)
    if K == 1:
        return np.where(codes == 1, 1.0, -1.0)[:, None] * own * others
    return own * np.where(np.arange(K) == codes[:, None], others, -p)


class Logistic(Loss):
    """log(1 + exp(-y * raw_prediction)) with y = -1 or +1."""

    name = "logistic"
    target_kind = "margin"
    canonical = True

    def value(self, y, raw_prediction):
        return summed(softplus(-y * raw_prediction))

    def gradient(self, y, raw_prediction):
        return scaled_sigmoid(-y, y * raw_prediction)

    def hessian_product(self, y, raw_prediction, V):
        # e / (1 + e)^2 with e = exp(-|raw|): p (1 - p) would round to 0 already at raw = 37.
        e = np.exp(-np.abs(raw_prediction))
        return e / (1.0 + e) ** 2 * V

    def value_change(self, y, raw_prediction, change):
        return summed(softplus_change(-y * raw_prediction, -y * change))

    def probability(self, raw_prediction):
        positive = sigmoid(raw_prediction[..., 0])
        return np.stack([sigmoid(-raw_prediction[..., 0]), positive], axis=-1)

    def probability_gradient(self, codes, raw_prediction):
        return softmax_gradient(self.probability(raw_prediction), codes, 1)

    def probability_change(self, codes, raw_prediction, change):
        # sigmoid(b) - sigmoid(a) = sigmoid(b) sigmoid(-a) (1 - exp(a - b)) for b > a
        sign = np.where(codes == 1, 1.0, -1.0)
        raw, d = sign * raw_prediction[..., 0], sign * change[..., 0]
        low, high = raw + np.minimum(d, 0.0), raw + np.maximum(d, 0.0)
        return np.sign(d) * sigmoid(high) * sigmoid(-low) * -np.expm1(-np.abs(d))


class Multinomial(Loss):
    """log(sum_k exp(raw_k)) - raw_y with one-hot targets: K classes, K raw predictions."""

    name = "multinomial"
    target_kind = "one_hot"
    separable = False
    multiclass = True
    shift_invariant = True
    canonical = True

    def value(self, y, raw_prediction):
        top = largest(raw_prediction)[..., None]
        shifted = raw_prediction - top
        return np.log(summed(np.exp(shifted))) - summed(y * shifted)

    def gradient(self, y, raw_prediction):
        out = self.probability(raw_prediction)
        return np.subtract(out, y, out=out if out.shape == np.broadcast(out, y).shape else None)

    def hessian_product(self, y, raw_prediction, V):
        p = self.probability(raw_prediction)
        pV = p * V
        return pV - p * summed(pV)[..., None]

    def hessian_factors(self, y, raw_prediction):
        p = self.probability(raw_prediction)
        return p, p  # the softmax: diag(p) - p p'

    def value_change(self, y, raw_prediction, change):
        # log sum_k p_k exp(d_k) - d_y, relative to the smallest of the two cancelling terms:
        # with d measured from the true class, log1p(sum_k p_k expm1(d_k - d_y)).
        change = change - summed(y * change)[..., None]
        large = largest(change) > 30.0
        p = self.probability(raw_prediction)
        growth = np.expm1(np.minimum(change, 30.0))
        total = summed(p * growth)
        out = np.asarray(np.log1p(total))  # one row alone gives no array
        # Where nearly all of the probability is taken away (total near -1) or exp would overflow,
        # the plain difference has the digits.
        plain = large | (total < -0.5)
        if plain.any():
            y, raw, change = (
                np.broadcast_to(a, plain.shape + a.shape[-1:])[plain]
                for a in (y, raw_prediction, change)
            )
            out[plain] = self.value(y, raw + change) - self.value(y, raw)
        return out

    def probability(self, raw_prediction):
        return softmax(raw_prediction)

    def probability_gradient(self, codes, raw_prediction):
        p = self.probability(raw_prediction)
        return softmax_gradient(p, codes, p.shape[1])

    def probability_change(self, codes, raw_prediction, change):
        # p'_k - p_k = sum_j (p'_k p_j - p_k p'_j), with p'_j / p'_k = exp(d_j - d_k) p_j / p_k
        before, after = softmax(raw_prediction), softmax(raw_prediction + change)
        k = codes[..., None]
        own, own_after = (np.take_along_axis(p, k, axis=-1) for p in (before, after))
        ahead = change - np.take_along_axis(change, np.broadcast_to(k, (*change.shape[:-1], 1)), -1)
        pairs = np.where(ahead > 0.0, -own * after, own_after * before)
        return summed(pairs * -np.expm1(-np.abs(ahead)))
