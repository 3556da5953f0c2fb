"""The benchmarks of the papers' figures, on few rows."""

import numpy as np
from numpy.testing import assert_allclose

from benchmarks import fixing


def test_the_order_of_figure_6(shared_data):
    # Koh & Liang (2017): self-influence finds wrong labels before the loss, the loss before chance
    X, y, X_test, y_test, _ = shared_data.enron1_bow()
    X, X_test, y = X[:400, :500].astype(float), X_test[:, :500].astype(float), y[:400]
    repeats = [fixing.repeat(X, y, X_test, y_test, seed) for seed in (0, 1)]
    found, accuracy = np.mean(repeats, axis=0)
    by_influence, by_loss, by_chance = found[:, 1:]
    assert (by_influence > by_loss).all()
    assert (by_loss > by_chance).all()
    assert_allclose(by_chance, fixing.SHARES[1:], atol=0.08)
    assert (accuracy[:, -1] > accuracy[:, 0]).all()
