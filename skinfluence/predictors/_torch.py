"""Raw predictions of a PyTorch module or function, with derivatives by torch.func.

The only file that imports torch, inside its functions: the package works without it.
"""

import copy
from functools import cached_property

import numpy as np

from skinfluence.linalg import row_blocks
from skinfluence.predictors._base import Predictor

#: Memory of a block of rows: larger than elsewhere, since each call of torch takes milliseconds.
BLOCK_MIB = 64


def import_torch():
    """The torch package, or an ImportError that says how it is installed."""
    try:
        import torch
    except ImportError as error:
        raise ImportError(
            "Networks of PyTorch need torch, which is not installed. Install it with "
            "`pip install 'skinfluence[torch]'`."
        ) from error
    return torch


class ModuleFunction:
    """Raw predictions as a function of some parameters of a module and of rows.

    The module is copied in double precision and in evaluation mode: dropout does nothing, and batch
    normalisation uses its running statistics.

    Parameters
    ----------
    module : torch.nn.Module
        Takes rows (n, n_features), returns (n,) or (n, K).
    layers : list of str, default=None
        Names of submodules or parameters whose parameters are explained; the others are constants.
        None for all that require gradients.
    output : callable, default=None
        Raw predictions (n, K) from what the module returns, both tensors.
    """

    def __init__(self, module, n_features, layers=None, output=None):
        torch = import_torch()
        if not isinstance(module, torch.nn.Module):
            raise TypeError(f"module={module!r}: expected a torch.nn.Module.")
        if isinstance(module, torch.jit.ScriptModule):
            raise TypeError(
                "The module is a program of TorchScript, which torch.func does not differentiate. "
                "Expected the torch.nn.Module that it was made from."
            )
        _check_numbers(module, n_features)
        self.n_features = n_features
        self.module = copy.deepcopy(module).double().eval().requires_grad_(False)
        self.output = output
        trained = [name for name, value in module.named_parameters() if value.requires_grad]
        self.names = trained if layers is None else _chosen(module, layers)
        self._places = _places(self.module)

    @property
    def device(self):
        """Where the parameters lie."""
        held = next(self.module.parameters(), next(self.module.buffers(), None))
        return None if held is None else held.device

    @cached_property
    def n_numbers(self):
        """Numbers that the layers compute for one row."""
        torch, sizes = import_torch(), []
        handles = [
            part.register_forward_hook(lambda _m, _x, out: sizes.append(out.numel()))
            for part in self.module.modules()
            if not list(part.children())
        ]
        try:
            with torch.no_grad():
                self.module(
                    torch.zeros(1, self.n_features, dtype=torch.float64, device=self.device)
                )
        finally:
            for handle in handles:
                handle.remove()
        return self.n_features + sum(sizes)

    def parameters(self):
        """The parameters in one vector."""
        own = dict(self.module.named_parameters())
        parts = [own[name].detach().cpu().double().numpy().ravel() for name in self.names]
        return np.concatenate(parts)

    def write(self, coef, module):
        """Write a vector of parameters into a module, in its own precision."""
        torch, own = import_torch(), dict(module.named_parameters())
        with torch.no_grad():
            for name, part in self.split(coef):
                own[name].copy_(torch.as_tensor(part))

    def split(self, coef):
        """(name, its entries in the module's shape) of each part of a vector of parameters."""
        own, start = dict(self.module.named_parameters()), 0
        for name in self.names:
            end = start + own[name].numel()
            yield name, coef[start:end].reshape(tuple(own[name].shape))
            start = end

    def spread(self, values):
        """One number for each parameter, from one for each name."""
        own = dict(self.module.named_parameters())
        return np.concatenate([np.full(own[name].numel(), values[name]) for name in self.names])

    def __call__(self, coef, X):
        torch = import_torch()
        parts = self.split(coef)
        changed = {place: part for name, part in parts for place in self._places[name]}
        # it puts the tensors of a submodule with two names back wrongly if it looks for ties itself
        raw = torch.func.functional_call(self.module, changed, (X,), tie_weights=False)
        if not isinstance(raw, torch.Tensor) or raw.shape[:1] != (len(X),):
            got = f"a tensor of shape {tuple(raw.shape)}" if hasattr(raw, "shape") else type(raw)
            raise ValueError(
                f"The module returns {got} for {len(X)} rows. Expected a tensor of shape (n,) or "
                "(n, ...), one entry for each row."
            )
        raw = raw if self.output is None else self.output(raw)
        return raw if raw.ndim == 2 else raw.reshape(len(X), -1)


def _check_numbers(module, n_features):
    """Raise for parameters that have no shape or no numbers yet."""
    torch = import_torch()
    parts = dict([*module.named_parameters(), *module.named_buffers()])
    lazy = [name for name, part in parts.items() if torch.nn.parameter.is_lazy(part)]
    if lazy:
        raise ValueError(
            f"{lazy} of the module have no shape yet: lazy layers get theirs from the first rows. "
            f"Call the module before it is explained: module(torch.zeros(2, {n_features}))."
        )
    empty = [name for name, part in parts.items() if part.is_meta]
    if empty:
        raise ValueError(
            f'{empty} of the module are on the device "meta", which holds no numbers. Load them: '
            'module.to_empty(device="cpu"), then module.load_state_dict(...).'
        )


