"""Which training rows to show or keep: relative influence, and diverse influential rows.

Functions of a fitted :class:`~skinfluence.InfluenceExplainer`. Where to start: `_relative.py`.
"""

from skinfluence.selection._relative import relative_influence, top_relative_influences

__all__ = [
    "relative_influence",
    "top_relative_influences",
]
