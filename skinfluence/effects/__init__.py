"""Effects of edited training rows: first order, Newton step, refit and others, one a file.

Where to start: `_edits.py` (what is edited), `_changes.py` (what an effect gives back), then
`_first_order.py`. An effect is registered by name; every file of this folder is imported, so that
a new effect is one file.
"""

from importlib import import_module
from pkgutil import iter_modules

from skinfluence.effects._changes import Changes, CombinedChanges, StoredChanges
from skinfluence.effects._classes import class_sizes, leaves_no_model
from skinfluence.effects._composed import ComposedChanges
from skinfluence.effects._edits import NewRows, RowEdits
from skinfluence.effects._first_order import first_order, linear_first_order, low_rank_coefs
from skinfluence.effects._least_norm import free_directions, full_leverage, takes_least_norm
from skinfluence.effects._linear_changes import LinearChanges
from skinfluence.effects._newton_step import newton_step
from skinfluence.effects._refit import refit
from skinfluence.effects._refits import refit_hinge
from skinfluence.effects._registry import (
    EFFECTS,
    Effect,
    methods_for,
    register_effect,
    resolve_method,
)
from skinfluence.effects._residuals import weighted_residual
from skinfluence.effects._truncated import is_truncated

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")
