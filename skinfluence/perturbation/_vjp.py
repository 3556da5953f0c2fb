"""Registry of derivatives of pipeline steps, by the step's exact class."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.feature_selection import SelectorMixin

from skinfluence.adapters import FittedSteps

#: (module prefix, class name) -> StepVJP
REGISTRY: dict[tuple[str, str], "StepVJP"] = {}


class UnsupportedStepError(TypeError):
    """A step of a pipeline has no derivative, or none is known."""


@dataclass(frozen=True)
class StepVJP:
    """Vector-Jacobian product of one class of steps.

    ``function(step, X, V)`` gives the derivatives with respect to the step's input for those with
    respect to its output; ``linear(step)`` is whether they are the same for every input.
    """

    module: str
    name: str
    function: Callable
    linear: Callable


@dataclass(frozen=True)
class Restricted:
    """A fitted step of which only a part needs a derivative.

    Attributes
    ----------
    step : fitted transformer
        The whole, which still transforms.
    inner : sequence of steps
        The parts that need one; linear if all of these are.
    function : callable
        ``function(X, V)``, as that of a StepVJP.
    """

    step: Any
    inner: Sequence
    function: Callable

    def transform(self, X):
        """Output of the whole step."""
        return transformed(self.step, X)


def register_vjp(module, name, *, linear=False):
    """Register the derivative of a pipeline step, for :func:`perturbation_influence`.

    Decorates ``function(step, X, V) -> ndarray of shape (..., n_rows, n_features_in)``: the fitted
    step, its input `X` (n_rows, n_features_in) as the pipeline hands it over (array, sparse or
    frame), and `V` (..., n_rows, n_features_out), the derivatives of some numbers with respect to
    the step's output. It returns those with respect to the input: `V` times the Jacobian of
    ``step.transform`` at each row. The class is given by module and name, so that its package is
    not imported; subclasses do not match.

    Parameters
    ----------
    module : str
        The class's module, or a package above it: "sklearn.preprocessing".
    name : str
        The class's name.
    linear : bool or callable, default=False
        Whether the Jacobian is the same for all inputs, as that of a linear map; the function must
        then not use `X`, which may be None. A callable is called with the step.

    Returns
    -------
    callable
        The decorator.

    Examples
    --------
    >>> from skinfluence.perturbation import register_vjp
    >>> @register_vjp("my_package", "Decibel")
    ... def decibel(step, X, V):
    ...     return V * 10.0 / (np.log(10.0) * X)
    """
    always = linear if callable(linear) else lambda step: bool(linear)

    def decorate(function):
        REGISTRY[module, name] = StepVJP(module, name, function, always)
        return function

    return decorate


def find_vjp(step):
    """The StepVJP of a fitted step.

    Raises
    ------
    UnsupportedStepError
        Names the step, what is supported, and what else to do.
    """
    if step is None or isinstance(step, str):
        if step in (None, "passthrough"):
            return _UNCHANGED
        raise UnsupportedStepError(
            f"No derivative is known for the step {step!r}; expected a fitted transformer or "
            "'passthrough'."
        )
    cls = type(step)
    if cls is Restricted:
        return _RESTRICTED
    for (module, name), entry in REGISTRY.items():
        if cls.__name__ == name and (cls.__module__ + ".").startswith(module + "."):
            return entry
    if isinstance(step, SelectorMixin):
        return _SELECTED
    supported = ", ".join(sorted({name for _, name in REGISTRY}))
    raise UnsupportedStepError(
        f"No derivative is known for the pipeline step {step!r}: features cannot be moved by a "
        f"little through {cls.__name__}. Supported: {supported}, feature selection, "
        "'passthrough'. For whole changes of a row, discrete ones too, use replacement_influence; "
        "a differentiable step of your own is added by "
        "skinfluence.perturbation.register_vjp."
    )


def transformed(step, X):
    """Output of a step, or of "passthrough"; X is not changed."""
    if step is None or isinstance(step, str):
        return X
    return step.transform(X) if isinstance(step, Restricted) else FittedSteps([step]).transform(X)


def vjp(step, X, V):
    """Derivatives (..., n_rows, n_in) in a step's input from those in its output (..., n_out)."""
    return find_vjp(step).function(step, X, V)


def is_linear(step):
    """Whether the step's Jacobian is the same for all rows."""
    return find_vjp(step).linear(step)


def dense(X):
    """Rows as an ndarray of floats."""
    X = X.toarray() if sparse.issparse(X) else X
    return np.asarray(X, dtype=np.float64)


def _selected(step, X, V):
    out = np.zeros((*V.shape[:-1], step.n_features_in_))
    out[..., step.get_support(indices=True)] = V
    return out


_UNCHANGED = StepVJP("", "passthrough", lambda step, X, V: V, lambda step: True)
_SELECTED = StepVJP("sklearn.feature_selection", "SelectorMixin", _selected, lambda step: True)
_RESTRICTED = StepVJP(
    __name__,
    "Restricted",
    lambda step, X, V: step.function(X, V),
    lambda step: all(is_linear(inner) for inner in step.inner),
)
