"""Test rows with their target, and its changes."""

from collections import deque
from functools import cached_property

import numpy as np

from skinfluence.effects import StoredChanges
from skinfluence.kernels import effective_threads, run_chunks
from skinfluence.linalg import (
    CACHE_MIB,
    SOLVED_MIB,
    PerSampleGradients,
    block_size,
    row_blocks,
    slices,
)

#: Test rows that are taken together, at most: wider products gain nothing.
MOST_TESTS = 512


class TestRows:
    """Test rows with a target: a number for each of them, or one for all.

    Parameters
    ----------
    objective : Objective
        At the coefficients that are explained.
    predictor : Predictor of the test rows
    target : Target
        Bound to these rows, see :mod:`skinfluence.targets`.
    """

    __test__ = False  # no test case of pytest, whatever its name

    def __init__(self, objective, predictor, target):
        self.objective = objective
        self.predictor = predictor.at(objective.predictor)
        self.target = target

    @cached_property
    def raw_prediction(self):
        """Raw predictions of the test rows, (n_test, K)."""
        return self.predictor.raw()

    def __len__(self):
        return self.predictor.n_rows

    @property
    def design(self):
        """Design of the test rows, for linear predictors."""
        return self.predictor.design

    @property
    def n_values(self):
        """Values of the target: one for each test row, or one for all."""
        return 1 if self.target.joint else len(self)

    def take(self, rows):
        """Some of these rows; `rows` is a slice or an index array."""
        return TestRows(self.objective, self.predictor.take(rows), self.target.take(rows))

    def value(self):
        """Value of the target, (n_test,), or a float for one number of all rows."""
        return self.target.value(self.raw_prediction)

    def gradient(self):
        """Derivative of the target in the raw predictions, (n_test, K)."""
        return self.target.gradient(self.raw_prediction)

    def coef_gradients(self):
        """Derivative of each row's value in the coefficients: an operator (n_test, p)."""
        return PerSampleGradients(self.predictor, self.gradient())

    def coef_gradient(self, moved_coef=None):
        """Derivative of one number of all rows in the coefficients, in their shape.

        `moved_coef` is added to the coefficients first.
        """
        predictor, raw = self.predictor, self.raw_prediction
        if moved_coef is not None:
            predictor = predictor.with_coef(predictor.coef + moved_coef)
            raw = predictor.raw()
        pulled = predictor.vjp(self.target.gradient(raw)[:, :, None])
        return pulled.reshape(predictor.coef.shape)

    def change(self, moved):
        """Change of the value when the raw predictions move by `moved` (n_test, m, K)."""
        return self.target.change(self.raw_prediction, moved)


def target_changes(tests, reference, changes, *, linear=False):
    """Changes of the target, (n_test, n_changes), or (1, n_changes) for one number of all rows.

    Parameters
    ----------
    tests : TestRows
    reference : Objective
        At the coefficients that the changes are measured from.
    changes : Changes
        Of the coefficients, see skinfluence.effects.
    linear : bool
        Whether the change is that of the linearised target.
    """
    out = np.empty((tests.n_values, changes.n_changes))
    deque(changed_blocks(tests, reference, changes, linear=linear, out=out), maxlen=0)
    return out


def changed_blocks(tests, reference, changes, *, linear=False, out=None):
    """Iterate over (slice of values, slice of changes, changes of the target) of all pairs.

    Parameters
    ----------
    tests, reference, changes, linear : see :func:`target_changes`
    out : ndarray of shape (n_values, n_changes), default=None
        Where they are written; they are yielded as views of it.
    """
    if tests.target.joint:
        for some, values in _joint_changes(tests, reference, changes, linear):
            if out is not None:
                out[:, some] = values
            yield slice(0, 1), some, values
        return
    for rows in _solved_together(len(tests), reference, linear):
        part, target = tests.predictor.take(rows).at(reference.predictor), tests.target.take(rows)
        raw = part.raw()
        slopes = target.gradient(raw) if linear else None
        block = _Block(changes.contract(part, slopes), target, raw, slopes)
        wanted = None if out is None else out[rows]
        for some, values in _pieces(block, changes, wanted, reference.predictor.dtype):
            yield rows, some, values


def _joint_changes(tests, reference, changes, linear):
    """Iterate over (slice of changes, changes (1, n_some) of one number of all test rows)."""
    predictor, target = tests.predictor.at(reference.predictor), tests.target
    raw = predictor.raw()
    if changes.raw_only:
        contracted = changes.contract(predictor, target.gradient(raw) if linear else None)
        for some in row_blocks(changes.n_changes, 24 * raw.size, SOLVED_MIB):
            made = contracted(some)
            yield some, (made.sum(axis=0) if linear else target.change(raw, made))[None]
        return
    if linear:  # one right-hand side, however many test rows
        gradient = predictor.vjp(target.gradient(raw)[:, :, None])
        everything = slice(0, changes.n_changes)
        yield everything, changes.products(gradient)(everything)
        return
    coef = changes.coef_changes()
    for some in row_blocks(len(coef), 24 * raw.size, SOLVED_MIB):
        moved = StoredChanges(coef[some]).raw_prediction_changes(predictor)
        yield some, target.change(raw, moved)[None]


def _solved_together(n_test, objective, linear):
    """Slices of test rows whose right-hand sides are solved together."""
    K = objective.n_outputs
    at_once = 3 if linear or K == 1 else K + 2
    size = block_size(8 * at_once * objective.predictor.n_stored, SOLVED_MIB)
    return slices(n_test, min(size, MOST_TESTS))


def _pieces(block, changes, wanted, dtype):
    """(slice of changes, values) for all changes: pieces that stay in the cache, on threads.

    Only a few pieces exist at a time. Their widths do not depend on the number of threads, and
    neither do the values.
    """
    width = block_size(8 * block.n_tests * block.arrays, CACHE_MIB)
    pieces = list(slices(changes.n_changes, width))

    def work(some):
        if wanted is None:
            values = np.empty((block.n_tests, some.stop - some.start), dtype)
        else:
            values = wanted[:, some]
        block.fill(some, values)
        return values

    wave = 2 * effective_threads() if len(pieces) > 1 else 1
    for i in range(0, len(pieces), wave):
        now = pieces[i : i + wave]
        yield from zip(now, run_chunks(work, now), strict=True)


class _Block:
    """Some test rows with their solved right-hand sides: fills in any piece of their influences."""

    def __init__(self, contracted, target, raw, slopes):
        self.contracted = contracted
        self.target = target
        self.raw = raw  # shape: (n_tests, K)
        self.slopes = slopes
        self.n_tests, K = raw.shape
        # next to the influences: with several outputs, each one's change of the raw predictions
        self.arrays = 1 if slopes is not None or K == 1 else 2 * K

    def fill(self, some, values):
        """Write the influences of a slice of changes into `values`."""
        if self.slopes is not None:
            self.contracted(some, values)
            return
        K = self.raw.shape[1]
        # with one output the changes of the raw predictions are written where the influences go
        moved = self.contracted(some, values[:, :, None] if K == 1 else None)
        # a few test rows at a time, so that the elementwise work stays in the cache
        for piece in slices(self.n_tests, block_size(8 * values.shape[1] * K, 0.5)):
            values[piece] = self.target.take(piece).change(self.raw[piece], moved[piece])
