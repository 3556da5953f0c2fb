"""The explainer, and the functions that tasks built on it share.

Tasks (`groups`, `perturbation`, `selection`, `components`, `metrics`, `labels`, `displays`) import
from here and never from the private modules.
"""

from skinfluence.effects import resolve_method
from skinfluence.explainer._changed_rows import ChangedRows, refit_estimator
from skinfluence.explainer._delegation import EstimatorDelegation, delegated
from skinfluence.explainer._diagnostics import leverage
from skinfluence.explainer._explainer import InfluenceExplainer
from skinfluence.explainer._feature_values import (
    FeatureValues,
    relevant_columns,
    row_columns,
    typical_value_changes,
)
from skinfluence.explainer._fidelity import (
    GROUPS_AT_ONCE,
    N_ROWS,
    group_changes,
    lins_concordance,
    rank_correlations,
    rows_concordance,
)
from skinfluence.explainer._health import SingularHessianWarning
from skinfluence.explainer._linearizations.lengths import KINDS, change_lengths
from skinfluence.explainer._linearizations.linear import (
    ORDERS,
    edit_blocks,
    influence_blocks,
    influences,
)
from skinfluence.explainer._most_influential import top_k
from skinfluence.explainer._penalty_path import PenaltyPath
from skinfluence.explainer._targets import MOST_TESTS, TestRows, target_changes
from skinfluence.explainer._tasks import (
    check_explainer,
    warn_of_stand_in,
    warn_of_steps_that_see_labels,
)
from skinfluence.explainer._validation import check_training_data

__all__ = [
    "GROUPS_AT_ONCE",
    "KINDS",
    "MOST_TESTS",
    "N_ROWS",
    "ORDERS",
    "ChangedRows",
    "EstimatorDelegation",
    "FeatureValues",
    "InfluenceExplainer",
    "PenaltyPath",
    "SingularHessianWarning",
    "TestRows",
    "change_lengths",
    "check_explainer",
    "check_training_data",
    "delegated",
    "edit_blocks",
    "group_changes",
    "influence_blocks",
    "influences",
    "leverage",
    "lins_concordance",
    "rank_correlations",
    "refit_estimator",
    "relevant_columns",
    "resolve_method",
    "row_columns",
    "rows_concordance",
    "target_changes",
    "top_k",
    "typical_value_changes",
    "warn_of_stand_in",
    "warn_of_steps_that_see_labels",
]


def __dir__():
    return __all__
