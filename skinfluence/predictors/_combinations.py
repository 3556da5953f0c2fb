"""Combinations: what estimators make of the raw predictions of their members."""

import numpy as np

from skinfluence.predictors._composed import Combination

#: Probabilities below this count as this.
LEAST = 1e-300


class RawPrediction:
    """A raw prediction itself.

    Parameters
    ----------
    sign : float, default=1.0
        What it is multiplied by.
    """

    def __init__(self, sign=1.0):
        self.sign = sign

    def value(self, raw):
        return self.sign * raw

    def derivative(self, raw):
        return np.broadcast_to(self.sign * np.eye(raw.shape[-1]), (*raw.shape, raw.shape[-1]))


class Values:
    """Predicted values of a regressor: its inverse link.

    Parameters
    ----------
    loss : Loss
    """

    def __init__(self, loss):
        self.loss = loss

    def value(self, raw):
        return self.loss.inverse_link(raw)

    def derivative(self, raw):
        return self.loss.inverse_link_derivative(raw)[..., None] * np.eye(raw.shape[-1])


class Probabilities:
    """Class probabilities of a classifier, in the order of the whole's classes.

    Parameters
    ----------
    loss : Loss
    places : ndarray of int
        Place of each of its classes among those of the whole.
    n_classes : int
    """

    def __init__(self, loss, places, n_classes):
        self.loss = loss
        self.places = places
        self.n_classes = n_classes

    def value(self, raw):
        p = self.loss.probability(raw)
        out = np.zeros((*raw.shape[:-1], self.n_classes))
        out[..., self.places] = p
        return out

    def derivative(self, raw):
        out = np.zeros((len(raw), self.n_classes, raw.shape[-1]))
        for code, place in enumerate(self.places):
            out[:, place] = self.loss.probability_gradient(np.full(len(raw), code), raw)
        return out


class Classes:
    """Predicted class of a classifier, as a number. It is constant but for jumps.

    Parameters
    ----------
    coding : TargetCoding
    """

    def __init__(self, coding):
        self.coding = coding
        self.classes = np.asarray(coding.classes, dtype=float)

    def value(self, raw):
        codes = self.coding.predicted_codes(raw.reshape(-1, raw.shape[-1]))
        return self.classes[codes].reshape(*raw.shape[:-1], 1)

    def derivative(self, raw):
        return np.zeros((*raw.shape[:-1], 1, raw.shape[-1]))


class SecondClass:
    """Probability of the second of two classes.

    Parameters
    ----------
    probabilities : Probabilities
    log : bool
        Whether its logarithm.
    """

    def __init__(self, probabilities, log):
        self.probabilities = probabilities
        self.log = log

    def value(self, raw):
        p = self.probabilities.value(raw)[..., 1:]
        return np.log(np.maximum(p, LEAST)) if self.log else p

    def derivative(self, raw):
        out = self.probabilities.derivative(raw)[..., 1:, :]
        return out / np.exp(self.value(raw))[..., None] if self.log else out


class SideBySide(Combination):
    """What all members predict, in their order.

    Parameters
    ----------
    outputs : list of Values, RawPrediction, ...
        From the raw predictions of each member to what it predicts.
    """

    def __init__(self, outputs):
        self.outputs = outputs

    @classmethod
    def of_raw(cls, members, sign=1.0):
        """The raw predictions themselves."""
        return cls([RawPrediction(sign)] * len(members))

    def value(self, raws):
        pairs = zip(self.outputs, raws, strict=True)
        return np.concatenate([output.value(raw) for output, raw in pairs], axis=-1)

    def derivative(self, raws):
        parts = [output.derivative(raw) for output, raw in zip(self.outputs, raws, strict=True)]
        ends = np.cumsum([part.shape[-2] for part in parts])
        out = [np.zeros((*part.shape[:-2], ends[-1], part.shape[-1])) for part in parts]
        for wide, part, end in zip(out, parts, ends, strict=True):
            wide[..., end - part.shape[-2] : end, :] = part
        return out


class WeightedMean(Combination):
    """Weighted mean of what the members predict.

    Parameters
    ----------
    outputs : list of Values or Probabilities
    weights : array-like of one number a member
    """

    def __init__(self, outputs, weights=None):
        self.outputs = outputs
        weights = np.ones(len(outputs)) if weights is None else np.asarray(weights, dtype=float)
        self.shares = weights / weights.sum()

    def value(self, raws):
        parts = zip(self.shares, self.outputs, raws, strict=True)
        return sum(share * output.value(raw) for share, output, raw in parts)

    def derivative(self, raws):
        parts = zip(self.shares, self.outputs, raws, strict=True)
        return [share * output.derivative(raw) for share, output, raw in parts]


class LogOf(Combination):
    """Logarithm of a combination: of probabilities, so that the softmax gives them back.

    Parameters
    ----------
    inner : Combination
    """

    def __init__(self, inner):
        self.inner = inner

    def value(self, raws):
        return np.log(np.maximum(self.inner.value(raws), LEAST))

    def derivative(self, raws):
        p = np.maximum(self.inner.value(raws), LEAST)[..., None]
        return [d / p for d in self.inner.derivative(raws)]


class Transformed(Combination):
    """Predicted values of one member, taken back by the inverse of a fitted transformer.

    The derivative is taken numerically.

    Parameters
    ----------
    output : Values
    transformer : fitted transformer
        With `inverse_transform` for tables of K columns.
    steps : ndarray of shape (K,)
        Steps of the numerical derivative.
    """

    def __init__(self, output, transformer, steps):
        self.output = output
        self.transformer = transformer
        self.steps = steps

    def _inverse(self, values):
        flat = values.reshape(-1, values.shape[-1])
        made = np.asarray(self.transformer.inverse_transform(flat), dtype=float)
        return made.reshape(values.shape)

    def value(self, raws):
        return self._inverse(self.output.value(raws[0]))

    def derivative(self, raws):
        values = self.output.value(raws[0])
        own = np.empty((*values.shape, values.shape[-1]))
        for k, h in enumerate(self.steps):
            step = np.where(np.arange(len(self.steps)) == k, h, 0.0)
            near, far = (
                self._inverse(values + i * step) - self._inverse(values - i * step) for i in (1, 2)
            )
            own[..., k] = (8.0 * near - far) / (12.0 * h)
        return [own @ self.output.derivative(raws[0])]
