"""Linear and quadratic discriminant analysis and nearest centroids, in closed form."""

from skinfluence.adapters._linear import refuse
from skinfluence.adapters._registry import register_closed_form
from skinfluence.closed_form import Centroids, LinearDiscriminant, QuadraticDiscriminant

ONLY_REFITS = (
    "Removals are refits of the estimator itself with {}: there is no closed form, and no "
    "derivative."
)


def _only_refits(estimator):
    if getattr(estimator, "covariance_estimator", None) is not None:
        return ONLY_REFITS.format("a covariance_estimator")
    shrinkage = getattr(estimator, "shrinkage", None)
    quadratic = type(estimator).__name__.startswith("Quadratic")
    if isinstance(shrinkage, str) or (quadratic and shrinkage is not None):
        return ONLY_REFITS.format(f"shrinkage={shrinkage!r}")
    return ""


def _check_centroid(estimator):
    refuse(
        estimator,
        estimator.metric != "euclidean",
        f"metric={estimator.metric!r}",
        'Expected metric="euclidean": there is no decision function otherwise.',
    )


def _centroid_caveat(estimator):
    own = ONLY_REFITS.format("shrink_threshold") + " " if estimator.shrink_threshold else ""
    return own + (
        "Explained is decision_function, which scales columns by their standard deviation within "
        "classes; predict with uniform priors does not."
    )


register_closed_form(
    "sklearn.discriminant_analysis.LinearDiscriminantAnalysis",
    LinearDiscriminant,
    caveat=_only_refits,
)
register_closed_form(
    "sklearn.discriminant_analysis.QuadraticDiscriminantAnalysis",
    QuadraticDiscriminant,
    caveat=_only_refits,
)
register_closed_form(
    "sklearn.neighbors.NearestCentroid", Centroids, check=_check_centroid, caveat=_centroid_caveat
)
