"""Serves one way of computing the influence matrix, in a process of its own."""

import importlib

import numpy as np

from benchmarks._cases import Case
from benchmarks._measure import peak_memory, timed
from benchmarks._ways import WAYS

_state = {}


def _prepare(way, case, threads):
    """Load the case and import what the way needs, so that neither is timed."""
    way = WAYS[way]
    importlib.import_module(way.needs)
    if way.uses_torch:
        import torch

        torch.set_num_threads(threads)
    case = Case.load(case)
    _state.update(run=way.run, case=case if way.prepare is None else way.prepare(case))


def _warm_up(answer):
    """The first call, whose memory is measured; its result goes to the file `answer`."""
    result, peak = peak_memory(_state["run"], _state["case"])
    np.save(answer, result)
    return peak


def _time():
    return timed(_state["run"], _state["case"])[1]
