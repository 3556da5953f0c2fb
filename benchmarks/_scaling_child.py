"""Serves one way at one size: makes the table, computes the influences, compares them."""

import importlib
import resource

import numpy as np

from benchmarks import _by_hand_large
from benchmarks._cases import scaled
from benchmarks._measure import peak_memory, timed
from benchmarks._scaling_ways import WAYS

#: Test rows whose exact answer is computed.
N_EXACT = 2

#: Packages of others may fail, or not fit the memory: told in the table.
MAY_FAIL = True

_state = {}


def _prepare(way, memory, threads=1):
    """Import what the way needs and answer small questions, so that neither is timed."""
    way = WAYS[way]
    importlib.import_module(way.needs)
    if way.uses_torch:
        import torch

        torch.set_num_threads(threads)
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    _state["way"] = way
    sizes = [(300, 5)]
    if way.needs == "skinfluence":
        sizes.append((21_000, 200))  # large enough for the compiled kernels
    for n, q in sizes:
        for K in (1,) if way.binary_only else (1, 3):
            way.run(scaled(n, q, K, n_test=2, dtype=np.dtype(way.dtype)))
    return {}


def _make(n, q, K, n_test):
    _state.pop("case", None)  # before the next table is made
    dtype = np.dtype(_state["way"].dtype) if "way" in _state else np.float64
    _state["case"] = scaled(n, q, K, n_test=n_test, dtype=dtype)
    return {}


def _exact(path):
    np.save(path, _by_hand_large.exact(_state["case"], N_EXACT))
    return {}


def _first():
    """The first call: its time and the growth of the resident memory."""

    def call():
        return timed(_state["way"].run, _state["case"])

    (answer, times), peak = peak_memory(call)
    _state["answer"] = np.array(answer[:N_EXACT])
    return times | {"peak": peak}


def _again():
    return timed(_state["way"].run, _state["case"])[1]


def _compare(path):
    """Largest difference relative to the largest influence, and the correlation."""
    expected, found = np.load(path), _state["answer"]
    return {
        "error": float(np.abs(found - expected).max() / np.abs(expected).max()),
        "correlation": float(np.corrcoef(found.ravel(), expected.ravel())[0, 1]),
    }
