"""The Loss noun: what a row costs, as a function of its raw prediction."""

from abc import ABC, abstractmethod

import numpy as np

REGISTRY: dict[str, type["Loss"]] = {}


class Loss(ABC):
    """Cost of one row as a function of its raw prediction.

    Shapes: `y` and `raw_prediction` are ``(..., K)`` arrays that broadcast against each other, K
    the number of outputs. Targets are always encoded to K columns: real values, or margins -1/+1
    and one-hot rows as int8 (`target_kind`). Leading axes are free, so that one call serves one
    row, a table, or a block of many candidate models.

    A subclass with a `name` registers itself; the conformance test
    (:func:`skinfluence.testing.check_loss`) walks the registry.
    """

    name: str = ""
    #: "real", "margin" (-1/+1) or "one_hot"
    target_kind: str = "real"
    #: the Hessian with respect to the K raw predictions is diagonal
    separable: bool = True
    #: twice continuously differentiable
    smooth: bool = True
    convex: bool = True
    #: of constant curvature, so that one Newton step is exact
    quadratic: bool = False
    multiclass: bool = False
    #: adding one number to all K raw predictions changes nothing (softmax)
    shift_invariant: bool = False
    #: minus a log-likelihood in its natural parameter: the Hessian does not depend on the label,
    #: and so is the Fisher information
    canonical: bool = False

    #: least target that the loss is defined for
    least_target: float = -np.inf
    #: raw predictions up to this size must give finite numbers
    raw_bound: float = 800.0

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if cls.name:
            REGISTRY[cls.name] = cls

    @classmethod
    def examples(cls):
        """Instances that the conformance test checks."""
        return [cls()]

    @abstractmethod
    def value(self, y, raw_prediction):
        """Loss of each row, shape ``(...,)``: summed over the K outputs."""

    @abstractmethod
    def gradient(self, y, raw_prediction):
        """Derivative with respect to the raw prediction, shape ``(..., K)``."""

    @abstractmethod
    def hessian_product(self, y, raw_prediction, V):
        """K x K Hessian with respect to the raw prediction, times V, shape ``(..., K)``."""

    def value_change(self, y, raw_prediction, change):
        """value(raw_prediction + change) - value(raw_prediction), shape ``(...,)``.

        Losses override it where the difference can be had without cancellation: influences are
        differences of nearly equal losses.
        """
        return self.value(y, raw_prediction + change) - self.value(y, raw_prediction)

    @property
    def exact(self):
        """The loss that the estimator minimised: another one where this is its smooth stand-in."""
        return self

    def curvature(self, y, raw_prediction):
        """Diagonal of the K x K Hessian of a separable loss, shape ``(..., K)``."""
        return self.hessian_product(y, raw_prediction, np.ones_like(raw_prediction))

    def hessian_matrix(self, y, raw_prediction):
        """The K x K Hessian of each row, shape ``(..., K, K)``."""
        identity = np.eye(raw_prediction.shape[-1])
        columns = [
            self.hessian_product(y, raw_prediction, np.broadcast_to(e, raw_prediction.shape))
            for e in identity
        ]
        return np.stack(columns, axis=-1)

    def hessian_factors(self, y, raw_prediction):
        """The K x K Hessian of each row as diag(a) - b b', for losses that have that form.

        Returns
        -------
        (a, b) : ndarrays of shape (..., K), or None
            None for other losses, whose Hessians are then held in full.
        """
        return None

    def widened(self):
        """A loss whose curvature at the training rows stands for that at all rows of their source.

        The loss itself, unless its curvature sits at so few rows that other rows would have quite
        another one.
        """
        return self

    def probability(self, raw_prediction):
        """Class probabilities ``(..., n_classes)``; None where the loss has no such model."""
        return None

    def probability_gradient(self, codes, raw_prediction):
        """Derivative of the probability of class `codes` (n,) in the raw predictions, (n, K).

        Numerical, with an error near 1e-12; losses override it where it is known.
        """
        h, out = 1e-3, np.empty(raw_prediction.shape)
        every = np.arange(len(raw_prediction))
        for k in range(raw_prediction.shape[1]):
            step = h * (np.arange(raw_prediction.shape[1]) == k)
            near, far = (
                self.probability(raw_prediction + i * step)[every, codes]
                - self.probability(raw_prediction - i * step)[every, codes]
                for i in (1, 2)
            )
            out[:, k] = (8.0 * near - far) / (12.0 * h)
        return out

    @property
    def has_link(self):
        """Whether what real targets are predicted by is more than the raw prediction itself."""
        return type(self).inverse_link is not Loss.inverse_link

    def inverse_link(self, raw_prediction):
        """Predictions of the model: means of real targets, or probabilities of classes.

        The raw prediction itself where the loss has no model of these.
        """
        p = None if self.target_kind == "real" else self.probability(raw_prediction)
        return raw_prediction if p is None else p

    def inverse_link_derivative(self, raw_prediction):
        """Derivative of the mean of real targets in the raw prediction, shape ``(..., K)``."""
        return np.ones_like(raw_prediction)

    def inverse_link_change(self, raw_prediction, change):
        """inverse_link(raw_prediction + change) - inverse_link(raw_prediction), ``(..., K)``.

        Losses override it where the difference can be had without cancellation.
        """
        return self.inverse_link(raw_prediction + change) - self.inverse_link(raw_prediction)

    def probability_change(self, codes, raw_prediction, change):
        """Change of the probability of class `codes` when the raw predictions change, ``(...,)``.

        Losses override it where the difference can be had without cancellation, as for
        :meth:`value_change`.
        """
        before, after = (
            np.take_along_axis(self.probability(raw), codes[..., None], axis=-1)[..., 0]
            for raw in (raw_prediction, raw_prediction + change)
        )
        return after - before

    def fisher_matrix(self, raw_prediction):
        """Fisher information of each row in its raw predictions, shape ``(..., K, K)``.

        The mean of ``r r'`` over labels drawn from the model itself, with r the gradient; None
        where the loss defines no probability of labels. Here it is summed over the classes;
        losses of real targets override it.
        """
        K, coupled = raw_prediction.shape[-1], self.target_kind == "one_hot"
        p = self.probability(raw_prediction if coupled else raw_prediction[..., :1])
        if p is None or self.target_kind == "real":
            return None
        if coupled:
            gradients = [self.gradient(label, raw_prediction) for label in np.eye(K)]
            pairs = [r[..., :, None] * r[..., None, :] for r in gradients]
            return sum(p[..., k, None, None] * pair for k, pair in enumerate(pairs))
        out = np.zeros((*raw_prediction.shape, K))
        for k in range(K):  # a machine of its own for each output, with labels -1 and +1
            raw = raw_prediction[..., k, None]
            p = self.probability(raw)
            squares = [self.gradient(label, raw)[..., 0] ** 2 for label in (-1.0, 1.0)]
            out[..., k, k] = p[..., 0] * squares[0] + p[..., 1] * squares[1]
        return out

    def __repr__(self):
        settings = ", ".join(f"{k}={v!r}" for k, v in vars(self).items())
        return f"{type(self).__name__}({settings})"
