"""Test rows with their target, and its changes."""

from functools import cached_property

import numpy as np

from skinfluence.effects import StoredChanges
from skinfluence.linalg import SOLVED_MIB, PerSampleGradients, row_blocks


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
    if tests.target.joint:
        for some, values in joint_changes(
            tests.predictor, tests.target, reference, changes, linear
        ):
            out[:, some] = values
        return out
    everything = slice(0, changes.n_changes)
    for rows in row_blocks(len(tests), 16 * changes.n_changes * reference.n_outputs):
        part = tests.predictor.take(rows).at(reference.predictor)
        target, raw = tests.target.take(rows), part.raw()
        if linear:
            out[rows] = changes.contract(part, target.gradient(raw))(everything)
        else:
            out[rows] = target.change(raw, changes.raw_prediction_changes(part))
    return out


def joint_changes(predictor, target, reference, changes, linear):
    """Iterate over (slice of changes, changes (1, n_some) of one number of all test rows)."""
    predictor = predictor.at(reference.predictor)
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
