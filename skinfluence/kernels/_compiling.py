"""Whether compiled loops pay: what waiting for the compiler costs, and what products would gain."""

import sys
from importlib import import_module
from pathlib import Path

import numpy as np
from scipy import sparse

#: Seconds to import numba, to load compiled loops from numba's cache, and to compile them.
IMPORT, LOAD, COMPILE = 0.5, 0.1, 3.0
#: Seconds saved by compiled loops, per entry of the rows and per multiplied column.
SAVED_DENSE, SAVED_SPARSE = 3e-10, 1e-9


def worth_compiling(X, n_columns=1, n_products=1):
    """Whether the compiled loops, and the wait for them, take less time than plain products.

    Parameters
    ----------
    X : ndarray or CSR of shape (n, f)
    n_columns : int
        C, the number of coefficient vectors that are multiplied at a time. With several a dense X
        is multiplied by BLAS, and nothing is compiled.
    n_products : int
        Products to come, about.

    Returns
    -------
    bool
    """
    if sparse.issparse(X):
        loops = "_csr_single.single" if n_columns == 1 else "_csr_vectors.products"
        saved = SAVED_SPARSE * X.nnz * n_columns
    else:
        rows_follow = X.flags.c_contiguous and X.dtype in (np.float32, np.float64)
        if n_columns > 1 or not rows_follow:
            return False
        loops, saved = "_dense_loops.product", SAVED_DENSE * X.size
    gained = saved * n_products
    return gained > LOAD and gained > _seconds_until_ready(loops, gained)


def _seconds_until_ready(loops, enough):
    """Seconds until a compiled function can be called, as far as they are at most `enough`."""
    name, function = loops.split(".")
    name = f"skinfluence.kernels.{name}"
    importing = 0.0 if "numba" in sys.modules else IMPORT
    if importing + LOAD > enough:
        return importing + LOAD
    module = import_module(name)
    compiled = getattr(module, function)
    if compiled.signatures:
        return 0.0
    return importing + (LOAD if cached_index(compiled) else COMPILE)


def cached_index(compiled):
    """Paths of numba's indices of what it has compiled of a function that begins at this line."""
    code = compiled.py_func.__code__
    name = f"{Path(code.co_filename).stem}.{compiled.__name__}-{code.co_firstlineno}.*.nbi"
    return list(Path(compiled.stats.cache_path).glob(name))
