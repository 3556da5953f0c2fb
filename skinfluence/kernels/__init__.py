"""Numba functions on arrays; `_reference.py` holds a plain-numpy twin of each.

Where to start: `_reference.py`. A kernel is compiled at its first call and callers only call it
where the work pays for that, so that small problems never wait for the compiler.
"""

from skinfluence.kernels._csr import csr_quadratic_form

__all__ = ["csr_quadratic_form"]
