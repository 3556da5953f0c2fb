"""Designs, per-sample gradients and Hessians as operators.

Where to start: `_design.py` (Z = [X - center, 1] without the copy), then `_hessian.py`.
"""

from skinfluence.linalg._blocks import (
    CACHE_MIB,
    SOLVED_MIB,
    block_size,
    row_blocks,
    slices,
    written,
)
from skinfluence.linalg._design import Design
from skinfluence.linalg._group_penalty import GroupPenalty, norm_curvature
from skinfluence.linalg._hessian import Hessian
from skinfluence.linalg._linear_hessian import LinearHessian
from skinfluence.linalg._penalty import (
    ActivePenalty,
    EntriesPenalty,
    MatrixPenalty,
    Penalty,
    ProximalPenalty,
    as_penalty,
)
from skinfluence.linalg._per_sample_gradients import PerSampleGradients
from skinfluence.linalg._row_curvature import RowCurvature
from skinfluence.linalg._scores import scaled_rows_reader, score_reader
