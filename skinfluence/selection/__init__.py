"""Selection of training rows: relative influence, diverse influential rows, prototypes.

Functions of a fitted :class:`~skinfluence.InfluenceExplainer`. Where to start: `_relative.py`, then
`_diverse.py`.
"""

from skinfluence.selection._diverse import DiverseRows, select_diverse
from skinfluence.selection._prototypes import Prototypes, select_prototypes
from skinfluence.selection._relative import relative_influence, top_relative_influences

__all__ = [
    "DiverseRows",
    "Prototypes",
    "relative_influence",
    "select_diverse",
    "select_prototypes",
    "top_relative_influences",
]


def __dir__():
    return __all__
