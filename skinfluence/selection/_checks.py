"""What the functions of this package may be asked, and what is said where they may not."""

from numbers import Integral

from sklearn.utils.validation import check_is_fitted

from skinfluence._explainer import InfluenceExplainer


def check_explainer(explainer):
    """Raise TypeError for anything but an InfluenceExplainer, NotFittedError for an unfitted one."""
    if not isinstance(explainer, InfluenceExplainer):
        raise TypeError(
            f"explainer is {type(explainer).__name__}; expected an InfluenceExplainer. Pass "
            "InfluenceExplainer(estimator).fit(X_train, y_train)."
        )
    check_is_fitted(explainer)


def check_choice(name, value, allowed):
    """Raise ValueError unless `value` is one of the names in `allowed`."""
    if not isinstance(value, str) or value not in allowed:
        raise ValueError(f"{name}={value!r} is not known. Expected one of {list(allowed)}.")


def check_count(name, value):
    """Raise ValueError unless `value` is a whole number, at least 1."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
        raise ValueError(f"{name}={value!r}. Expected a whole number of rows, at least 1.")