def _places(module):
    """Names of all places that hold a parameter, by its name; a submodule has one name."""
    held: dict = {}
    for prefix, part in module.named_modules():
        for name, value in part.named_parameters(prefix, recurse=False, remove_duplicate=False):
            held.setdefault(id(value), []).append(name)
    return {names[0]: names for names in held.values()}


def _chosen(module, layers):
    """Names of the parameters of some layers, in the module's own order."""
    names = [name for name, _ in module.named_parameters()]
    layers = [layers] if isinstance(layers, str) else list(layers)
    for layer in layers:
        if not any(f"{name}.".startswith(f"{layer}.") for name in names):
            raise ValueError(
                f"The module has no parameters of the name {layer!r}. Expected names of its "
                f"submodules or parameters, of {names}."
            )
    return [n for n in names if any(f"{n}.".startswith(f"{layer}.") for layer in layers)]


class TorchPredictor(Predictor):
    """Raw predictions by a differentiable function of PyTorch.

    Products with Jacobians are forward- and reverse-mode derivatives (jvp, vjp). Products with
    second derivatives are the forward-mode derivative of a gradient, as of Pearlmutter's
    R-operator. They are computed for blocks of rows; per-sample gradients of all rows are never
    held.

    Parameters
    ----------
    X : ndarray of shape (n, n_features)
    coef : ndarray of shape (p,)
    function : callable
        ``function(coef, X)`` of float64 tensors returns the raw predictions, (n, K). It may have
        the attributes `device`, and `n_numbers`, the numbers that it computes for one row.
    moves_to_optimum : bool, default=False
        Whether the parameters are moved to the optimum before they are explained.
    """

    def __init__(self, X, coef, function, moves_to_optimum=False):
        super().__init__(X, coef)
        self.function = function
        self.moves_to_optimum = moves_to_optimum

    @cached_property
    def theta(self):
        """The parameters as a tensor."""
        return self._tensor(self.coef)

    @property
    def rows(self):
        """The rows as a tensor."""
        return self._tensor(self.X)

    def _tensor(self, array):
        torch = import_torch()
        array = np.require(array, np.float64, "CW")
        return torch.as_tensor(array, device=getattr(self.function, "device", None))

    @property
    def _func(self):
        return import_torch().func

    def _blocks(self, m=1):
        """(slice, tensor of rows), so that passes with m columns fit the memory."""
        for rows in row_blocks(self.n_rows, 32 * m * self._numbers_per_row, BLOCK_MIB):
            yield rows, self._tensor(self.X[rows])

    @property
    def _numbers_per_row(self):
        return getattr(self.function, "n_numbers", 64 * self.X.shape[1])

    def _row(self, theta, x):
        """Raw prediction of one row, (K,)."""
        return self.function(theta, x[None])[0]

    def raw(self):
        torch = import_torch()
        with torch.no_grad():
            parts = [self.function(self.theta, X) for _, X in self._blocks()]
            if not parts:  # the function knows how many raw predictions a row has
                one = self._tensor(np.zeros((1, self.X.shape[1])))
                parts = [self.function(self.theta, one)[:0]]
        return np.concatenate([part.cpu().numpy() for part in parts])

    def row_jacobian(self):
        torch = import_torch()

        def each(x):  # jacrev vmaps once more, by which the derivative of PReLU is wrong
            raw, pull = self._func.vjp(lambda theta: self._row(theta, x), self.theta)
            units = torch.eye(len(raw), dtype=raw.dtype, device=raw.device)
            return torch.stack([pull(unit)[0] for unit in units])

        return self._func.vmap(each)(self.rows).cpu().numpy()

    def jvp(self, V):
        tangents, parts = self._tensor(V.T), []
        for _, X in self._blocks(V.shape[1]):

            def along(v, X=X):
                return self._func.jvp(lambda theta: self.function(theta, X), (self.theta,), (v,))[1]

            parts.append(_each(along, tangents).cpu().numpy().transpose(1, 2, 0))
        return np.concatenate(parts or [np.zeros((0, self.raw().shape[1], V.shape[1]))])

    def vjp(self, U):
        out = np.zeros((self.n_parameters, U.shape[2]))
        for rows, X in self._blocks(U.shape[2]):
            _, pull = self._func.vjp(lambda theta, X=X: self.function(theta, X), self.theta)
            cotangents = self._tensor(U[rows].transpose(2, 0, 1))
            out += self._func.vmap(lambda u, pull=pull: pull(u)[0])(cotangents).cpu().numpy().T
        return out

    def curvature_product(self, R, V):
        out, tangents = np.zeros(V.shape), self._tensor(V.T)
        for rows, X in self._blocks(V.shape[1]):
            weights = self._tensor(R[rows])

            def along(v, X=X, weights=weights):
                gradient = self._func.grad(lambda theta: (weights * self.function(theta, X)).sum())
                return self._func.jvp(gradient, (self.theta,), (v,))[1]

            out += _each(along, tangents).cpu().numpy().T
        return out

    def hessian_product(self, curvature, R, V):
        # of sum_i R_i'f_i + d_i'A_i d_i / 2 with the change d of f, in one pass instead of three
        out, tangents = np.zeros(V.shape), self._tensor(V.T)
        for rows, X in self._blocks(V.shape[1]):
            weights, A = self._tensor(R[rows]), self._tensor(curvature.take(rows).matrix())

            def model(theta, X=X, weights=weights, A=A):
                raw = self.function(theta, X)
                change = raw - raw.detach()
                turned = (A @ change[:, :, None])[:, :, 0]
                return (weights * change + 0.5 * turned * change).sum()

            def along(v, model=model):
                return self._func.jvp(self._func.grad(model), (self.theta,), (v,))[1]

            out += _each(along, tangents).cpu().numpy().T
        return out

    def row_vjp(self, U):
        gradient = self._func.grad(lambda theta, x, u: self._row(theta, x) @ u)
        each = self._func.vmap(gradient, in_dims=(None, 0, 0))
        return each(self.theta, self.rows, self._tensor(U)).cpu().numpy().T

    def layers(self):
        from skinfluence.predictors._torch_layers import module_layers

        return module_layers(self)

    def output_vjp(self, k, n_outputs):
        return self.row_vjp(np.eye(n_outputs)[np.full(self.n_rows, k)])

    def row_jvp(self, D):

        def along(x, d):
            return self._func.jvp(lambda theta: self._row(theta, x), (self.theta,), (d,))[1]

        return self._func.vmap(along)(self.rows, self._tensor(D.T)).cpu().numpy()

    def row_changes(self, coef_changes):
        parts = []
        each = self._func.vmap(lambda x, d: self._row(self.theta + d, x))
        numbers = self.n_parameters + self._numbers_per_row
        for rows in row_blocks(self.n_rows, 32 * numbers, BLOCK_MIB):
            moved = each(self._tensor(self.X[rows]), self._tensor(coef_changes[rows]))
            parts.append(moved.cpu().numpy())
        return np.concatenate(parts) - self.raw() if parts else self.raw()

    def score_reader(self, solved, outputs):
        def read(rows, rho, out=None):
            part = self.take(rows)
            scores = np.empty((solved.shape[1], part.n_rows)) if out is None else out
            for block in part.jacobian_blocks():
                scores[:, block] = solved.T @ part.take(block).row_vjp(rho[block])
            return scores

        return read

    def input_vjp(self, V):
        """Derivatives (..., n, n_features) in the rows, for those in raw predictions V."""
        torch = import_torch()
        out = np.empty((*V.shape[:-1], self.X.shape[1]))
        flat_in, flat_out = V.reshape(-1, *V.shape[-2:]), out.reshape(-1, *out.shape[-2:])
        for rows, X in self._blocks(len(flat_in)):
            _, pull = torch.func.vjp(lambda X: self.function(self.theta, X), X)
            each = torch.func.vmap(lambda u, pull=pull: pull(u)[0])
            flat_out[:, rows] = each(self._tensor(flat_in[:, rows])).cpu().numpy()
        return out


