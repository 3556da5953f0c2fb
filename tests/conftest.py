"""What every test has: a quiet backend, scikit-learn's array API switch, the larger data sets."""

import os

# Before anything imports scipy or matplotlib.
if "PYTEST_XDIST_WORKER" in os.environ:  # the processes share the cores: no threads of BLAS besides
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("SCIPY_ARRAY_API", "1")
os.environ.setdefault("MPLBACKEND", "Agg")

import pytest

from tests._data import load_shared_data


@pytest.fixture(scope="session")
def shared_data():
    """The loaders of the larger data sets, as a module; the test is skipped where they are not."""
    return load_shared_data()
