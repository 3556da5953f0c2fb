"""The loop of `_top_k.py`, for numba. Imported at first use: it imports numba."""

import numpy as np
from numba import njit


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _absolute_sum(scores):
    total = 0.0
    for score in scores:
        total += abs(score) if score == score else 0.0  # NaN counts as nothing
    return total


@njit(cache=True, nogil=True)
def merge(block, first, order, start, stop, keys, values, index, total):
    """Scores of test rows start .. stop - 1 go through a heap each, the weakest at its root.

    Of equal keys the higher row number is the weaker. Rows come in rising order, so a score that
    only equals the root is weaker than all that the heap holds.
    """
    for t in range(start, stop):
        scores = block[t]
        total[t] += _absolute_sum(scores)
        heap, kept, rows = keys[t], values[t], index[t]
        weakest = heap[0]
        for i in range(len(scores)):
            score = scores[i]
            key = score
            if order == 0:
                key = abs(score)
            elif order == 2:
                key = -score
            if key > weakest:  # never for NaN
                _replace_root(heap, kept, rows, np.float64(key), np.float64(score), first + i)
                weakest = heap[0]


@njit(cache=True, nogil=True)
def _replace_root(heap, kept, rows, key, score, row):
    k = len(heap)
    hole = 0
    while True:
        child = 2 * hole + 1
        if child >= k:
            break
        other = child + 1
        if other < k and _weaker(heap[other], rows[other], heap[child], rows[child]):
            child = other
        if not _weaker(heap[child], rows[child], key, row):
            break
        heap[hole], kept[hole], rows[hole] = heap[child], kept[child], rows[child]
        hole = child
    heap[hole], kept[hole], rows[hole] = key, score, row


@njit(cache=True, nogil=True)
def _weaker(key, row, other_key, other_row):
    return key < other_key or (key == other_key and row > other_row)