def _each(function, columns):
    """function of each column, stacked; without torch's vmap for one, which it makes slower."""
    if len(columns) == 1:
        return function(columns[0])[None]
    return import_torch().func.vmap(function)(columns)


class RowFunction:
    """Raw predictions of rows by a user's ``function(theta, x)`` of one row."""

    def __init__(self, function):
        self.function = function

    def __call__(self, coef, X):
        torch = import_torch()
        raw = torch.func.vmap(lambda x: self.function(coef, x))(X)
        return raw.reshape(len(X), -1)


class ClassOutput:
    """Function from what a module returns to the raw predictions of a classifier's loss.

    Two classes have one raw prediction, the log odds of the second. `kind` is "logits" or "proba".
    """

    def __init__(self, n_classes, kind):
        self.n_classes = n_classes
        self.kind = kind

    def __call__(self, out):
        torch = import_torch()
        out = out[:, None] if out.ndim == 1 else out
        if out.shape[1] != self.n_classes and (self.n_classes, out.shape[1]) != (2, 1):
            raise ValueError(
                f"The module returns {out.shape[1]} numbers for each row, and y has "
                f"{self.n_classes} classes. Expected one number per class, or one for two classes."
            )
        if self.kind == "proba":
            if out.shape[1] == 1:
                return torch.logit(out)
            out = out.log()
        return out[:, 1:] - out[:, :1] if out.shape[1] == 2 else out
