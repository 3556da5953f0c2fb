"""What the functions of this package may be asked, and what is said where they may not."""

from numbers import Integral, Real

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skinfluence._explainer import InfluenceExplainer


def check_explainer(explainer):
    """Raise unless this is a fitted InfluenceExplainer."""
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


def check_number_or_name(name, value, allowed, *, least=-np.inf, above=-np.inf):
    """Raise ValueError unless `value` is the name `allowed` or a finite number in its range."""
    if isinstance(value, str) and value == allowed:
        return
    number = not isinstance(value, bool) and isinstance(value, Real) and np.isfinite(float(value))
    if not number or not least <= value or not above < value:
        bound = f">= {least:g}" if least > -np.inf else f"> {above:g}"
        raise ValueError(f"{name}={value!r}. Expected {allowed!r} or a finite number {bound}.")
