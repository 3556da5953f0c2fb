"""What every function of a fitted explainer asks first."""

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
