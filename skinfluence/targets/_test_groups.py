"""Groups of test rows, and the largest of their mean losses."""

import numpy as np

from skinfluence.targets._base import JointTarget, Target
from skinfluence.targets._named import bind_target


class TestGroups:
    """Groups of test rows, by the label of each row.

    Parameters
    ----------
    owner : str
        Target that reads them, for messages.
    names : ndarray of shape (n_groups,)
    codes : ndarray of int of shape (n_test,)
    """

    __test__ = False

    def __init__(self, owner, names, codes):
        self.owner = owner
        self.names = names
        self.codes = codes

    def shares(self, group, counted):
        """Weights (n_test,) of the mean over the counted rows of a group."""
        own = (self.codes == group) & counted
        return own / own.sum()

    def means(self, values, counted):
        """Mean of the values (n_test,) over the counted rows of each group."""
        sums = np.bincount(self.codes[counted], values[counted], len(self.names))
        return sums / np.bincount(self.codes[counted], minlength=len(self.names))

    def check_not_empty(self, counted, whose):
        sizes = np.bincount(self.codes[counted], minlength=len(self.names))
        if not sizes.all():
            empty = self.names[sizes == 0].tolist()
            raise ValueError(
                f"target={self.owner}: the group(s) {empty} have no {whose}. Expected some in each "
                "group; leave these test rows out."
            )

    def pair(self, between, rates):
        """(first, second) group of a gap; by default those of the largest and smallest rate."""
        if between is None:
            return int(np.argmax(rates)), int(np.argmin(rates))
        known = self.names.tolist()
        pair = list(between) if np.ndim(between) == 1 else []
        if len(pair) != 2 or not all(name in known for name in pair) or pair[0] == pair[1]:
            raise ValueError(
                f"between={between!r}. Expected two different groups of {known[:20]}, such as "
                f"between=({known[0]!r}, {known[1]!r})."
            )
        return known.index(pair[0]), known.index(pair[1])


def read_test_groups(owner, groups, n_test):
    """The TestGroups of an array-like of labels."""
    labels = np.asarray(groups)
    if labels.shape != (n_test,):
        raise ValueError(
            f"target={owner}: groups has shape {labels.shape}; expected ({n_test},), the group of "
            "each test row."
        )
    missing = labels != labels
    if np.any(missing) or any(label is None for label in labels.tolist()):
        raise ValueError(
            f"target={owner}: some test rows have no group (NaN or None). Give them one, such as "
            '"unknown", or leave these rows out.'
        )
    names, codes = np.unique(labels, return_inverse=True)
    if len(names) < 2:
        raise ValueError(
            f"target={owner} compares groups of test rows, and all rows are in {names.tolist()}. "
            "Expected at least two groups."
        )
    return TestGroups(owner, names, codes)


class WorstGroupLoss(JointTarget):
    """Largest mean loss of the groups of test rows.

    Parameters
    ----------
    groups : array-like of shape (n_test,)
        Group of each test row.
    target : str or Target, default="loss"
        A target with a number for each test row, in place of the loss.

    Notes
    -----
    First order follows the group that is worst in the fitted model. The Newton step and the refit
    also see another group become the worst.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skinfluence import InfluenceExplainer
    >>> from skinfluence.targets import WorstGroupLoss
    >>> X, y = load_iris(return_X_y=True)
    >>> explainer = InfluenceExplainer(LogisticRegression(max_iter=1000)).fit(X[::2], y[::2])
    >>> tests = explainer.test_rows(X[1::2], y[1::2], target=WorstGroupLoss(y[1::2]))
    >>> print(f"{tests.value():.3f} in group {tests.target.worst(tests.raw_prediction)}")
    0.247 in group 2
    """

    name = "worst-group loss"
    each: Target
    found: TestGroups
    members: np.ndarray

    def __init__(self, groups, target="loss"):
        self.groups = groups
        self.target = target

    def bind(self, objective, raw, y_test):
        each = bind_target(self.target, objective, raw, y_test)
        if each.joint:
            raise ValueError(
                f"target={self.target!r} is one number for all test rows. WorstGroupLoss needs one "
                'for each, such as "loss".'
            )
        found = read_test_groups("WorstGroupLoss", self.groups, len(raw))
        everyone = np.ones(len(raw), dtype=bool)
        members = np.stack([found.shares(g, everyone) for g in range(len(found.names))])
        name = "worst-group loss" if each.name == "loss" else f"largest mean {each.name}"
        return self._replace(each=each, found=found, members=members, name=name)

    def _means(self, raw):
        return self.members @ self.each.value(raw)

    def worst(self, raw):
        """Label of the group of the largest mean."""
        return self.found.names[np.argmax(self._means(raw))]

    def value(self, raw):
        return float(self._means(raw).max())

    def gradient(self, raw):
        worst = self.members[np.argmax(self._means(raw))]
        return worst[:, None] * self.each.gradient(raw)

    def change(self, raw, moved):
        before = self._means(raw)
        # relative to the worst mean before, so that small changes keep their digits
        lead = (before - before.max())[:, None]
        return (lead + self.members @ self.each.change(raw, moved)).max(axis=0)
