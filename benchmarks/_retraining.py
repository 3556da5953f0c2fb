"""Networks of torch that are trained, and then trained on without each of many rows."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import nn

#: Adam's averages of gradients and of their squares.
FIRST, SECOND, TINY = 0.9, 0.999, 1e-8


@dataclass(frozen=True)
class State:
    """Parameters (m, p) of m networks in Adam's hands: its averages, and the steps taken."""

    theta: torch.Tensor
    mean: torch.Tensor
    square: torch.Tensor
    n_steps: int = 0

    @classmethod
    def start(cls, module):
        theta = nn.utils.parameters_to_vector(module.parameters()).detach()[None]
        return cls(theta, torch.zeros_like(theta), torch.zeros_like(theta))

    def repeat(self, m):
        """m networks that are equal so far."""
        return replace(
            self,
            theta=self.theta.repeat(m, 1),
            mean=self.mean.repeat(m, 1),
            square=self.square.repeat(m, 1),
        )

    def step(self, gradient, rate):
        """One step of Adam (Kingma & Ba, 2014)."""
        t = self.n_steps + 1
        mean = FIRST * self.mean + (1 - FIRST) * gradient
        square = SECOND * self.square + (1 - SECOND) * gradient**2
        size = (square / (1 - SECOND**t)).sqrt() + TINY
        return State(self.theta - rate * mean / (1 - FIRST**t) / size, mean, square, t)


class Training:
    """The mean log loss of rows plus weight_decay / 2 times squares, and its minimisation.

    Parameters
    ----------
    module : torch.nn.Module
    X, y : ndarrays
        Training rows and labels.
    weight_decay : float
    """

    def __init__(self, module, X, y, weight_decay):
        self.module, self.weight_decay = module, weight_decay
        self.X, self.y = torch.as_tensor(X), torch.as_tensor(y)
        self.sizes = [
            (name, value.shape, value.numel()) for name, value in module.named_parameters()
        ]

    def raw(self, theta, X):
        """What the module of parameters theta (p,) returns for rows."""
        parts = theta.split([size for _, _, size in self.sizes])
        pairs = zip(self.sizes, parts, strict=True)
        named = {name: part.view(shape) for (name, shape, _), part in pairs}
        return torch.func.functional_call(self.module, named, (X,))

    def losses(self, states, X, y):
        """Log loss of one test row by each network, (m,)."""
        X, y = torch.as_tensor(X), torch.as_tensor(y)
        with torch.no_grad():
            each = [nn.functional.cross_entropy(self.raw(theta, X), y) for theta in states.theta]
        return torch.stack(each).double().numpy()

    def write(self, state):
        """Put the parameters of the first network into the module."""
        nn.utils.vector_to_parameters(state.theta[0], self.module.parameters())

    def _loss(self, theta, X, y):
        return nn.functional.cross_entropy(self.raw(theta, X), y)

    def _gradients(self, theta, batch, removed):
        """Unbiased estimates of the gradient without row i, one for each network.

        All networks see the same batch. The removed row's share is subtracted at every step, and
        not only in batches that happen to hold it: the noise of the batches is then common to all
        networks, and leaves their differences.
        """
        n, X, y = len(self.y), self.X[batch], self.y[batch]

        def penalty(theta):
            return 0.5 * self.weight_decay * (theta @ theta)

        def with_all(theta):
            return self._loss(theta, X, y) + penalty(theta)

        def without(theta, x, label):
            total = n * self._loss(theta, X, y) - self._loss(theta, x[None], label[None])
            return total / (n - 1) + penalty(theta)

        if removed is None:
            return torch.func.grad(with_all)(theta[0])[None]
        return torch.func.vmap(torch.func.grad(without))(theta, self.X[removed], self.y[removed])

    def descend(self, state, batches, rates, removed=None):
        """States after each step along the same batches, of all rows or without `removed`."""
        for batch, rate in zip(batches, rates, strict=True):
            state = state.step(self._gradients(state.theta, batch, removed), rate)
            yield state

    def batches(self, n_steps, size, seed):
        """Rows of each step, drawn anew, (n_steps, size)."""
        return torch.as_tensor(
            np.random.default_rng(seed).integers(0, len(self.y), (n_steps, size))
        )


def convolutional(channels):
    """The network of Koh & Liang's section 4.2: seven layers, tanh, no pooling but the last mean.

    Its weights are drawn as theirs; 2,616 parameters with 8 channels.
    """
    layers, inputs = [nn.Unflatten(1, (1, 28, 28))], 1
    for stride in (2, 1, 2, 1, 1):
        layers += [nn.Conv2d(inputs, channels, 3, stride), nn.Tanh()]
        inputs = channels
    layers += [nn.Conv2d(channels, 10, 1), nn.Tanh(), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return _drawn([*layers, nn.Linear(10, 10)])


def perceptron(*hidden):
    """Fully connected layers with tanh."""
    layers, inputs = [], 784
    for units in hidden:
        layers += [nn.Linear(inputs, units), nn.Tanh()]
        inputs = units
    return _drawn([*layers, nn.Linear(inputs, 10)], gain=1.0)


def _drawn(layers, gain=2.0):
    torch.manual_seed(0)
    for layer in layers:
        if hasattr(layer, "weight"):
            last = layer is layers[-1]
            std = (1.0 if last else gain) / layer.weight[0].numel() ** 0.5
            nn.init.trunc_normal_(layer.weight, std=std, a=-2 * std, b=2 * std)
            nn.init.zeros_(layer.bias)
    return nn.Sequential(*layers)
