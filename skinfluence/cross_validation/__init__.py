"""Cross-validation without refits: scores of models that have not seen a row, in closed form.

Where to start: `_scores.py`, then `_left_out.py`; `_predictions.py` turns raw predictions into
what scorers ask for.
"""

from skinfluence.cross_validation._scores import k_fold_score, leave_one_out_score
from skinfluence.cross_validation._search import LeaveOneOutSearch

__all__ = ["LeaveOneOutSearch", "k_fold_score", "leave_one_out_score"]


def __dir__():
    return __all__
