"""Threads: how many, one BLAS thread each, and chunks that do not depend on them."""

import threading

import joblib
import numpy as np
import pytest
from joblib import Parallel, delayed, parallel_config
from threadpoolctl import threadpool_limits

from skinfluence.kernels import effective_threads, job_threads, single_threaded_blas
from skinfluence.kernels._threads import MAX_CHUNKS, row_chunks, run_chunks


@pytest.mark.parametrize("limit", [1, 2])
def test_limits_of_the_blas_hold_for_our_threads(limit):
    with threadpool_limits(limit, user_api="blas"):
        assert effective_threads() == limit


def test_limits_inside_workers_hold_for_our_threads():
    with parallel_config("loky", n_jobs=2, inner_max_num_threads=1):
        inside = Parallel()(delayed(effective_threads)() for _ in range(2))
    assert inside == [1, 1]


@pytest.mark.parametrize("backend", ["threading", "multiprocessing"])
def test_workers_without_a_limit_of_their_own_take_one_thread(backend):
    with threadpool_limits(2, user_api="blas"):
        tasks = (delayed(effective_threads)() for _ in range(4))
        assert Parallel(n_jobs=2, backend=backend)(tasks) == [1] * 4
        assert effective_threads() == 2


@pytest.mark.parametrize("n_jobs", [-1, 2, 4])
def test_jobs_inside_workers_do_not_multiply(n_jobs):
    with parallel_config("loky", inner_max_num_threads=1):
        found = Parallel(n_jobs=2)(delayed(job_threads)(n_jobs) for _ in range(2))
    assert found == [1, 1]


def test_jobs_outside_workers_are_as_many_as_asked_for():
    assert job_threads(3) == 3
    assert job_threads(-1) == joblib.cpu_count()
    assert job_threads(None) is None


def test_threads_that_overlap_leave_the_limit_as_it_was():
    with threadpool_limits(2, user_api="blas"):
        first_left, second_entered = threading.Event(), threading.Event()

        def second():
            with single_threaded_blas():
                second_entered.set()
                first_left.wait(10)

        thread = threading.Thread(target=second)
        with single_threaded_blas():
            thread.start()
            assert second_entered.wait(10)
            assert effective_threads() == 1
        first_left.set()
        thread.join()
        assert effective_threads() == 2


@pytest.mark.parametrize("n_rows", [0, 1, 7, 100_000])
def test_chunks_cover_every_row_once(n_rows):
    chunks = row_chunks(n_rows, 100 * n_rows, accumulator=100)
    assert 1 <= len(chunks) <= MAX_CHUNKS
    np.testing.assert_array_equal(
        np.concatenate([np.arange(n_rows)[chunk] for chunk in chunks]), np.arange(n_rows)
    )


@pytest.mark.parametrize("n_threads", [1, 3])
def test_results_come_in_the_order_of_the_chunks(n_threads):
    assert list(run_chunks(lambda chunk: chunk**2, list(range(20)), n_threads)) == [
        i**2 for i in range(20)
    ]


def test_an_error_in_a_thread_is_raised_and_the_limit_restored():
    with threadpool_limits(2, user_api="blas"):
        with pytest.raises(ZeroDivisionError):
            list(run_chunks(lambda chunk: 1 / chunk, [1, 0, 2], n_threads=2))
        assert effective_threads() == 2
