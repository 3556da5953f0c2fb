"""The k strongest of a stream of scores: one pass, no sorted or copied blocks."""

import numpy as np

from skinfluence.kernels._arrays import read_only
from skinfluence.kernels._threads import MAX_CHUNKS, run_chunks

#: Fewer scores than this are ranked in numpy before a compiler would have begun.
COMPILED_SCORES = 100_000_000
STRENGTHS = {"magnitude": np.abs, "helpful": np.positive, "harmful": np.negative}


class TopK:
    """Keeps the k strongest scores of each test row while blocks of scores go by.

    NaN never ranks. Ties go to the lower row number, so blocks must come in the order of the
    rows.

    Parameters
    ----------
    n_test : int
    k : int
    order : {"magnitude", "helpful", "harmful"}
        Strongest absolute value, largest, or smallest.
    n_scores : int or None, default=None
        How many scores will come in all. From `COMPILED_SCORES` on the ranking is compiled: a
        score that does not rank then costs one comparison. None never compiles.

    Examples
    --------
    >>> import numpy as np
    >>> ranking = TopK(n_test=1, k=2, order="magnitude")
    >>> ranking.add(slice(0, 1), 0, np.array([[0.5, -3.0]]))
    >>> ranking.add(slice(0, 1), 2, np.array([[2.0, np.nan]]))
    >>> index, values, total = ranking.result()
    >>> index
    array([[1, 2]])
    >>> values
    array([[-3.,  2.]])
    """

    def __init__(self, n_test, k, order, n_scores=None):
        self.k = k
        self.order = order
        self.compiled = n_scores is not None and n_scores >= COMPILED_SCORES and k > 0
        self._keys = np.full((n_test, k), -np.inf)
        self._values = np.full((n_test, k), np.nan)
        self._index = np.full((n_test, k), -1)
        self._total = np.zeros(n_test)

    def add(self, tests, first, block):
        """Take the scores of some rows into account, the same for any number of threads.

        Parameters
        ----------
        tests : slice
            Test rows of the block.
        first : int
            Row number of the block's first column.
        block : ndarray of shape (n_tests, width)
        """
        (self._add_compiled if self.compiled else self._add)(tests, first, block)

    def _add(self, tests, first, block):
        keys, values, index, k = self._keys, self._values, self._index, self.k
        self._total[tests] += np.nansum(np.abs(block), axis=1, dtype=np.float64)
        key = STRENGTHS[self.order](block)
        key = np.where(np.isnan(key), -np.inf, key)
        if key.shape[1] > k:
            near = _strongest(key, k)
        else:
            near = np.tile(np.arange(key.shape[1]), (len(key), 1))
        merged = np.concatenate([keys[tests], np.take_along_axis(key, near, 1)], axis=1)
        candidates = np.concatenate([values[tests], np.take_along_axis(block, near, 1)], axis=1)
        places = np.concatenate([index[tests], near + first], axis=1)
        chosen = np.argsort(-merged, axis=1, kind="stable")[:, :k]
        keys[tests] = np.take_along_axis(merged, chosen, 1)
        values[tests] = np.take_along_axis(candidates, chosen, 1)
        index[tests] = np.take_along_axis(places, chosen, 1)

    def _add_compiled(self, tests, first, block):
        from skinfluence.kernels import _top_k_loops

        block = read_only(block)
        order = list(STRENGTHS).index(self.order)
        state = [part[tests] for part in (self._keys, self._values, self._index, self._total)]
        n_test = len(block)
        count = max(1, min(MAX_CHUNKS, n_test, block.size // 2**18))
        edges = [n_test * i // count for i in range(count + 1)]

        def work(c):
            _top_k_loops.merge(block, first, order, edges[c], edges[c + 1], *state)

        run_chunks(work, list(range(count)))

    def result(self):
        """(index, values, total), strongest first.

        Returns
        -------
        index : ndarray of int of shape (n_test, k)
            Row numbers; -1 where fewer than k scores were numbers.
        values : ndarray of shape (n_test, k)
            The scores; NaN where the index is -1.
        total : ndarray of shape (n_test,)
            Sum of the absolute scores of all rows.
        """
        index, values = self._index.copy(), self._values.copy()
        if self.compiled:
            # places without a score have key -inf and come last
            ranked = np.lexsort((index, -self._keys), axis=1)
            index = np.take_along_axis(index, ranked, 1)
            values = np.take_along_axis(values, ranked, 1)
        index[np.isnan(values)] = -1
        return index, values, self._total.copy()


def _strongest(key, k):
    """Columns of the k largest keys of each row, in order; of equal ones the first."""
    if k == 0:
        return np.empty((len(key), 0), dtype=np.intp)
    near = np.sort(np.argpartition(-key, k - 1, axis=1)[:, :k], axis=1)
    # the partition takes any of the keys that equal the k-th: rows where some were left out
    least = np.take_along_axis(key, near, 1).min(axis=1, keepdims=True)
    some_left = (key >= least).sum(axis=1) > k
    for row in np.flatnonzero(some_left):
        near[row] = np.sort(np.argsort(-key[row], kind="stable")[:k])
    return near
