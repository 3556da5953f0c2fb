"""Optima of edited objectives, whole blocks of edits at once.

Where to start: `_blocks.py` (blocks, threads, edits that need a method of their own), then
`_reweighted.py` (changes of weights) and `_replaced.py` (new rows).
"""

from skinfluence.effects._refits._blocks import conjugate_steps, converged_optima
from skinfluence.effects._refits._hinge import refit_hinge, warn_of_cost
