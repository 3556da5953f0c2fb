"""OneClassSVM: decision values, by real refits."""

from skinfluence.adapters._families.svc import fixed_gamma, support_rows
from skinfluence.adapters._linear import refuse
from skinfluence.adapters._registry import register_path
from skinfluence.closed_form import OneClassMachine


def _check(estimator):
    refuse(
        estimator,
        estimator.kernel == "precomputed",
        'kernel="precomputed"',
        "Expected a kernel of rows: without a row the columns of the matrix change too.",
    )


@register_path(
    "sklearn.svm.OneClassSVM",
    {"nu": 0.2},
    check=_check,
    caveat=lambda estimator: (
        fixed_gamma(estimator)
        + "There are no labels (fit(X, None)) and no derivative: decision values after real refits."
    ),
    closed_form=True,
)
def one_class_svm(estimator, X, y, sample_weight, settings):
    """Removals by refits; most rows share one."""
    # refuses weights by which predictions are wrong
    support_rows(estimator, X, sample_weight, settings)
    return OneClassMachine(estimator, X, sample_weight)
