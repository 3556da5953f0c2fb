"""Registry of effects of edited rows by name, and their use by tasks."""

from collections.abc import Callable
from dataclasses import dataclass

from skinfluence._utils.checks import check_choice

#: What an effect may be defined for: removals of single rows, of groups, replaced rows.
KINDS = ("rows", "groups", "replacements")


@dataclass(frozen=True)
class Effect:
    """Effect of edits of training rows, by one method.

    Attributes
    ----------
    name : str
    changes : callable
        ``changes(objective, inverse, edits)`` gives the Changes that RowEdits make.
    kinds : tuple of {"rows", "groups", "replacements"}
        Edits that it is defined for.
    linear : bool
        Whether the explained number is taken by its derivative too.
    second_derivative : bool
        Whether it is made of second derivatives: Fisher matrices cannot stand in for them.
    edited_model : bool
        Whether it describes the model after the edit, which must exist: NaN where a class is gone.
    converges : bool
        Whether it is measured from the optimum, as refits are.
    settings : tuple of str
        Names of further arguments of `changes`: "n_jobs", "verbose", "width", "part" and
        "tolerance", as those of :func:`~skinfluence.effects.refit`.
    """

    name: str
    changes: Callable
    kinds: tuple = KINDS
    linear: bool = False
    second_derivative: bool = False
    edited_model: bool = False
    converges: bool = False
    settings: tuple = ()


#: Effect of each name.
EFFECTS: dict[str, Effect] = {}


def register_effect(name, **properties):
    """Decorator that registers a function as the effect `name`.

    Parameters
    ----------
    name : str
        The `method` that selects it.
    **properties
        Further attributes of :class:`Effect`.

    Returns
    -------
    callable
    """

    def register(function):
        EFFECTS[name] = Effect(name, function, **properties)
        return function

    return register


def methods_for(kind):
    """Names of the effects that are defined for edits of a kind (see :data:`KINDS`)."""
    return tuple(name for name, effect in EFFECTS.items() if kind in effect.kinds)


def resolve_method(method, linearization, kind="rows"):
    """Name of the effect of a `method`.

    "auto" is the Newton step where the Hessian is factorised, else first order. Hinge machines are
    refitted: they have no curvature for a step, and their exact refits are cheap.

    Parameters
    ----------
    method : str
    linearization : Linearization
        With `objective`, `curvature`, `has_hessian` and `factorizes_hessian`.
    kind : {"rows", "groups", "replacements"}
        The edits.
    """
    check_choice("method", method, ("auto", *methods_for(kind)))
    if linearization.objective.closed_form:
        return linearization.objective.method_for(method)
    if method == "auto":
        if linearization.objective.stands_in and linearization.curvature == "hessian":
            return "refit"
        return "newton_step" if linearization.factorizes_hessian else "first_order"
    if EFFECTS[method].second_derivative and not linearization.has_hessian:
        raise ValueError(
            f"method={method!r} is made of second derivatives, and this explainer inverts a Fisher "
            'matrix in their place. Use method="first_order" or "refit", or curvature="hessian".'
        )
    return method
