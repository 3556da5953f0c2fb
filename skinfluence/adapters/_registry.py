"""Registry of the functions that read an estimator's objective, by its exact class."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from sklearn.base import clone

from skinfluence.adapters._unsupported import refusal
from skinfluence.losses import TEMPERATURE

#: (module prefix, class name) -> Adapter
REGISTRY: dict[tuple[str, str], "Adapter"] = {}


class UnsupportedEstimatorError(TypeError):
    """This estimator cannot be explained.

    Parameters
    ----------
    reason : str
        Why, and what to use instead.
    supported : str, default=""
        What is supported; the end of the message.
    """

    def __init__(self, reason, supported=""):
        super().__init__(f"{reason} {supported}".strip())
        self.reason = reason


@dataclass(frozen=True)
class Settings:
    """Settings of an objective.

    Attributes
    ----------
    center : bool
        Whether features may be centred where the intercept is free (not with damping, whose
        identity matrix belongs to the original coordinates).
    temperature : float
        Of the smooth hinge that stands in for the hinge.
    penalty_scaling : {"estimator", "mean"}
    positions : ndarray of int or None
        Which of the given rows the estimator was fitted to, where a sampler, a draw or a pair of
        classes took some of them or some twice; None where they are all, in order.
    """

    center: bool = True
    temperature: float = TEMPERATURE
    penalty_scaling: str = "estimator"
    positions: Any = None

    def fitted_to(self, n):
        """Positions among n given rows of those that the estimator was fitted to."""
        return np.arange(n) if self.positions is None else self.positions


@dataclass(frozen=True)
class Adapter:
    """Functions that read the objective of one class of estimators.

    ``build(estimator, X, y, sample_weight, settings) -> Objective``; `examples` makes instances
    for the conformance tests; ``check(estimator)`` raises UnsupportedEstimatorError for settings
    that have no smooth objective, whether the estimator is fitted or not; `caveat` is a sentence,
    or ``caveat(estimator)`` returns one; a `composed` class holds others, which check the table.
    ``write(estimator, parameters)`` sets the parameters of a fitted estimator, flat in the order of
    `Objective.estimator_layout`; None where that does not make the estimator of other rows.
    """

    module: str
    name: str
    build: Callable
    examples: Callable
    check: Callable
    caveat: str | Callable = ""
    closed_form: bool = False
    composed: bool = False
    write: Callable | None = None

    def caveat_of(self, estimator):
        """Caveat of the influences of this estimator; empty for none."""
        return self.caveat(estimator) if callable(self.caveat) else self.caveat


def _take_all(estimator):
    """The check of a class whose settings are all explained."""


def register(
    module,
    name,
    *,
    examples=list,
    check=_take_all,
    caveat="",
    closed_form=False,
    composed=False,
    write=None,
):
    """Register ``build(estimator, X, y, sample_weight, settings) -> Objective`` for a class.

    The class is named by module and name, so that its package is never imported for it. Subclasses
    do not match: they may minimise something else (RidgeCV is no Ridge).

    Parameters
    ----------
    module : str
        The class's module, or a package above it: "sklearn.linear_model".
    name : str
        The class's name.
    examples : callable, default=list
        ``examples() -> list`` of unfitted instances, walked by the conformance tests; none by
        default, for packages that may not be installed.
    check : callable
        ``check(estimator)`` raises UnsupportedEstimatorError for settings that cannot be explained;
        called before the estimator is fitted, and again when it is explained.
    caveat : str or callable, default=""
        Sentence about what differs from a refit of the whole estimator, such as a parameter that
        is held fixed; ``caveat(estimator)`` returns one, or "" where there is none. It is the
        reason that :func:`skinfluence.supports` gives.
    closed_form : bool, default=False
        Whether `build` returns a :class:`~skinfluence.closed_form.ClosedFormModel`, for estimators
        that have no objective.
    composed : bool, default=False
        Whether it holds other estimators that take the table as it is given, such as a data frame;
        other estimators are given an ndarray or CSR.
    write : callable, default=None
        ``write(estimator, parameters)`` sets other parameters of a fitted estimator, flat in the
        order of `Objective.estimator_layout`, where these are all that other rows change;
        :func:`~skinfluence.adapters.write_coefficients` does for `coef_` and `intercept_`. Without
        it :meth:`skinfluence.InfluenceExplainer.without` fits the estimator again.
    """

    def decorate(build):
        REGISTRY[module, name] = Adapter(
            module, name, build, examples, check, caveat, closed_form, composed, write
        )
        return build

    return decorate


def register_path(path, *examples, **settings):
    """`register` for the class at a path, whose examples have these parameters each.

    Its module is imported when an example is made: some are slow to import.
    """
    module, _, name = path.rpartition(".")

    def made():
        cls = getattr(import_module(module), name)
        return [clone(cls(**parameters)) for parameters in examples or ({},)]

    return register(module, name, examples=made, **settings)


def register_closed_form(path, model, **settings):
    """`register_path` for a class that ``model(estimator, X, y, sample_weight)`` explains."""

    def build(estimator, X, y, sample_weight, settings):
        return model(estimator, X, y, sample_weight)

    return register_path(path, closed_form=True, **settings)(build)


def find_adapter(estimator):
    """The Adapter of an estimator's exact class.

    Raises
    ------
    UnsupportedEstimatorError
        Says why, what to use instead, and what is supported.
    """
    cls = type(estimator)
    for (module, name), adapter in REGISTRY.items():
        if cls.__name__ == name and (cls.__module__ + ".").startswith(module + "."):
            return adapter
    raise UnsupportedEstimatorError(*refusal(estimator, list(REGISTRY)))
