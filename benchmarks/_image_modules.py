"""Small networks of PyTorch for images in rows, trained by Adam with a fixed seed."""

import numpy as np
import torch
from torch import nn


class Residual(nn.Module):
    """The input plus what a module makes of it."""

    def __init__(self, *parts):
        super().__init__()
        self.parts = nn.Sequential(*parts)

    def forward(self, x):
        return x + self.parts(x)


class SqueezeExcite(nn.Module):
    """Channels scaled by weights from their means (EfficientNet)."""

    def __init__(self, channels):
        super().__init__()
        self.weights = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(channels, channels // 4, 1),
            nn.SiLU(),
            nn.Conv2d(channels // 4, channels, 1),
            nn.Sigmoid(),
        )

    def forward(self, x):
        return x * self.weights(x)


def shallow(side, n_outputs, channels=8):
    """Two convolutions and a linear layer."""
    return nn.Sequential(
        nn.Unflatten(1, (1, side, side)),
        nn.Conv2d(1, channels, 3),
        nn.Tanh(),
        nn.AvgPool2d(2),
        nn.Conv2d(channels, channels, 3),
        nn.Tanh(),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(channels * ((side - 2) // 2 // 2 - 1) ** 2, n_outputs),
    )


def residual(side, n_outputs, channels=8, n_blocks=3):
    """A convolution and residual blocks of two convolutions each."""
    blocks = [
        Residual(
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.SiLU(),
            nn.Conv2d(channels, channels, 3, padding=1),
        )
        for _ in range(n_blocks)
    ]
    return nn.Sequential(
        nn.Unflatten(1, (1, side, side)),
        nn.Conv2d(1, channels, 3, stride=2, padding=1),
        nn.SiLU(),
        *blocks,
        nn.SiLU(),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(channels * (side // 2 // 2) ** 2, n_outputs),
    )


def efficient(side, n_outputs, channels=12, n_blocks=3):
    """Depthwise-separable residual blocks with squeeze and excitation."""
    wide = 2 * channels
    blocks = [
        Residual(
            nn.Conv2d(channels, wide, 1),
            nn.SiLU(),
            nn.Conv2d(wide, wide, 3, padding=1, groups=wide),
            nn.SiLU(),
            SqueezeExcite(wide),
            nn.Conv2d(wide, channels, 1),
        )
        for _ in range(n_blocks)
    ]
    return nn.Sequential(
        nn.Unflatten(1, (1, side, side)),
        nn.Conv2d(1, channels, 3, stride=2, padding=1),
        nn.SiLU(),
        *blocks,
        nn.SiLU(),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(channels * (side // 2 // 2) ** 2, n_outputs),
    )


def dense(n_features, n_outputs, hidden=32):
    """A hidden layer with a residual block, for rows that are no images."""
    block = Residual(nn.Linear(hidden, hidden), nn.Tanh())
    return nn.Sequential(
        nn.Linear(n_features, hidden), nn.Tanh(), block, nn.Linear(hidden, n_outputs)
    )


def random_convolutions(depth, side=28, channels=24, gain=2.5, seed=0):
    """Convolutions with random weights and tanh, every second one with stride 2."""
    torch.manual_seed(seed)
    layers, before = [nn.Unflatten(1, (1, side, side))], 1
    for i in range(depth):
        layer = nn.Conv2d(before, channels, 3, stride=1 + i % 2, padding=1)
        nn.init.normal_(layer.weight, 0.0, gain / np.sqrt(9 * before))
        nn.init.uniform_(layer.bias, -0.5, 0.5)
        layers += [layer, nn.Tanh()]
        before = channels
    return nn.Sequential(*layers, nn.AvgPool2d(2 if depth > 1 else 4), nn.Flatten())


def trained(make, X, y, weight_decay, n_epochs=60, batch=50, seed=0):
    """A module after Adam on the mean log loss; `make()` builds it."""
    torch.manual_seed(seed)
    module = make()
    optimizer = torch.optim.Adam(module.parameters(), lr=5e-3, weight_decay=weight_decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, n_epochs)
    rows, labels = torch.as_tensor(np.asarray(X), dtype=torch.float32), torch.as_tensor(y)
    for _ in range(n_epochs):
        for part in torch.randperm(len(rows)).split(batch):
            optimizer.zero_grad()
            nn.functional.cross_entropy(module(rows[part]), labels[part]).backward()
            optimizer.step()
        schedule.step()
    return module
