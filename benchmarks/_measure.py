"""Time and memory of one call."""

import ctypes
import resource
import sys
from contextlib import suppress
from time import perf_counter, process_time


def timed(function, *args):
    """(result, {"wall": seconds, "cpu": seconds of all threads})."""
    wall, cpu = perf_counter(), process_time()
    result = function(*args)
    return result, {"wall": perf_counter() - wall, "cpu": process_time() - cpu}


def in_turns(ways, rounds, spent=0.0):
    """{way: what its calls returned}, for ways that take turns: a busy moment is shared by all.

    Parameters
    ----------
    ways : dict of callables
    rounds : int
        Calls of each way, at least.
    spent : float
        Seconds for which the rounds go on: the least of a few short calls is chance.
    """
    found = {way: [] for way in ways}
    start, count = perf_counter(), 0
    while count < rounds or perf_counter() - start < spent:
        count += 1
        for way, call in ways.items():
            found[way].append(call())
    return found


def peak_memory(function, *args):
    """(result, largest growth of the resident memory during the call, in bytes).

    Where the system can forget its high-water mark (Linux) the mark is lowered to the present size
    first; elsewhere growth below an earlier peak of the process goes unseen.
    """
    before = mark()
    result = function(*args)
    return result, growth(before)


def mark():
    """Forget the largest resident size so far, where the system can; what it is now, in bytes."""
    with suppress(OSError, AttributeError):  # what earlier calls freed would hide what is taken now
        ctypes.CDLL(None).malloc_trim(0)
    try:
        with open("/proc/self/clear_refs", "w") as stream:
            stream.write("5")
    except OSError:
        pass
    return _high_water_mark()


def growth(before):
    """Largest resident size since :func:`mark`, beyond it, in bytes."""
    return _high_water_mark() - before


def _high_water_mark():
    try:
        with open("/proc/self/status") as stream:
            for line in stream:
                if line.startswith("VmHWM:"):
                    return 1024 * int(line.split()[1])
    except OSError:
        pass
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
