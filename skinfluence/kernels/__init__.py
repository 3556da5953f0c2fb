"""Numba functions on arrays; the tests hold a plain-numpy twin of each.

Where to start: `_hessian_product.py`. A kernel is compiled at its first call, and callers only call
it where the work pays for that: small problems never wait for the compiler.
"""

from skinfluence.kernels._arrays import pack_columns
from skinfluence.kernels._compiling import worth_compiling
from skinfluence.kernels._csr import csr_gram, csr_quadratic_form
from skinfluence.kernels._csr_scores import csr_scores
from skinfluence.kernels._hessian_product import apply_curvature, curvature_of_rows, hessian_product
from skinfluence.kernels._threads import (
    effective_threads,
    job_threads,
    row_chunks,
    run_chunks,
    single_threaded_blas,
    sum_chunks,
)
from skinfluence.kernels._top_k import TopK
