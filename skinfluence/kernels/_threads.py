"""Chunks of rows on threads: how many threads, one BLAS thread each, sums in a fixed order."""

import multiprocessing
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from itertools import pairwise

import joblib
from sklearn import config_context, get_config
from threadpoolctl import ThreadpoolController

#: Rows are cut into at most this many chunks, however many threads there are.
MAX_CHUNKS = 32
#: A chunk has at least this many entries of X: some tenths of a millisecond of work.
CHUNK_ENTRIES = 2**16


def effective_threads():
    """Threads that numpy's BLAS would use now; one in joblib's own threads.

    So `threadpool_limits`, ``OMP_NUM_THREADS`` and its like, and the limits that joblib sets
    inside its workers hold for our threads too, and nested parallel work does not oversubscribe.
    """
    if _is_one_of_several():
        return 1
    pools = _controller().select(user_api="blas").info()
    own = [pool for pool in pools if "numpy" in pool["filepath"]] or pools
    if not own:
        return joblib.cpu_count()
    return min(pool["num_threads"] for pool in own)


def _is_one_of_several():
    """Whether joblib runs this in parallel with others without having set a limit.

    It sets one in its processes ("loky"), not in threads, nor in those of multiprocessing, which
    are daemons.
    """
    if multiprocessing.current_process().daemon:
        return True
    backend, _ = joblib.parallel.get_active_backend()
    return bool(backend.nesting_level) and threading.current_thread() is not threading.main_thread()


def job_threads(n_jobs):
    """Threads that a user's `n_jobs` stands for; None for :func:`effective_threads`.

    In joblib's workers no more than a worker's share: ``n_jobs=-1`` in a search with ``n_jobs=-1``
    would otherwise start the square of the processors.
    """
    if n_jobs is None:
        return None
    backend, _ = joblib.parallel.get_active_backend()
    wanted = joblib.effective_n_jobs(n_jobs)
    return min(wanted, effective_threads()) if backend.nesting_level else wanted


@cache
def _controller():
    # finding the loaded libraries takes milliseconds, asking them takes none
    return ThreadpoolController()


_limiting = threading.Lock()


@contextmanager
def single_threaded_blas():
    """BLAS calls use one thread inside, in every thread of the process.

    `threadpool_limits` opened in two threads at once restore in any order, and the limit of one
    may stay for ever: here only one thread at a time sets a limit, and the same thread restores
    it. It cannot be left to the last one inside, because OpenBLAS (0.3.31) does not listen to a
    thread that is not the main one. So a limit may end early for those who came second, which
    costs them speed and nothing else.
    """
    if not _limiting.acquire(blocking=False):
        yield
        return
    try:
        with _controller().limit(limits=1, user_api="blas"):
            yield
    finally:
        _limiting.release()


def row_chunks(n_rows, entries, accumulator, least=CHUNK_ENTRIES):
    """Slices that cover ``range(n_rows)``, as many as the sizes need.

    Never as many as there are threads: sums would then depend on their number.

    Parameters
    ----------
    n_rows : int
    entries : int
        Stored entries of the rows.
    accumulator : int
        Size of what each chunk sums up, counted as `entries` are (once for every column that is
        multiplied): adding up the chunks must cost little compared with reading the rows.
    least : int
        Stored entries that a chunk has at least.
    """
    least = max(least, MAX_CHUNKS * accumulator)
    count = max(1, min(MAX_CHUNKS, n_rows, entries // least))
    if 1 < count < n_rows:
        count += count % 2  # of three chunks one would keep one of two threads waiting
    edges = [n_rows * i // count for i in range(count + 1)]
    return [slice(a, b) for a, b in pairwise(edges)]


def run_chunks(function, chunks, n_threads=None, take=None):
    """Results of ``function(chunk)`` in the order of the chunks, computed on threads.

    All are computed before it returns, since BLAS is limited to one thread meanwhile: a generator
    would hold the limit for as long as it is kept, say by the traceback of an interrupted call.

    Parameters
    ----------
    function : callable
        Releases the GIL in its long parts.
    chunks : list
    n_threads : int or None
        None for `effective_threads`.
    take : callable or None
        Is given each result, in order and in the calling thread, instead of its being kept: for
        sums of results that are large.

    Returns
    -------
    iterator
        Over the results, which are all there; empty with `take`.
    """
    results: list = []
    take = results.append if take is None else take
    if len(chunks) < 2:
        for chunk in chunks:
            take(function(chunk))
        return iter(results)
    n_threads = effective_threads() if n_threads is None else n_threads
    with single_threaded_blas():
        if n_threads < 2:
            for chunk in chunks:
                take(function(chunk))
            return iter(results)
        config = get_config()  # a thread has scikit-learn's settings of its own

        def configured(chunk):
            with config_context(**config):
                return function(chunk)

        with ThreadPoolExecutor(min(n_threads, len(chunks))) as pool:
            for result in pool.map(configured, chunks):
                take(result)
    return iter(results)


def sum_chunks(function, chunks):
    """Sums over chunks of the arrays that ``function(chunk)`` returns, in their order, as a list.

    They are added up in those of the first chunk, computed on threads as by :func:`run_chunks`.
    """
    totals: list = []

    def take(arrays):
        if not totals:
            totals.extend(arrays)
            return
        for total, array in zip(totals, arrays, strict=True):
            total += array

    run_chunks(function, chunks, take=take)
    return totals
