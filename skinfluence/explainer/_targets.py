"""Test rows with their target, and its changes."""

import numpy as np

from skinfluence.effects import RefittedChanges
from skinfluence.linalg import SOLVED_MIB, PerSampleGradients, row_blocks


class TestRows:
    """Test rows with a target: a number for each of them, or one for all.

    Parameters
    ----------
    objective : Objective
        At the coefficients that are explained.
    design : Design of the test rows
    target : Target
        Bound to these rows, see :mod:`skinfluence.targets`.

    Attributes
    ----------
    raw_prediction : ndarray of shape (n_test, K)
    """

    __test__ = False  # no test case of pytest, whatever its name

    def __init__(self, objective, design, target):
        self.objective = objective
        self.design = design
        self.target = target
        self.raw_prediction = objective.raw_predictions(design)

    def __len__(self):
        return self.design.shape[0]

    @property
    def n_values(self):
        """Values of the target: one for each test row, or one for all."""
        return 1 if self.target.joint else len(self)

    def take(self, rows):
        """Some of these rows; `rows` is a slice or an index array."""
        return TestRows(self.objective, self.design.take(rows), self.target.take(rows))

    def value(self):
        """Value of the target, (n_test,), or a float for one number of all rows."""
        return self.target.value(self.raw_prediction)

    def gradient(self):
        """Derivative of the target in the raw predictions, (n_test, K)."""
        return self.target.gradient(self.raw_prediction)

    def coef_gradients(self):
        """Derivative of each row's value in the coefficients: an operator (n_test, p)."""
        return PerSampleGradients(self.design, self.gradient())

    def coef_gradient(self, moved_coef=None):
        """Derivative of one number of all rows in the coefficients, (K, q).

        `moved_coef` (K, q) is added to the coefficients first.
        """
        raw = self.raw_prediction
        if moved_coef is not None:
            raw = raw + self.design.matmul(moved_coef.T)
        return self.design.rmatmul(self.target.gradient(raw)).T

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
        for some, values in joint_changes(tests.design, tests.target, reference, changes, linear):
            out[:, some] = values
        return out
    everything = slice(0, changes.n_changes)
    for rows in row_blocks(len(tests), 16 * changes.n_changes * reference.n_outputs):
        part, target = tests.design.take(rows), tests.target.take(rows)
        raw = reference.raw_predictions(part)
        if linear:
            out[rows] = changes.ask(part, target.gradient(raw))(everything)
        else:
            out[rows] = target.change(raw, changes.raw_prediction_changes(part))
    return out


def joint_changes(design, target, reference, changes, linear):
    """Iterate over (slice of changes, changes (1, n_some) of one number of all test rows)."""
    raw = reference.raw_predictions(design)
    if linear:  # one right-hand side, however many test rows
        gradient = design.rmatmul(target.gradient(raw)).T.reshape(-1, 1)
        everything = slice(0, changes.n_changes)
        yield everything, changes.ask(gradient)(everything)
        return
    coef = changes.coef_changes()
    for some in row_blocks(len(coef), 24 * raw.size, SOLVED_MIB):
        moved = RefittedChanges(coef[some]).raw_prediction_changes(design)
        yield some, target.change(raw, moved)[None]
