"""Data values: what each training row adds to the score of a model, over many subsets of rows.

To compare with influence, which asks for the effect of one removal from all rows. Where to start:
`_knn_shapley.py` (closed form), then `_sampled.py` (Monte Carlo over any estimator).
"""

from skinfluence.valuation._knn_shapley import knn_shapley
from skinfluence.valuation._sampled import DataValues, data_banzhaf, data_shapley

__all__ = ["DataValues", "data_banzhaf", "data_shapley", "knn_shapley"]


def __dir__():
    return __all__
