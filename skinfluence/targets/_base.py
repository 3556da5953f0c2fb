"""The Target noun: one number for each test row, or one number for all of them."""

import copy
from abc import ABC, abstractmethod

import numpy as np


class Target(ABC):
    """A number for each test row, as a function of its raw predictions.

    Shapes: n test rows, K raw predictions a row, m changes of the model.

    Attributes
    ----------
    name : str
        In titles of tables.
    labels : ndarray of shape (n,) or None
        Label or class that each value belongs to, set by :meth:`bind`; for tables.
    """

    name = "target"
    #: one number for all test rows together
    joint = False
    labels: np.ndarray | None = None
    #: attributes with one entry for each test row
    per_row: tuple[str, ...] = ()

    def bind(self, objective, raw, y_test):
        """Target of given test rows, with their labels.

        Parameters
        ----------
        objective : Objective
            Its `loss` and its `coding` of labels.
        raw : ndarray of shape (n, K)
            Raw predictions of the test rows.
        y_test : array-like of shape (n,) or (n, K), or None
            Labels or values as the user gave them.

        Returns
        -------
        Target
            By default this one, which then takes no `y_test`.
        """
        if y_test is not None:
            raise ValueError(f"target={type(self).__name__} takes no y_test. Leave it out.")
        return self

    def take(self, rows):
        """The target of some of the test rows; `rows` is a slice or an index array."""
        return self._replace(**{name: getattr(self, name)[rows] for name in self.per_row})

    def _replace(self, **attributes):
        new = copy.copy(self)
        vars(new).update(attributes)
        return new

    @abstractmethod
    def value(self, raw):
        """Value for raw predictions (n, K): (n,)."""

    @abstractmethod
    def gradient(self, raw):
        """Derivative of each value in the raw predictions of its row, (n, K)."""

    def change(self, raw, moved):
        """Change of the value when `raw` (n, K) moves by `moved` (n, m, K): (n, m).

        Override it where the difference can be computed without cancellation.
        """
        after = [self.value(raw + moved[:, j]) for j in range(moved.shape[1])]
        before = self.value(raw)
        return np.stack([value - before for value in after], axis=-1)


class JointTarget(Target):
    """One number for all test rows together, such as a mean loss or an AUROC.

    `value` returns a float, `gradient` its derivative in all raw predictions (n, K), and `change`
    an array (m,).
    """

    joint = True

    def take(self, rows):
        raise ValueError(
            f"target={type(self).__name__} is one number for all test rows, and a number for each "
            'test row is needed here. Pass target="loss", "predict", "decision_function" or '
            '"predict_proba".'
        )
