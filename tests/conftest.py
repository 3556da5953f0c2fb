"""What every test has: a quiet backend, scikit-learn's array API switch, the larger data sets."""

import os

# Before anything imports scipy or matplotlib.
if "PYTEST_XDIST_WORKER" in os.environ:  # the processes share the cores: one thread each
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # threads of OpenMP that wait for each other make small fits a hundred times slower
    os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("SCIPY_ARRAY_API", "1")
os.environ.setdefault("MPLBACKEND", "Agg")

from collections import defaultdict
from zlib import crc32

import pytest

from tests._data import load_shared_data

#: Test functions with at most so many cases are never thinned out.
FEW = 4


def pytest_addoption(parser):
    parser.addoption(
        "--one-in",
        type=int,
        default=1,
        help="of a test function with many cases run one case in so many, drawn by its name",
    )


@pytest.hookimpl(trylast=True)  # of the cases that `-m` leaves
def pytest_collection_modifyitems(config, items):
    """Thin out repeated cases, as the gate does in part: no test function goes."""
    share = config.getoption("--one-in")
    if share == 1:
        return
    cases = defaultdict(list)
    for item in items:
        cases[item.nodeid.partition("[")[0]].append(item)
    kept = set()
    for mine in cases.values():
        drawn = [item for item in mine if crc32(item.nodeid.encode()) % share == 0]
        kept.update(drawn if drawn and len(mine) > FEW else mine)
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = [item for item in items if item in kept]


@pytest.fixture(scope="session")
def shared_data():
    """The loaders of the larger data sets, as a module; the test is skipped where they are not."""
    return load_shared_data()
