"""Layers of a PyTorch module with the inputs and derivatives that Kronecker factors need."""

import numpy as np

from skinfluence.predictors._base import Layer
from skinfluence.predictors._torch import ModuleFunction, import_torch

#: Largest difference between a row's gradient and that of its layers, as a share of its size.
TOLERANCE = 1e-6

ADVICE = (
    'The solvers "kfac" and "ekfac" are made of torch.nn.Linear and torch.nn.Conv2d. Use another '
    "solver, or hold other parameters fixed: by layers=[...] of ModuleClassifier and "
    "ModuleRegressor, or by requires_grad_(False)."
)


def module_layers(predictor):
    """The layers of a :class:`~skinfluence.predictors._torch.TorchPredictor` for its rows.

    These are fully connected layers and two-dimensional convolutions; a convolution with groups of
    channels is a layer for each group. A forward pass keeps the inputs, and a backward pass for
    each raw prediction gives the derivatives in the outputs.

    Parameters
    ----------
    predictor : TorchPredictor

    Returns
    -------
    list of Layer

    Raises
    ------
    TypeError
        If some parameters belong to other modules, or act otherwise than through such layers.
    """
    function = predictor.function
    if not isinstance(function, ModuleFunction):
        raise TypeError(f"A function of parameters and rows has no layers. {ADVICE}")
    parts = _parts(function)
    handles = [part.module.register_forward_hook(part.keep) for part in parts]
    torch = import_torch()
    try:
        with torch.enable_grad():
            theta = predictor.theta.clone().requires_grad_()
            raw = function(theta, predictor.rows)
    finally:
        for handle in handles:
            handle.remove()
    unused = [part.name for part in parts if not part.seen]
    if unused:
        raise TypeError(f"The module does not call its layer {unused[0]!r}. {ADVICE}")
    outputs = [output for part in parts for _, output in part.seen]
    pulls = [torch.autograd.grad(f.sum(), outputs, retain_graph=True) for f in raw.T]
    given = iter(zip(*pulls, strict=True))  # for each output, K derivatives
    layers = [layer for part in parts for layer in part.layers([next(given) for _ in part.seen])]
    _check(predictor.take(slice(0, 1)), layers)
    return layers


def _parts(function):
    """Layers of a ModuleFunction's module that have explained parameters."""
    torch, parts = import_torch(), []
    n_parameters = len(function.parameters())
    places = {
        name: part.reshape(*part.shape[:1], -1) if part.size else None
        for name, part in function.split(np.arange(n_parameters))
    }
    for name, module in function.module.named_modules():
        if isinstance(module, torch.nn.Linear | torch.nn.Conv2d):
            prefix = f"{name}." if name else ""
            weight, bias = places.pop(f"{prefix}weight", None), places.pop(f"{prefix}bias", None)
            if weight is not None or bias is not None:
                parts.append(_Part(name, module, weight, bias))
    if places:
        raise TypeError(f"Parameters {list(places)} belong to layers of other kinds. {ADVICE}")
    return parts


class _Part:
    """A layer of the module.

    Parameters
    ----------
    name : str
    module : torch.nn.Linear or torch.nn.Conv2d
    weight : ndarray of int of shape (h, d) or None
        Places of the weights among all parameters, if they are explained.
    bias : ndarray of int of shape (h, 1) or None

    Attributes
    ----------
    seen : list of (ndarray, tensor)
        Inputs (n, groups, T, d) and outputs of each call of the module.
    """

    def __init__(self, name, module, weight, bias):
        self.name, self.module, self.seen = name, module, []
        self.index = [part for part in (weight, bias) if part is not None]
        self.with_weight, self.with_bias = weight is not None, bias is not None

    def keep(self, module, args, output):
        """Hook of a forward pass."""
        inputs = self._unfolded(args[0].detach()).cpu().numpy()
        self.seen.append((inputs.copy(), output))
        return output.clone()  # which later steps may overwrite

    def _unfolded(self, x):
        """Inputs at each position of the output, (n, groups, T, d)."""
        functional, module = import_torch().nn.functional, self.module
        if not hasattr(module, "kernel_size"):
            return x.reshape(len(x), 1, -1, x.shape[-1])
        mode = "constant" if module.padding_mode == "zeros" else module.padding_mode
        x = functional.pad(x, module._reversed_padding_repeated_twice, mode=mode)
        settings = {"dilation": module.dilation, "stride": module.stride}
        patches = functional.unfold(x, module.kernel_size, **settings)  # (n, channels * d, T)
        return patches.reshape(len(x), module.groups, -1, patches.shape[2]).transpose(2, 3)

    def layers(self, pulls):
        """A Layer for each group, for the K derivatives of each call's outputs.

        A module that is called several times has the positions of all calls.
        """
        inputs = np.concatenate([each for each, _ in self.seen], axis=2)
        pulls = np.concatenate([self._pulls(each) for each in pulls], axis=2)
        ones = np.ones((len(inputs), inputs.shape[2], 1))
        outputs = np.arange(pulls.shape[3]).reshape(inputs.shape[1], -1)
        return [
            Layer(
                np.concatenate([inputs[:, g]] * self.with_weight + [ones] * self.with_bias, axis=2),
                pulls[..., own],
                np.concatenate([part[own].T for part in self.index]),
            )
            for g, own in enumerate(outputs)
        ]

    def _pulls(self, each):
        """(n, K, T, h) from K derivatives of the outputs."""
        stacked = import_torch().stack(each, dim=1).cpu().numpy()
        if hasattr(self.module, "kernel_size"):
            return stacked.reshape(*stacked.shape[:3], -1).transpose(0, 1, 3, 2)
        return stacked.reshape(*stacked.shape[:2], -1, stacked.shape[-1])


def _check(row, layers):
    """Raise unless the gradient of a row is that of its layers."""
    u = np.random.default_rng(0).standard_normal((1, layers[0].pulls.shape[1]))
    expected, got = row.row_vjp(u)[:, 0], np.zeros(row.n_parameters)
    for layer in layers:
        got[layer.index] = np.einsum("td,kth,k->dh", layer.inputs[0], layer.pulls[0], u[0])
    if np.abs(got - expected).max() > TOLERANCE * np.abs(expected).max():
        raise TypeError(
            "The gradient of a row is not that of the layers' inputs and outputs: some parameters "
            f"are used outside of the layers that hold them. {ADVICE}"
        )
