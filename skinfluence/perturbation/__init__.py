"""Effects of changed training rows: other features, another row, another label.

Functions of a fitted :class:`~skinfluence.InfluenceExplainer`. Where to start: `_features.py` for
derivatives, `_relabelling.py` for labels; the derivatives of pipeline steps are in
`_linear_steps.py` and its neighbours.
"""

from skinfluence.perturbation import (  # noqa: F401
    _composite_steps,
    _elementwise_steps,
    _kernel_steps,
    _linear_steps,
    _torch_steps,
)
from skinfluence.perturbation._features import perturbation_influence
from skinfluence.perturbation._relabelling import relabel_influence, relabel_influence_blocks
from skinfluence.perturbation._replacement import replacement_influence
from skinfluence.perturbation._vjp import UnsupportedStepError, register_vjp

__all__ = [
    "UnsupportedStepError",
    "perturbation_influence",
    "register_vjp",
    "relabel_influence",
    "relabel_influence_blocks",
    "replacement_influence",
]


def __dir__():
    return __all__
