"""Flaggers that many tests look at and none changes, and a target with wrong values."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_diabetes

from skinfluence import LabelFlagger
from tests.labels import _reviewed, _tables
from tests.labels._flipped import X, logistic, y


@pytest.fixture(scope="session")
def flagger():
    return LabelFlagger().fit(X, y)


@pytest.fixture(scope="session")
def explained():
    return LabelFlagger(logistic).fit(X, y)


@pytest.fixture(scope="session")
def values():
    table, target = load_diabetes(return_X_y=True)
    rng = np.random.RandomState(0)
    wrong = rng.permutation(len(target))[:30]
    noisy = target.copy()
    noisy[wrong] += rng.choice([-1, 1], size=30) * 400.0
    is_wrong = np.zeros(len(target), dtype=bool)
    is_wrong[wrong] = True
    return table, target, noisy, is_wrong


@pytest.fixture(scope="session")
def usual():
    return _tables.judged("none")


@pytest.fixture(scope="session")
def reviewed():
    """Flaggers of the rows of `_reviewed`, by name: to be copied before they are updated."""
    X, given = _reviewed.X, _reviewed.given
    return {name: clone(flagger).fit(X, given) for name, flagger in _reviewed.FLAGGERS.items()}
