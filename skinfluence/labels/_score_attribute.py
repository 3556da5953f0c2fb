"""One attribute that is both the parameter `score` and the method that scikit-learn calls."""

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
        for kind in (_Text, _Tuple, _List):
            if isinstance(value, kind.__bases__):
                bound = kind(value)
                bound._call = self.method.__get__(estimator)
                return bound
        return value

    def __set__(self, estimator, value):
        vars(estimator)["score"] = value


class _Text(str):
    def __call__(self, X, y):
        return self._call(X, y)


class _Tuple(tuple):
    def __call__(self, X, y):
        return self._call(X, y)


class _List(list):
    def __call__(self, X, y):
        return self._call(X, y)
