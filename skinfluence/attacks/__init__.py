"""Training-set attacks: how far small changes of a few training rows move predictions.

An audit of robustness after Koh & Liang (2017), section 5.2. Functions of a fitted
:class:`~skinfluence.InfluenceExplainer`. Where to start: `_attack.py` (the loop), then
`_valid_rows.py` (steps and projections).
"""

from skinfluence.attacks._attack import TrainingSetAttack
from skinfluence.attacks._result import AttackResult
from skinfluence.attacks._vulnerability import vulnerability

__all__ = ["AttackResult", "TrainingSetAttack", "vulnerability"]


def __dir__():
    return __all__
