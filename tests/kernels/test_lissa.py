"""The compiled steps of LiSSA agree with their numpy twin."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import sparse

from skinfluence.kernels import _lissa_loops
from tests.kernels import _reference


class Problem:
    """Sparse-ish rows with drawn row numbers; one column without penalty, one with next to none."""

    def __init__(self, K, m, size, factor, per_output, intercept, dtype=np.float64, center=False):
        rng = np.random.default_rng(0)
        n, f, repeats = 30, 7, 2
        X = rng.standard_normal((n, f)) * (rng.random((n, f)) < 0.4)
        self.X = X.astype(dtype)
        self.center = rng.standard_normal(f) if center else np.zeros(f)
        Z = self.X.astype(float) - self.center
        self.Z = np.column_stack([Z, np.ones(n)]) if intercept else Z
        self.intercept = intercept
        q = self.Z.shape[1]
        self.curvature = rng.random((n, K))
        self.factor = 0.5 * rng.random((n if factor else 0, K))
        self.row_scale = rng.random(n)
        self.rows = rng.integers(0, n, (60, repeats, size))
        lines = K if per_output else 1
        self.shrink = 0.3 * rng.random((lines, q))
        self.shrink[:, :4] = [0.0, 1e-9, 0.7, 1.0]
        self.step = 0.05 * rng.random((lines, q))
        self.drift = rng.standard_normal((m, K, q))
        self.V = rng.standard_normal((repeats, m, K, q))
        self.shared = self.curvature, self.factor, self.row_scale, self.rows

    def twin(self):
        V = self.V.copy()
        _reference.lissa(self.Z, *self.shared, self.shrink, self.step, self.drift, V)
        return V

    def dense(self):
        V = self.V.copy()
        tail = self.shrink, self.step, self.drift, V
        _lissa_loops.dense(self.X, self.center, *self.shared, *tail)
        return V

    def csr(self, rows=None):
        X = sparse.csr_array(self.X)
        V = np.ascontiguousarray(self.V.transpose(0, 3, 1, 2))
        drift = np.ascontiguousarray(self.drift.transpose(2, 0, 1))
        shrink, step = (np.ascontiguousarray(a.T) for a in (self.shrink, self.step))
        curvature, factor, row_scale, drawn = self.shared
        for part in [drawn] if rows is None else rows:
            head = X.data, X.indices, X.indptr, self.intercept, curvature, factor, row_scale
            _lissa_loops.csr(*head, part, shrink, step, drift, V)
        return V.transpose(0, 2, 3, 1)


CASES = {
    "one output": (1, 1, 1, False, False, False),
    "one output, batches, intercept": (1, 3, 2, False, False, True),
    "softmax": (4, 1, 1, True, False, True),
    "softmax, batches, several right-hand sides": (4, 2, 3, True, False, True),
    "softmax, a step size for each output": (4, 2, 1, True, True, False),
    "separable outputs, batches": (4, 2, 3, False, True, False),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
@pytest.mark.parametrize("way", ["dense", "csr"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_steps_are_those_of_the_twin(case, way, dtype):
    problem = Problem(*case, dtype=dtype)
    expected = problem.twin()
    assert_allclose(getattr(problem, way)(), expected, atol=1e-13 * np.abs(expected).max())


def test_dense_rows_are_centred():
    problem = Problem(3, 2, 2, True, False, True, center=True)
    expected = problem.twin()
    assert_allclose(problem.dense(), expected, atol=1e-13 * np.abs(expected).max())


def test_steps_in_pieces_are_the_same_steps():
    """Every column is brought up to date at the end of a call, however many steps it missed."""
    problem = Problem(3, 2, 2, True, False, True)
    rows = problem.shared[-1]
    pieces = [rows[:1], rows[1:20], rows[20:20], rows[20:]]
    whole = problem.csr()
    assert_allclose(problem.csr(pieces), whole, atol=1e-13 * np.abs(whole).max())


@pytest.mark.parametrize("way", ["dense", "csr"])
def test_nan_comes_through(way):
    problem = Problem(1, 1, 1, False, False, False)
    row = problem.shared[-1][0, 0, 0]
    problem.X[row, np.flatnonzero(problem.X[row])[0]] = np.nan
    V = getattr(problem, way)()
    assert np.isnan(V[0]).any()
