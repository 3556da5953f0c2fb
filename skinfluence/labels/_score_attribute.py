"""One attribute that is both the parameter `score` and the method that scikit-learn calls."""

from collections.abc import Callable
from typing import Any

__all__ = ["ScoreAttribute"]


class ScoreAttribute:
    """Descriptor: what was set, and callable.

    scikit-learn's searches and checks call ``estimator.score(X, y)``, while a flagger's `score`
    names what puts the rows in order. Read, the attribute equals the parameter; called, it is the
    method. ``get_params`` must give back the very object that was set.

    Parameters
    ----------
    method : callable
        Takes the estimator, X and y.
    """

    def __init__(self, method):
        self.method = method

    def __get__(self, estimator, owner=None):
        if estimator is None:
            return self
        value = vars(estimator)["score"]
        kind = _CALLABLE.get(type(value))
        if kind is None:  # means nothing; fit says so
            return value
        bound = kind(value)
        bound.method = self.method.__get__(estimator)
        return bound

    def __set__(self, estimator, value):
        vars(estimator)["score"] = value


class _Callable:
    """Mixed into the types that the parameter may have."""

    method: Callable

    def __call__(self, X, y):
        return self.method(X, y)


class _Text(_Callable, str):
    pass


class _Tuple(_Callable, tuple):
    pass


class _List(_Callable, list):
    pass


_CALLABLE: dict[type, Any] = {str: _Text, tuple: _Tuple, list: _List}
